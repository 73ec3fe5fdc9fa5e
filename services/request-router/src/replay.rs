//! Parties' replays: a step of each that runs, so that none waits for another's end.

use event_schema::id::DeliveryId;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use marketplace_core::{
    command::replay::ReplayOwn,
    ports::{PageQuery, Store, StoreError, Urgency},
    replay::{ReplayJob, Step},
};

/// Most jobs that are looked at.
const MOST: usize = 1_000;

/// Most jobs that have a turn in one round.
const JOBS: usize = 20;

/// Offers that are looked at in one step.
const STEP: usize = 50;

/// Offers that are sent again at the same time.
const AT_ONCE: usize = 10;

/// Takes a step of each job that runs, or of some of them when there are many, others in each round; answers how many
/// still run. A step that is cut short is taken again: what it has sent is on its way, and is not sent twice.
///
/// # Errors
/// The store could not be read, or some step not be taken; all others were.
pub async fn replay_some<S: Store>(store: &S, now: Timestamp) -> Result<usize, StoreError> {
    let mut jobs = store.running_replays(MOST).await?;
    let left = jobs.len().saturating_sub(JOBS);
    if left > 0 {
        let round = usize::try_from(now.as_millisecond()).unwrap_or_default();
        let first = round % jobs.len();
        jobs.rotate_left(first);
        jobs.truncate(JOBS);
    }
    let (mut running, mut failed) = (left, Ok(()));
    for job in jobs {
        match take_step(store, &job, now).await {
            Ok(runs) => running += usize::from(runs),
            // It keeps none of the others from its step.
            Err(error) => failed = Err(error),
        }
    }
    failed.map(|()| running)
}

/// Whether there may be more to do.
async fn take_step<S: Store>(store: &S, job: &ReplayJob, now: Timestamp) -> Result<bool, StoreError> {
    let page = PageQuery { cursor: job.progress.cursor.clone(), limit: STEP };
    let found = store.offers_to(&job.party, job.environment, job.selection.window(), page).await?;
    let chosen = found.items.iter().filter(|record| job.selection.chooses(record, now));
    let sending: Vec<_> = chosen.map(|record| send(store, job, record.offer.delivery_id, now)).collect();
    let sent: Vec<bool> = stream::iter(sending).buffer_unordered(AT_ONCE).try_collect().await?;
    let count = |wanted: bool| -> u64 { sent.iter().map(|sent| u64::from(*sent == wanted)).sum() };
    let step = Step { replayed: count(true), refused: count(false) };
    let after = job.after(step, found.next_cursor, now);
    let running = after.is_running();
    // Whoever took the same step before has gone on from it.
    Ok(!store.keep_replay(job, after).await? || running)
}

/// Whether an offer is on its way again; the rules may say no.
async fn send<S: Store>(
    store: &S,
    job: &ReplayJob,
    delivery_id: DeliveryId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (party, environment) = (job.party.clone(), job.environment);
    let command = ReplayOwn { delivery_id, party, environment, at: now };
    match store.apply(command, Urgency::Ours, None).await {
        Ok(_) => Ok(true),
        Err(StoreError::Refused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
