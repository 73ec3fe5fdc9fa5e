//! Names, in every delivery that is put on the main bus, the bus that has its party's rule: what the main bus forwards
//! by (see [`super::buses`]).

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use event_schema::{
    id::{Environment, PartyId},
    names,
};
use serde::Deserialize;

use super::{
    buses::{self, Buses},
    route::Route,
};
use crate::outbox::{Bus, BusError};

/// A bus whose deliveries go on to others.
#[derive(Clone, Debug)]
pub struct Spread<B> {
    main: B,
    buses: Buses,
}

impl<B> Spread<B> {
    /// The main bus, and over how many routes are spread.
    pub fn new(main: B, buses: Buses) -> Self {
        Self { main, buses }
    }
}

impl<B: Bus> Bus for Spread<B> {
    async fn put(&self, mut entries: Vec<PutEventsRequestEntry>) -> Result<Vec<Option<String>>, BusError> {
        for entry in &mut entries {
            // A delivery that does not say to whom is none of ours.
            let bus = addressee(entry).map_or(0, |route| self.buses.of(&route));
            if bus > 0 {
                entry.resources.get_or_insert_default().push(buses::name(bus));
            }
        }
        self.main.put(entries).await
    }
}

/// As much of a delivery's detail as says whose it is.
#[derive(Deserialize)]
struct Addressee {
    #[serde(rename = "3rdparty")]
    third_party: PartyId,
    environment: Environment,
}

fn addressee(entry: &PutEventsRequestEntry) -> Option<Route> {
    if entry.detail_type() != Some(names::DELIVERY) {
        return None;
    }
    let addressee: Addressee = serde_json::from_str(entry.detail()?).ok()?;
    Some(Route { party: addressee.third_party, environment: addressee.environment })
}

#[cfg(test)]
mod tests {
    use std::{
        num::NonZeroU16,
        sync::{Arc, Mutex},
    };

    use serde_json::json;

    use super::*;

    /// Keeps what it gets.
    #[derive(Clone, Debug, Default)]
    struct Kept(Arc<Mutex<Vec<PutEventsRequestEntry>>>);

    impl Bus for Kept {
        async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Result<Vec<Option<String>>, BusError> {
            let taken = vec![Some("id".to_owned()); entries.len()];
            self.0.lock().unwrap().extend(entries);
            Ok(taken)
        }
    }

    fn entry(kind: &str, party: &str) -> PutEventsRequestEntry {
        let detail = json!({ "3rdparty": party, "environment": "prod", "message": {} }).to_string();
        PutEventsRequestEntry::builder().detail_type(kind).detail(detail).build()
    }

    async fn named(buses: u16, entries: Vec<PutEventsRequestEntry>) -> Vec<Vec<String>> {
        let kept = Kept::default();
        let spread = Spread::new(kept.clone(), Buses::new(NonZeroU16::new(buses).unwrap()));
        assert_eq!(spread.put(entries.clone()).await.unwrap().len(), entries.len());
        let kept = kept.0.lock().unwrap();
        kept.iter().map(|entry| entry.resources().to_vec()).collect()
    }

    #[tokio::test]
    async fn a_delivery_names_the_bus_that_has_its_rule_and_nothing_else_does() {
        let parties: Vec<String> = (0..50).map(|number| format!("party-{number}")).collect();
        let entries: Vec<_> = parties.iter().map(|party| entry(names::DELIVERY, party)).collect();
        assert!(named(1, entries.clone()).await.iter().all(Vec::is_empty));
        let buses = Buses::new(NonZeroU16::new(5).unwrap());
        for (party, named) in parties.iter().zip(named(5, entries).await) {
            let route = Route { party: party.parse().unwrap(), environment: Environment::Prod };
            let expected = match buses.of(&route) {
                0 => vec![],
                bus => vec![format!("marketplace-{bus}")],
            };
            assert_eq!(named, expected, "{party}");
        }
        let others: Vec<_> = parties.iter().map(|party| entry(names::DELIVERY_RESULT, party)).collect();
        assert!(named(5, others).await.iter().all(Vec::is_empty));
    }
}
