//! What is old goes, a little at a time, so that no caller waits for it (DESIGN section 2; PEERS section 3, point 8).

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use event_schema::id::{DeliveryId, Environment, PartyId};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    causes::Causes,
    command::expire::Expire,
    offer::INBOX_LIFETIME,
    ports::{Clock, RequestStore, StoreError, Urgency},
};
use rusqlite::params;

use crate::{Embedded, background::Background, rows, writer::Transaction};

/// Most rows removed in one transaction.
const STEP: u16 = 200;

/// Pause between two steps while there is more to remove.
const PAUSE: Duration = Duration::from_millis(20);

/// How long things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Journal rows: timelines and the bus's archive.
    pub journal: SignedDuration,
    /// Attempts.
    pub attempts: SignedDuration,
    /// How often it is looked whether something is too old.
    pub every: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            journal: SignedDuration::from_hours(90 * 24),
            attempts: SignedDuration::from_hours(30 * 24),
            every: Duration::from_secs(60),
        }
    }
}

/// Starts sweeping.
#[must_use]
pub fn start(store: Embedded, clock: Arc<dyn Clock>, retention: Retention) -> Background {
    Background::start(async move {
        loop {
            if let Err(error) = sweep(&store, clock.now(), retention).await {
                tracing::warn!(error = %Causes(&error), "retention will be tried again");
            }
            tokio::time::sleep(retention.every).await;
        }
    })
}

/// Removes everything that is too old now, and expires what nobody fetched.
///
/// # Errors
/// The store could not take it; what was removed stays removed.
pub async fn sweep(store: &Embedded, now: Timestamp, retention: Retention) -> Result<(), StoreError> {
    // What is not filed is not removed.
    store.file().await?;
    let before = |age| rows::micros(now.checked_sub(age).unwrap_or(Timestamp::MIN));
    let (journal, attempts, now_us) = (before(retention.journal), before(retention.attempts), rows::micros(now));
    remove(store, move |transaction| remove_journal(transaction, journal)).await?;
    remove(store, move |transaction| remove_attempts(transaction, attempts)).await?;
    let expiring = [
        ("idempotency", "key"),
        ("confirmations", "hash"),
        ("sign_up_tokens", "hash"),
        ("texts", "counted"),
        ("contacts_told", "party, sequence"),
        ("replays", "id"),
    ];
    for (table, key) in expiring {
        let delete = move |transaction: &Transaction<'_>| remove_expired(transaction, table, key, now_us);
        remove(store, delete).await?;
    }
    expire(store, now).await
}

