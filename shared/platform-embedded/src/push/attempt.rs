//! One push from a worker's hands: the message is rendered, sent once, and what came of it is recorded.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use jiff::Timestamp;
use marketplace_core::{
    causes::Causes,
    command::push::conclude,
    delivery::DeliverySettings,
    health::Ended,
    offer::{Outgoing, message_id},
    party::{GONE, PartyCommand},
    ports::{PartyStore, Push, PushReport, RequestStore, StoreError, Urgency},
    transport::{Failure, Outcome},
};

use super::{
    PushDeps,
    gate::Gate,
    queues::{Due, Queue},
    worker::Settings,
};
use crate::Embedded;

/// How long to wait before trying again what the store could not take.
pub(super) const STORE_PAUSE: Duration = Duration::from_millis(200);

/// A push that was taken from the queue.
pub(super) struct Attempting<P: Push> {
    pub(super) store: Embedded,
    pub(super) deps: PushDeps<P>,
    pub(super) gate: Gate,
    pub(super) queue: Arc<Queue>,
    pub(super) settings: Arc<Settings<P>>,
    pub(super) due: Due,
    /// Whether it is to find out if the endpoint works again.
    pub(super) probe: bool,
}

impl<P: Push> Attempting<P> {
    /// Makes one attempt and records it; tells when the offer's message is due next, if it is to be pushed again.
    pub(super) async fn run(self) -> Option<Timestamp> {
        let offer = &self.due.offer;
        let message = offer.message.as_ref()?;
        let began = self.deps.clock.now();
        let report = self.send(message, began).await;
        let ended = self.deps.clock.now();
        let word = report.outcome.word();
        metrics::counter!("marketplace_attempts_total", "outcome" => word.as_str()).increment(1);
        let fraction = self.deps.randomness.fraction();
        let (shut, consequence) = self.note(&report.outcome, ended);
        let (command, pause) = conclude(offer, &self.settings.push, report, (began, ended), shut, fraction)?;
        if pause && self.is_in_force() {
            self.change_party(PartyCommand::Pause(offer.environment, GONE.to_owned()), ended).await;
        }
        if let Some(consequence) = consequence {
            self.change_party(consequence, ended).await;
        }
        let recorded = persist(|| self.store.apply(command.clone(), Urgency::Ours, None)).await;
        if recorded.is_none() {
            self.store.shared.queues.settle(&[offer.delivery_id]);
        }
        recorded.flatten()
    }

    /// Takes the outcome for what it says of the endpoint, unless the party has left that; whether messages wait for it
    /// to work again, and what is to be done to the party.
    fn note(&self, outcome: &Outcome, at: Timestamp) -> (bool, Option<PartyCommand>) {
        let Some(ended) = Ended::of(&self.settings.push, outcome, self.probe, at) else {
            return (false, None);
        };
        if !ended.well && !self.is_in_force() {
            return (false, None);
        }
        let mut health = self.queue.health();
        let before = health.is_shut();
        health.record(&ended, &self.deps.health);
        let shut = health.is_shut();
        let (party, environment) = (&self.queue.party, self.queue.environment);
        let consequence = health.consequence(&ended, &self.settings.party, environment, &self.deps.health);
        drop(health);
        if before != shut {
            tracing::info!(party.id = %party, %environment, shut, "an endpoint's breaker has turned");
        }
        (shut, consequence)
    }

    async fn send(&self, message: &Outgoing, now: Timestamp) -> PushReport {
        let offer = &self.due.offer;
        let mapping = self.settings.party.environment(offer.environment).mapping.as_deref();
        let body = offer.text(message, &self.due.detail, mapping);
        let id = message_id(offer.delivery_id, message.kind);
        let attempt = self.deps.push.attempt(&self.settings.endpoint, id, body, now);
        let report = AssertUnwindSafe(self.gate.pass(attempt)).catch_unwind().await;
        report.unwrap_or_else(|_| {
            // Whatever an endpoint answered to bring this about: it must not stop the party's worker.
            tracing::error!(party.id = %offer.party, "an attempt panicked");
            PushReport {
                outcome: Outcome::Failed(Failure::MalformedAnswer),
                latency: Duration::ZERO,
                answer: String::new(),
            }
        })
    }

    /// Whether pushes are still made with these settings: 410 from an endpoint that the party has left, or the
    /// second of two on the wire together, pauses nothing.
    fn is_in_force(&self) -> bool {
        let offer = &self.due.offer;
        let registry = self.store.shared.registry();
        registry.routing.party(&offer.party).is_some_and(|party| {
            party.takes_pushes(offer.environment)
                && matches!(
                    &party.environment(offer.environment).delivery,
                    DeliverySettings::Push(present) if *present == self.settings.push
                )
        })
    }

    async fn change_party(&self, command: PartyCommand, at: Timestamp) {
        let change = || {
            let (party, by) = (self.due.offer.party.clone(), "delivery".to_owned());
            self.store.apply_to_party(party, command.clone(), by, at, None)
        };
        persist(change).await;
    }
}

/// An attempt that was made must be recorded, however long the store cannot take it; none if the rules refuse it.
async fn persist<T, F: Future<Output = Result<T, StoreError>>>(mut write: impl FnMut() -> F) -> Option<T> {
    loop {
        match write().await {
            Ok(reply) => return Some(reply),
            Err(StoreError::Refused(refusal)) => {
                tracing::error!(error = %Causes(&refusal), "an attempt could not be recorded");
                return None;
            }
            Err(error) => {
                tracing::warn!(error = %Causes(&error), "an attempt is not recorded yet");
                tokio::time::sleep(STORE_PAUSE).await;
            }
        }
    }
}
