//! A bus that keeps what is put on it, in the place of `EventBridge`.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use event_schema::names;
use jiff::Timestamp;
use marketplace_core::publish::BusEvent;
use platform_aws::outbox::{Bus, BusError, DOORBELL};
use serde_json::{Value, value::RawValue};

/// What was put on the bus, in order. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    taken: Vec<PutEventsRequestEntry>,
    /// How many entries each call had.
    calls: Vec<usize>,
    /// Says of the n-th entry that was ever offered whether it is refused.
    refuses: Option<fn(usize) -> bool>,
    offered: usize,
}

impl Archive {
    /// One that takes everything, or, in trouble, refuses every third entry.
    pub(crate) fn new(trouble: bool) -> Self {
        Self::that_refuses(if trouble { |number| number % 3 == 1 } else { |_| false })
    }

    /// One that refuses some entries, counted over all calls.
    pub(crate) fn that_refuses(refuses: fn(usize) -> bool) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { refuses: Some(refuses), ..Inner::default() })) }
    }

    /// From now on it takes everything.
    pub(crate) fn recovers(&self) {
        self.inner.lock().expect("no panic").refuses = None;
    }

    /// How many entries each call had.
    pub(crate) fn calls(&self) -> Vec<usize> {
        self.inner.lock().expect("no panic").calls.clone()
    }

    /// How many entries were taken, copies too.
    pub(crate) fn taken(&self) -> usize {
        self.inner.lock().expect("no panic").taken.len()
    }

    /// The id that the bus gave the n-th entry, counted over all calls from 1.
    pub(crate) fn id_of(number: usize) -> String {
        format!("bus-{number}")
    }

    /// The events that say so are for the doorbell.
    pub(crate) fn rings(&self) -> Vec<bool> {
        let rings = |entry: &PutEventsRequestEntry| entry.resources() == [DOORBELL];
        self.inner.lock().expect("no panic").taken.iter().map(rings).collect()
    }

    /// The events, once each, as a consumer sees them that knows them by their ids.
    pub(crate) fn events(&self) -> Vec<BusEvent> {
        let mut seen = BTreeSet::new();
        let events: Vec<BusEvent> = self.inner.lock().expect("no panic").taken.iter().map(event).collect();
        events.into_iter().filter(|event| seen.insert(event.id)).collect()
    }
}

impl Bus for Archive {
    async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Result<Vec<Option<String>>, BusError> {
        assert!((1..=10).contains(&entries.len()), "{} entries", entries.len());
        let mut inner = self.inner.lock().expect("no panic");
        inner.calls.push(entries.len());
        let take = |entry| {
            inner.offered += 1;
            let refused = inner.refuses.is_some_and(|refuses| refuses(inner.offered));
            if !refused {
                inner.taken.push(entry);
            }
            (!refused).then(|| Self::id_of(inner.offered))
        };
        Ok(entries.into_iter().map(take).collect())
    }
}

fn event(entry: &PutEventsRequestEntry) -> BusEvent {
    assert_eq!(entry.event_bus_name(), Some(names::BUS));
    let text = entry.detail().expect("a detail").to_owned();
    let detail: Value = serde_json::from_str(&text).expect("JSON");
    BusEvent {
        id: detail["metadata"]["event_id"].as_str().expect("an id").parse().expect("a UUID"),
        source: entry.source().expect("a source").to_owned().into(),
        detail_type: entry.detail_type().expect("a type").to_owned().into(),
        time: Timestamp::from_second(entry.time().expect("a time").secs()).expect("a time"),
        detail: RawValue::from_string(text).expect("JSON"),
    }
}
