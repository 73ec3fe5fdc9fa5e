//! What was left behind is found by indexes and done again; how far behind it is, an alarm watches.

use std::time::{Duration, Instant};

use event_schema::id::{Environment, PartyId};
use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    causes::Causes,
    command::expire::Expire,
    delivery::DeliverySettings,
    party::Party,
    ports::{PartyStore as _, RequestStore as _, StoreError, Urgency},
};

use super::Deps;
use crate::{
    alarms::{self, LOOK_AHEAD},
    doorbell::{BacklogRing, Ring},
    sqs::Failure,
    telemetry::{Metric, Unit},
};

/// Rows younger than this are still the stream's, and rings still the doorbell's.
const GRACE: SignedDuration = SignedDuration::from_secs(30);

/// Most offers of one inbox that expire in an hour.
const MOST_EXPIRED: usize = 200;

/// Rounds of replays in a minute: fifty offers of each party that has asked for one.
const ROUNDS: usize = 10;

/// No round begins later than this: a function ends after a minute, and others sweep, too.
const LONGEST: Duration = Duration::from_secs(20);

/// Parties that are looked at at the same time.
const AT_ONCE: usize = 16;

/// Puts on the bus what the stream did not, and tells how long the oldest row has waited.
pub(super) async fn outbox(deps: &Deps) -> Result<(), Failure> {
    let swept = deps.outbox.sweep(deps.clock.now() - GRACE).await;
    let now = deps.clock.now();
    let waiting = deps.outbox.waiting_since().await?.map_or(SignedDuration::ZERO, |since| now.duration_since(since));
    let seconds = u64::try_from(waiting.as_secs()).unwrap_or(0);
    deps.metrics.tell(&[Metric { name: "OldestUnpublished", unit: Unit::Seconds, values: vec![seconds] }], now);
    let left = swept?;
    if left > 0 {
        tracing::warn!(left, "the bus did not take all of the outbox");
    }
    Ok(())
}

/// Rings for the clocks of offers: what is due before the next sweep, when it is, and what was missed, now.
pub(super) async fn alarms(deps: &Deps) -> Result<(), Failure> {
    let now = deps.clock.now();
    let alarms = deps.store.alarms(now + LOOK_AHEAD).await?;
    if !alarms.is_empty() {
        let rings = alarms::ring(alarms, now, &deps.doorbell).await?;
        tracing::info!(rings, "rung for the clocks of offers");
    }
    Ok(())
}

/// Rings for every party's environment to which pushes are overdue.
pub(super) async fn overdue(deps: &Deps) -> Result<(), Failure> {
    let before = deps.clock.now() - GRACE;
    let pushed = |party: &Party, environment| {
        party.takes_pushes(environment) && matches!(party.environment(environment).delivery, DeliverySettings::Push(_))
    };
    let places = places(deps, pushed).await?;
    each(places, async |third_party, environment| ring(third_party, environment, before, deps).await).await
}

/// Rings for a party's environment if a push to it has been due since before this time.
pub(crate) async fn ring(
    third_party: &PartyId,
    environment: Environment,
    before: Timestamp,
    deps: &Deps,
) -> Result<(), Failure> {
    let overdue = deps.store.overdue(third_party, environment, before, 1).await?;
    if !overdue.is_empty() {
        tracing::info!(party.id = %third_party, %environment, "rung for what is overdue");
        let ring = BacklogRing { third_party: third_party.clone(), environment, lease: None };
        deps.doorbell.ring(&[Ring::Backlog(ring)], Duration::ZERO).await?;
    }
    Ok(())
}

/// Goes on with parties' replays, for as long as a minute's worth.
pub(super) async fn replays(deps: &Deps) -> Result<(), Failure> {
    let began = Instant::now();
    for _ in 0..ROUNDS {
        if began.elapsed() > LONGEST {
            break;
        }
        if request_router::replay_some(&deps.store, deps.clock.now()).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// Gives up what nobody has fetched for as long as offers stay in an inbox.
pub(super) async fn inboxes(deps: &Deps) -> Result<(), Failure> {
    let now = deps.clock.now();
    let places = places(deps, |_, _| true).await?;
    each(places, async |party, environment| {
        for delivery_id in deps.store.outlived(party, environment, now, MOST_EXPIRED).await? {
            deps.store.apply(Expire { delivery_id, at: now }, Urgency::Ours, None).await?;
        }
        Ok(())
    })
    .await
}

/// Does something for each of them; what fails for one keeps none of the others from it.
///
/// # Errors
/// The first failure.
async fn each(
    places: Vec<(PartyId, Environment)>,
    work: impl AsyncFn(&PartyId, Environment) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let work = &work;
    let done = places.into_iter().map(|(party, environment)| async move {
        work(&party, environment).await.inspect_err(|failure| {
            tracing::error!(party.id = %party, %environment, error = %Causes(&**failure), "a party was not swept for");
        })
    });
    let done: Vec<_> = stream::iter(done).buffer_unordered(AT_ONCE).collect().await;
    done.into_iter().collect()
}

/// Writes a snapshot of the registry, if its log has grown.
pub(super) async fn snapshot(deps: &Deps) -> Result<(), Failure> {
    if deps.store.write_snapshot(deps.clock.now()).await? {
        tracing::info!("a snapshot of the registry was written");
    }
    Ok(())
}

/// The parties' environments that this is true of.
async fn places(
    deps: &Deps,
    wanted: impl Fn(&Party, Environment) -> bool + Send + Sync,
) -> Result<Vec<(PartyId, Environment)>, StoreError> {
    let read = deps.store.with_routing(|routing| {
        let of = |party: &std::sync::Arc<Party>| {
            let wanted = Environment::ALL.into_iter().filter(|environment| wanted(party, *environment));
            wanted.map(|environment| (party.id.clone(), environment)).collect::<Vec<_>>()
        };
        routing.parties().flat_map(of).collect()
    });
    read.await
}