/// Repeats a step, each in a commit of its own, until it removes less than it may.
async fn remove<F>(store: &Embedded, step: F) -> Result<(), StoreError>
where
    F: Fn(&Transaction<'_>) -> rusqlite::Result<usize> + Copy + Send + 'static,
{
    loop {
        let removed = Arc::new(AtomicUsize::new(0));
        let count = removed.clone();
        store
            .write_bus(move |transaction| {
                count.store(step(transaction)?, Ordering::Relaxed);
                Ok(())
            })
            .await?;
        if removed.load(Ordering::Relaxed) < usize::from(STEP) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The oldest rows, unless a consumer has still to read them, and with them what is filed of them.
fn remove_journal(transaction: &Transaction<'_>, before: i64) -> rusqlite::Result<usize> {
    let connection = transaction.connection;
    let delete = format!(
        "DELETE FROM journal WHERE sequence IN (SELECT sequence FROM \
         (SELECT sequence, at FROM journal ORDER BY sequence LIMIT ?2) WHERE at < ?1 \
         AND sequence <= (SELECT coalesce(min(sequence), 0) FROM consumers) \
         AND sequence <= (SELECT sequence FROM filed)) RETURNING {}",
        rows::JOURNAL
    );
    let mut delete = connection.prepare_cached(&delete)?;
    let removed = delete.query_map(params![before, STEP], rows::journal_entry)?;
    let removed = removed.collect::<rusqlite::Result<Vec<_>>>()?;
    let delete = "DELETE FROM party_journal WHERE party = ?1 AND environment = ?2 AND sequence = ?3";
    let mut delete = connection.prepare_cached(delete)?;
    for entry in &removed {
        if let Some((party, environment)) = entry.fact.of_an_offer_to() {
            delete.execute(params![party.as_str(), environment as i64, rows::sequence(entry.sequence)])?;
        }
    }
    Ok(removed.len())
}

/// Rows that say themselves when their time is over.
fn remove_expired(transaction: &Transaction<'_>, table: &str, key: &str, now_us: i64) -> rusqlite::Result<usize> {
    let delete = format!(
        "DELETE FROM {table} WHERE ({key}) IN \
         (SELECT {key} FROM {table} WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)"
    );
    transaction.connection.prepare_cached(&delete)?.execute(params![now_us, STEP])
}

/// An offer's id begins with the time of its request in milliseconds (RFC 9562, version 7), so the oldest attempts
/// come first and need no index on time. The few late attempts of old requests are passed over until they are old.
fn remove_attempts(transaction: &Transaction<'_>, before: i64) -> rusqlite::Result<usize> {
    let milliseconds = (before / 1_000).max(0).unsigned_abs();
    let mut first = [0; 26];
    first[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
    let delete = "DELETE FROM attempts WHERE (offer, number) IN (SELECT offer, number FROM attempts \
         WHERE offer < ?1 AND at < ?2 ORDER BY offer, number LIMIT ?3)";
    transaction.connection.prepare_cached(delete)?.execute(params![first, before, STEP])
}

/// Gives up what has waited in an inbox for longer than the inbox's lifetime.
async fn expire(store: &Embedded, now: Timestamp) -> Result<(), StoreError> {
    let before = rows::micros(now.checked_sub(INBOX_LIFETIME).unwrap_or(Timestamp::MIN));
    let mut place: Option<(PartyId, Environment)> = None;
    loop {
        let from = place.clone();
        let Some((found, old)) = store.shared.readers.read(move |connection| oldest(connection, from, before)).await?
        else {
            return Ok(());
        };
        for delivery_id in &old {
            store.apply(Expire { delivery_id: *delivery_id, at: now }, Urgency::Ours, None).await?;
        }
        if old.len() < usize::from(STEP) {
            place = Some(found);
        } else {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

type Oldest = Option<((PartyId, Environment), Vec<DeliveryId>)>;

/// The next party environment that has an inbox, and what is too old in it.
fn oldest(
    connection: &rusqlite::Connection,
    from: Option<(PartyId, Environment)>,
    before: i64,
) -> rusqlite::Result<Oldest> {
    let next = "SELECT party, environment FROM offers WHERE available_at IS NOT NULL \
         AND (party, environment) > (?1, ?2) ORDER BY party, environment LIMIT 1";
    let last = from.as_ref().map_or(("", -1), |(party, environment)| (party.as_str(), *environment as i64));
    let mut statement = connection.prepare_cached(next)?;
    let mut step = statement
        .query_map(last, |row| Ok((rows::parse::<PartyId>(row, 0)?, rows::pick(row, 1, &Environment::ALL)?)))?;
    let Some(found) = step.next().transpose()? else {
        return Ok(None);
    };
    let select = "SELECT id FROM offers WHERE party = ?1 AND environment = ?2 AND available_at < ?3 \
         AND message_at < ?3 ORDER BY available_at LIMIT ?4";
    let mut statement = connection.prepare_cached(select)?;
    let place = params![found.0.as_str(), found.1 as i64, before, STEP];
    let old = statement.query_map(place, |row| Ok(DeliveryId(row.get(0)?)))?.collect::<rusqlite::Result<_>>()?;
    Ok(Some((found, old)))
}
