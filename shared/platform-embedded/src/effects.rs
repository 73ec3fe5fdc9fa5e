//! What becomes known when a commit is durable: journal rows to the bus, due pushes to the workers, settings.

use std::{collections::BTreeMap, sync::Arc};

use event_schema::id::{DeliveryId, Environment};
use marketplace_core::{
    party::{ApiKey, Party},
    publish::Happened,
};

use crate::{certifications, push::queues::Due, shared::Shared};

/// Collected while a transaction runs; made known after its commit, dropped after a rollback.
#[derive(Default)]
pub(crate) struct Effects {
    /// New journal rows.
    pub(crate) happened: Vec<Happened>,
    /// Pushes that are due now, oldest request first (an id begins with its request's). Only the last write of an
    /// offer counts: what one change made due another may have leased, answered or withdrawn in the same commit.
    pub(crate) due: BTreeMap<DeliveryId, Due>,
    /// The earliest time at which the clock of an offer that was written has something due, in microseconds.
    pub(crate) alarm: Option<i64>,
    /// Pushes that are out of a worker's hands.
    pub(crate) settled: Vec<DeliveryId>,
    /// Parties with new settings, and the registry's version then.
    pub(crate) parties: Vec<(u64, Arc<Party>)>,
    /// Keys as they are from now on, by their hash; none for those that were revoked.
    pub(crate) keys: Vec<([u8; 32], Option<ApiKey>)>,
}

impl Effects {
    /// Makes everything known. Runs on the writer's thread, before any caller is answered and before the next
    /// transaction, so what a caller does next sees it, and so does the next job.
    pub(crate) fn publish(self, shared: &Shared, from: u64, to: u64) {
        if !self.parties.is_empty() || !self.keys.is_empty() {
            let mut registry = shared.registry_mut();
            for (version, party) in &self.parties {
                registry.routing.set(*version, party.clone());
            }
            for (hash, key) in self.keys {
                match key {
                    Some(key) => registry.keys.insert(hash, Arc::new(key)),
                    None => registry.keys.remove(&hash),
                };
            }
        }
        if let Some(alarm) = self.alarm {
            shared.alarm.set(alarm);
        }
        shared.queues.settle(&self.settled);
        for (party, environment) in shared.queues.offer(self.due.into_values(), shared) {
            shared.waiters.wake(&party, environment);
        }
        certifications::wake(&self.parties, shared);
        for (_, party) in &self.parties {
            for environment in Environment::ALL {
                shared.queues.settings_changed(party, environment);
            }
        }
        if from < to {
            shared.tail.append(to, self.happened);
        }
    }
}
