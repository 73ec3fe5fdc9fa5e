//! `webhook-sender`: the doorbell rings, and what is due for the offer that it rings for is pushed once.
//!
//! A message is claimed in the table before anybody may see it, so that two rings are one push. What follows from the
//! attempt is recorded there, and a retry rings again when it is due. Should a ring be lost, the sweeper rings. Clocks of
//! offers ring, too, and so do certifications.

mod backlog;
mod certification;
mod endpoints;
mod turns;
mod watch;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use event_schema::id::{DeliveryId, Environment, PartyId};
use jiff::Timestamp;
use marketplace_core::{
    causes::Causes,
    command::{
        Refusal,
        push::{Claim, conclude},
    },
    delivery::{DeliverySettings, PushSettings},
    health::{Ended, HealthRules},
    offer::{Offer, message_id},
    party::{GONE, Party, PartyCommand},
    ports::{Clock, PartyStore as _, Push, PushReport, Randomness, RequestStore as _, StoreError, Urgency},
};
use platform_aws::{Aws, gate::Gates};
use serde::Deserialize;

use self::{endpoints::Endpoints, turns::Turns, watch::Watch};
use crate::{
    alarms,
    doorbell::{Doorbell, OfferRing, Ring},
    sqs::{self, Failure},
};

/// What the sender needs.
pub struct Deps<P: Push> {
    /// Offers and parties.
    pub store: Aws,
    /// Where parties' rates are kept.
    pub gates: Gates,
    /// Makes attempts.
    pub push: P,
    /// For retries.
    pub doorbell: Doorbell,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// For jitter.
    pub randomness: Arc<dyn Randomness>,
    /// When an endpoint counts as broken.
    pub health: HealthRules,
    endpoints: Endpoints<P>,
}

impl<P: Push> Deps<P> {
    /// All of it.
    pub fn new(
        store: Aws,
        gates: Gates,
        push: P,
        doorbell: Doorbell,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
    ) -> Self {
        Self {
            store,
            gates,
            push,
            doorbell,
            clock,
            randomness,
            health: HealthRules::default(),
            endpoints: Endpoints::default(),
        }
    }
}

/// The offer's request, or the request itself, is not there.
#[derive(Debug, thiserror::Error)]
#[error("the doorbell rang for an offer without a request")]
struct NoRequest;

/// Handles a batch of rings.
pub async fn handle<P: Push>(batch: &SqsEvent, deps: &Deps<P>) -> SqsBatchResponse {
    let turns = Turns::new(batch.records.iter().filter_map(|message| ring(message).ok()));
    let watch = Watch::default();
    sqs::handle(batch, |message| {
        let (turns, watch) = (&turns, &watch);
        async move {
            match ring(message)? {
                Ring::Offer(ring) => answer(&ring, turns, watch, deps).await,
                Ring::Backlog(ring) => backlog::lead(&ring, watch, deps).await,
                Ring::Certification(ring) => certification::go_on(ring, deps).await,
                Ring::Alarm(ring) => alarms::keep(ring.alarm, &deps.store, &deps.doorbell, &*deps.clock).await,
            }
        }
    })
    .await
}

/// What rang: one of ours, or the event of a delivery that is ours to make.
fn ring(message: &SqsMessage) -> Result<Ring, Failure> {
    /// As much of a delivery's event as concerns us.
    #[derive(Deserialize)]
    struct Delivery {
        detail: Detail,
    }

    /// As much of its detail.
    #[derive(Deserialize)]
    struct Detail {
        delivery_id: DeliveryId,
        #[serde(rename = "3rdparty")]
        third_party: PartyId,
        environment: Environment,
    }

    let text = sqs::body(message)?;
    if let Ok(ring) = serde_json::from_str(text) {
        return Ok(ring);
    }
    let Delivery { detail: Detail { delivery_id, third_party, environment } } = serde_json::from_str(text)?;
    Ok(Ring::Offer(OfferRing { delivery_id, third_party, environment }))
}

/// Pushes what is due, if anything is, and there is a turn for it.
async fn answer<P: Push>(ring: &OfferRing, turns: &Turns, watch: &Watch, deps: &Deps<P>) -> Result<(), Failure> {
    let Some(party) = deps.store.party(&ring.third_party).await? else {
        return Err(NoRequest.into());
    };
    let Some(push) = pushed_to(&party, ring.environment) else {
        // It waits in the inbox, or until the party is resumed.
        return Ok(());
    };
    if turns.take(ring, push, watch, deps).await? {
        push_due(ring.delivery_id, &Way { party: &party, push, watch, probe: false }, deps).await?;
    }
    Ok(())
}

/// How an attempt is made.
struct Way<'a> {
    party: &'a Party,
    push: &'a PushSettings,
    watch: &'a Watch,
    /// Whether it is to find out if the endpoint works again.
    probe: bool,
}

/// Claims an offer's message and makes an attempt, if it is due and nobody else has it; whether it was. A retry rings
/// again.
async fn push_due<P: Push>(delivery_id: DeliveryId, way: &Way<'_>, deps: &Deps<P>) -> Result<bool, Failure> {
    let claim = Claim { delivery_id, at: deps.clock.now() };
    let Some(offer) = deps.store.apply(claim, Urgency::Ours, None).await? else {
        return Ok(false);
    };
    if let Some(due) = attempt(&offer, way, deps).await? {
        let Offer { party: third_party, environment, .. } = offer;
        ring_again(Ring::Offer(OfferRing { delivery_id, third_party, environment }), due, deps).await;
    }
    Ok(true)
}

