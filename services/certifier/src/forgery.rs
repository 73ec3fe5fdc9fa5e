//! A message whose signature is by a key that the party has never been shown.

use event_schema::words::MessageType;
use jiff::SignedDuration;
use marketplace_core::{
    certification::{Certification, ENVIRONMENT, Scene},
    command::push::{Disposition, RecordAttempt},
    delivery::{DeliverySettings, PushSettings},
    offer::{Attempt, message_id},
    party::Party,
    ports::{Push, RequestRecord, RequestStore, Urgency},
    signing::{Seed, SigningKey},
};

use crate::{CertifierError, Deps};

/// Makes one attempt and records it; nothing, if nothing is pushed to the party any more.
pub(crate) async fn send<S: RequestStore, P: Push>(
    run: &Certification,
    party: &Party,
    record: &RequestRecord,
    deps: &Deps<S, P>,
) -> Result<(), CertifierError> {
    let DeliverySettings::Push(settings) = &party.environment(ENVIRONMENT).delivery else {
        return Ok(());
    };
    let Some(forged) = forged(settings, deps) else {
        return Ok(());
    };
    let (began, delivery_id) = (deps.clock.now(), run.delivery(&party.id, Scene::Forged));
    let Some(offer) = record.offers.iter().find(|offer| offer.delivery_id == delivery_id) else {
        return Ok(());
    };
    let kind = MessageType::OfferCreated;
    let mapping = party.environment(ENVIRONMENT).mapping.as_deref();
    // As it would look to the party, so that only the signature is wrong.
    let body = offer.text(&offer.first_message(began), &record.detail, mapping);
    let endpoint = deps.push.endpoint(&forged).map_err(CertifierError::Endpoint)?;
    let report = deps.push.attempt(&endpoint, message_id(delivery_id, kind), body, began).await;
    let attempt = Attempt {
        at: began,
        message: kind,
        outcome: report.outcome.word().as_str().to_owned(),
        status_code: report.outcome.status(),
        latency_us: u64::try_from(report.latency.as_micros()).unwrap_or(u64::MAX),
        answer: (!report.answer.is_empty()).then_some(report.answer),
    };
    // Nothing waits to reach the party, so whatever came of it nothing follows.
    let attempt = RecordAttempt { delivery_id, attempt, disposition: Disposition::Delivered, at: deps.clock.now() };
    deps.store.apply(attempt, Urgency::Ours, None).await?;
    Ok(())
}

/// The party's settings with another key in the place of all of its own; none when messages are not signed any more.
fn forged<S, P>(settings: &PushSettings, deps: &Deps<S, P>) -> Option<PushSettings> {
    let signature = settings.signing.current()?.signature;
    let seed = Seed { bits: deps.randomness.secret(), at: deps.clock.now() };
    let signing = settings.signing.rotated(SigningKey::new(signature, &seed), SignedDuration::ZERO);
    Some(PushSettings { signing, ..settings.clone() })
}
