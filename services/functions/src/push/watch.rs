//! What a batch of rings sees of endpoints' health, so that the table is not asked at every attempt: nothing is written of
//! a success where all is well, nor of what fails once the breaker is known to be open.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use event_schema::id::{Environment, PartyId};
use marketplace_core::{
    health::{Ended, Health},
    ports::Push,
};
use platform_aws::gate::Place;
use tokio::sync::Mutex;

use super::{Deps, backlog::ring_for};
use crate::sqs::Failure;

/// One endpoint's health at a time is changed by one attempt at a time.
type Seen = Arc<Mutex<Health>>;

/// See the module.
#[derive(Default)]
pub(super) struct Watch(std::sync::Mutex<HashMap<(PartyId, Environment), Seen>>);

impl Watch {
    /// It was like this just now.
    pub(super) async fn saw(&self, place: Place<'_>, health: Health) {
        *self.seen(place).lock().await = health;
    }

    /// Whether messages wait for the endpoint to work again.
    pub(super) async fn is_shut(&self, place: Place<'_>) -> bool {
        self.seen(place).lock().await.is_shut()
    }

    /// Takes in what came of an attempt; the endpoint's health from then on. Whoever turns the breaker rings for what
    /// waits.
    pub(super) async fn record<P: Push>(
        &self,
        place: Place<'_>,
        ended: &Ended,
        deps: &Deps<P>,
    ) -> Result<Health, Failure> {
        let seen = self.seen(place);
        let mut seen = seen.lock().await;
        let is_known = (ended.well && seen.is_untroubled()) || (!ended.well && !ended.probe && seen.is_shut());
        if !is_known {
            let (health, lead) = deps.gates.record(place, ended, &deps.health).await?;
            *seen = health;
            if let Some(lead) = lead {
                tracing::info!(party.id = %place.0, environment = %place.1, shut = seen.is_shut(), "a breaker has turned");
                ring_for(place, Some(lead.lease), lead.at, deps).await;
            }
        }
        Ok(seen.clone())
    }

    fn seen(&self, (party, environment): Place<'_>) -> Seen {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry((party.clone(), environment)).or_default().clone()
    }
}