/// How pushes to this environment are made; none when none are.
fn pushed_to(party: &Party, environment: Environment) -> Option<&PushSettings> {
    match &party.environment(environment).delivery {
        DeliverySettings::Push(push) if party.takes_pushes(environment) => Some(push),
        DeliverySettings::Push(_) | DeliverySettings::Poll => None,
    }
}

/// One attempt, recorded; answers when the next one is due, unless messages wait for the endpoint to work again.
async fn attempt<P: Push>(offer: &Offer, way: &Way<'_>, deps: &Deps<P>) -> Result<Option<Timestamp>, Failure> {
    let (began, push) = (deps.clock.now(), way.push);
    let Some(report) = send(offer, way, began, deps).await? else {
        return Ok(None);
    };
    let times = (began, deps.clock.now());
    let (shut, consequence) = match Ended::of(push, &report.outcome, way.probe, times.1) {
        Some(ended) => note(offer, &ended, way, deps).await,
        None => (false, None),
    };
    let Some((record, pause)) = conclude(offer, push, report, times, shut, deps.randomness.fraction()) else {
        return Ok(None);
    };
    let pause = pause.then(|| PartyCommand::Pause(offer.environment, GONE.to_owned()));
    for command in [consequence, pause].into_iter().flatten() {
        // An attempt that was made is recorded, whatever else cannot be: else it would be made again.
        if let Err(error) = change_party(offer, command, push, deps).await {
            tracing::error!(party.id = %offer.party, error = %Causes(&error), "a party was not told of its endpoint");
        }
    }
    tracing::info!(
        delivery.id = %offer.delivery_id,
        party.id = %offer.party,
        outcome = record.attempt.outcome,
        duration_ms = record.attempt.latency_us / 1_000,
        "pushed",
    );
    let due = deps.store.apply(record, Urgency::Ours, None).await?;
    Ok(due.filter(|_| !shut))
}

/// Takes what came of an attempt for what it says of the endpoint, unless the party has left that; whether messages wait
/// for it to work again, and what is to be done to the party.
async fn note<P: Push>(offer: &Offer, ended: &Ended, way: &Way<'_>, deps: &Deps<P>) -> (bool, Option<PartyCommand>) {
    let place = (&offer.party, offer.environment);
    let noted = async {
        if !ended.well && !is_in_force(offer, way.push, deps).await? {
            return Ok((way.watch.is_shut(place).await, None));
        }
        let health = way.watch.record(place, ended, deps).await?;
        Ok::<_, Failure>((health.is_shut(), health.consequence(ended, way.party, offer.environment, &deps.health)))
    };
    match noted.await {
        Ok(noted) => noted,
        Err(error) => {
            tracing::error!(party.id = %offer.party, error = %Causes(&*error), "an endpoint's health was not kept");
            (way.watch.is_shut(place).await, None)
        }
    }
}

/// Whether pushes are still made with these settings.
async fn is_in_force<P: Push>(offer: &Offer, push: &PushSettings, deps: &Deps<P>) -> Result<bool, StoreError> {
    let present = deps.store.party(&offer.party).await?;
    Ok(present.as_deref().and_then(|party| pushed_to(party, offer.environment)) == Some(push))
}

async fn send<P: Push>(
    offer: &Offer,
    way: &Way<'_>,
    now: Timestamp,
    deps: &Deps<P>,
) -> Result<Option<PushReport>, Failure> {
    let Some(message) = &offer.message else {
        return Ok(None);
    };
    let request = offer.delivery_id.request();
    let detail = deps.store.detail_of(request).await?.ok_or(NoRequest)?;
    let body = offer.text(message, &detail, way.party.environment(offer.environment).mapping.as_deref());
    let endpoint = deps.endpoints.of(offer, way.push, &deps.push)?;
    let id = message_id(offer.delivery_id, message.kind);
    Ok(Some(deps.push.attempt(&endpoint, id, body, now).await))
}

/// What the endpoint brought about is done to the party, unless that has left the endpoint meanwhile.
async fn change_party<P: Push>(
    offer: &Offer,
    command: PartyCommand,
    push: &PushSettings,
    deps: &Deps<P>,
) -> Result<(), StoreError> {
    if !is_in_force(offer, push, deps).await? {
        return Ok(());
    }
    let by = "delivery".to_owned();
    match deps.store.apply_to_party(offer.party.clone(), command, by, deps.clock.now(), None).await {
        Ok(_) | Err(StoreError::Refused(Refusal::NotFound | Refusal::State { .. })) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The table says what is due; without this ring it would be a little late.
async fn ring_again<P: Push>(ring: Ring, due: Timestamp, deps: &Deps<P>) {
    let wait = due.duration_since(deps.clock.now());
    let delay = std::time::Duration::try_from(wait).unwrap_or_default();
    if let Err(error) = deps.doorbell.ring(&[ring], delay).await {
        tracing::warn!(error = %Causes(&error), "the sweeper has to ring");
    }
}
