//! Who is offered a request: whom routing would choose now, who delivers to them, and how long they have.

use std::collections::BTreeMap;

use event_schema::id::{DeliveryId, PartyId};
use jiff::Timestamp;
use marketplace_core::{
    delivery::{DeliverySettings, Transport},
    intake::NewRequest,
    party::{AcceptanceClock, Party},
    pattern::Fields,
    ports::PartyStore,
    routing::RoutingTable,
};
use serde_json::Value;

use super::{Alarm, Deps, Managed};
use crate::RouterError;

/// Who is offered a request.
pub(super) struct Eligible {
    pub(super) parties: Vec<PartyId>,
    pub(super) handed_over: BTreeMap<PartyId, Timestamp>,
    pub(super) clocks: BTreeMap<PartyId, AcceptanceClock>,
    pub(super) registry_version: u64,
}

impl Eligible {
    /// When something is due first on the clocks of these offers, made at this time.
    pub(super) fn alarms(&self, offers: &[(PartyId, DeliveryId)], at: Timestamp) -> Vec<Alarm> {
        if self.clocks.is_empty() {
            return vec![];
        }
        let alarm = |(party, delivery_id): &(PartyId, DeliveryId)| {
            let due = at.saturating_add(self.clocks.get(party)?.first_after()).ok()?;
            Some(Alarm { delivery_id: *delivery_id, at: due })
        };
        offers.iter().filter_map(alarm).collect()
    }
}

/// Whom routing would choose now.
pub(super) async fn eligible<S: PartyStore>(
    event: &Value,
    new: &NewRequest,
    deps: &Deps<S>,
) -> Result<Eligible, RouterError> {
    let fields = Fields::new(event);
    let now = deps.clock.now();
    let eligible = deps.store.with_routing(|routing| {
        let parties = routing.route(&fields, new.environment, new.addressed_to.as_deref());
        let handed_over = match deps.managed {
            Managed::Pushed => BTreeMap::new(),
            Managed::HandedOver => handed_over(routing, &parties, new, now),
        };
        let clocks = clocks(routing, &parties, new);
        Eligible { parties, handed_over, clocks, registry_version: routing.version() }
    });
    Ok(eligible.await?)
}

/// Those that the bus delivers to, and until when it tries at most. Without a route of theirs, or while their pushes are
/// paused, it does not.
fn handed_over(
    routing: &RoutingTable,
    parties: &[PartyId],
    new: &NewRequest,
    now: Timestamp,
) -> BTreeMap<PartyId, Timestamp> {
    let until = |party: &Party| {
        let settings = party.environment(new.environment);
        let DeliverySettings::Push(push) = &settings.delivery else {
            return None;
        };
        let carried = push.transport == Transport::Managed && settings.route && party.takes_pushes(new.environment);
        carried.then(|| now.checked_add(push.max_age_hours.duration()).ok()).flatten()
    };
    let handed_over = |id: &PartyId| Some((id.clone(), until(routing.party(id)?)?));
    parties.iter().filter_map(handed_over).collect()
}

/// Those that have only so long to answer.
fn clocks(routing: &RoutingTable, parties: &[PartyId], new: &NewRequest) -> BTreeMap<PartyId, AcceptanceClock> {
    let clock = |id: &PartyId| {
        let clocks = &routing.party(id)?.environment(new.environment).acceptance;
        Some((id.clone(), AcceptanceClock::of(clocks, new.category.as_deref())?.clone()))
    };
    parties.iter().filter_map(clock).collect()
}
