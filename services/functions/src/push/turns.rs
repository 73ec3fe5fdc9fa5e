//! Turns for what has just become due: for all of a batch's offers to one party's environment at once.

use std::collections::{HashMap, HashSet};

use event_schema::id::{DeliveryId, Environment, PartyId};
use marketplace_core::{delivery::PushSettings, ports::Push};
use platform_aws::gate::spacing;
use tokio::sync::Mutex;

use super::{Deps, backlog::ring_for, watch::Watch};
use crate::{
    doorbell::{OfferRing, Ring},
    sqs::Failure,
};

type Place = (PartyId, Environment);

/// The turns of one batch.
pub(super) struct Turns {
    /// How many offers of the batch are for whom.
    wanted: HashMap<Place, HashSet<DeliveryId>>,
    /// How many turns are left of those that were taken for them.
    left: Mutex<HashMap<Place, u64>>,
}

impl Turns {
    /// For these rings.
    pub(super) fn new(rings: impl Iterator<Item = Ring>) -> Self {
        let mut wanted: HashMap<Place, HashSet<_>> = HashMap::new();
        for ring in rings {
            if let Ring::Offer(OfferRing { delivery_id, third_party, environment }) = ring {
                wanted.entry((third_party, environment)).or_default().insert(delivery_id);
            }
        }
        Self { wanted, left: Mutex::default() }
    }

    /// Takes a turn; without one the message stays due, and whoever leads the party's backlog pushes it.
    pub(super) async fn take<P: Push>(
        &self,
        ring: &OfferRing,
        push: &PushSettings,
        watch: &Watch,
        deps: &Deps<P>,
    ) -> Result<bool, Failure> {
        let place = (ring.third_party.clone(), ring.environment);
        let mut left = self.left.lock().await;
        let turns = match left.get(&place) {
            Some(turns) => *turns,
            None => self.take_all(&place, push, watch, deps).await?,
        };
        left.insert(place, turns.saturating_sub(1));
        Ok(turns > 0)
    }

    async fn take_all<P: Push>(
        &self,
        place: &Place,
        push: &PushSettings,
        watch: &Watch,
        deps: &Deps<P>,
    ) -> Result<u64, Failure> {
        let wanted = self.wanted.get(place).map_or(1, HashSet::len) as u64;
        let (party, environment) = place;
        let (spacing, now) = (spacing(push.rate_limit_per_second), deps.clock.now());
        let taken = deps.gates.take((party, *environment), spacing, wanted, now).await?;
        watch.saw((party, *environment), taken.health).await;
        if let Some(lead) = taken.backlog {
            ring_for((party, *environment), Some(lead.lease), lead.at, deps).await;
        }
        Ok(taken.granted)
    }
}
