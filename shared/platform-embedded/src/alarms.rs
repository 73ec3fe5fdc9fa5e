//! Offers that run against a clock: what is due is done to the moment, by one task that sleeps until then.
//!
//! When something is due stands in the database, so a restart loses nothing. A commit that makes something due earlier
//! than the task knows of wakes it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use event_schema::id::DeliveryId;
use futures::future::join_all;
use jiff::Timestamp;
use marketplace_core::{
    causes::Causes,
    command::deadline::KeepDeadline,
    ports::{Clock, RequestStore, StoreError, Urgency},
};
use rusqlite::{Connection, params};
use tokio::sync::Notify;

use crate::{Embedded, background::Background, rows};

/// Most offers that are looked at together: they share commits.
const STEP: u16 = 256;

/// The longest sleep. The system's clock may be set meanwhile.
const LONGEST: Duration = Duration::from_secs(10);

/// How long to wait before trying again what the store could not take.
const STORE_PAUSE: Duration = Duration::from_millis(200);

/// When the task wakes, and how it is woken earlier.
pub(crate) struct Alarm {
    at: AtomicI64,
    earlier: Notify,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { at: AtomicI64::new(i64::MAX), earlier: Notify::new() }
    }
}

impl Alarm {
    /// Something is due at this time, in microseconds.
    pub(crate) fn set(&self, at: i64) {
        if at < self.at.fetch_min(at, Ordering::AcqRel) {
            self.earlier.notify_one();
        }
    }
}

/// Starts the task; what became due before is done at once.
#[must_use]
pub fn start(store: Embedded, clock: Arc<dyn Clock>) -> Background {
    Background::start(async move {
        loop {
            let wait = match keep(&store, clock.now()).await {
                Ok(next) => wait_until(next, clock.now()),
                Err(error) => {
                    tracing::warn!(error = %Causes(&error), "clocks will be looked at again");
                    STORE_PAUSE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = store.shared.alarm.earlier.notified() => {}
            }
        }
    })
}

fn wait_until(next: Option<Timestamp>, now: Timestamp) -> Duration {
    let wait = next.map(|next| Duration::try_from(next.duration_since(now)).unwrap_or(Duration::ZERO));
    wait.map_or(LONGEST, |wait| wait.min(LONGEST))
}

/// Does everything that is due at this time; answers when the next thing is.
///
/// # Errors
/// The store could not take it; what was done stays done.
pub async fn keep(store: &Embedded, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let before = rows::micros(now);
    loop {
        // From here on a commit that makes something due says so; what was committed before is read below.
        store.shared.alarm.at.store(i64::MAX, Ordering::Release);
        let due = store.shared.readers.read(move |connection| due(connection, before)).await?;
        let done = due.iter().map(|delivery_id| {
            let command = KeepDeadline { delivery_id: *delivery_id, at: now };
            store.apply(command, Urgency::Ours, None)
        });
        let mut refused = Ok(());
        for (delivery_id, done) in due.iter().zip(join_all(done).await) {
            match done {
                Ok(_) => {}
                Err(StoreError::Refused(refusal)) => {
                    let error = Causes(&refusal);
                    tracing::error!(%error, delivery.id = %delivery_id, "a clock belongs to nothing");
                    refused = Err(refusal);
                }
                Err(error) => return Err(error),
            }
        }
        // It would be due again at once.
        refused.map_err(StoreError::Refused)?;
        if due.len() < usize::from(STEP) {
            let next = store.shared.readers.read(next).await?;
            if let Some(next) = next {
                store.shared.alarm.at.fetch_min(rows::micros(next), Ordering::AcqRel);
            }
            return Ok(next);
        }
    }
}

fn due(connection: &Connection, now: i64) -> rusqlite::Result<Vec<DeliveryId>> {
    let select = "SELECT id FROM offers WHERE alarm_at <= ?1 ORDER BY alarm_at LIMIT ?2";
    let mut statement = connection.prepare_cached(select)?;
    statement.query_map(params![now, STEP], |row| Ok(DeliveryId(row.get(0)?)))?.collect()
}

fn next(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let select = "SELECT min(alarm_at) FROM offers WHERE alarm_at IS NOT NULL";
    connection.prepare_cached(select)?.query_row([], |row| rows::optional_time(row, 0))
}
