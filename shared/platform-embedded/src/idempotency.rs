//! Idempotency keys: claimed in memory while the first POST runs, kept in the database with its answer.

use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use marketplace_core::ports::{Admission, IdempotencyStore, Remember, StoreError, StoredAnswer, Urgency};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use crate::{
    Embedded, rows,
    shared::Shared,
    writer::{Job, Transaction},
};

/// The claim on a key; it ends when this is dropped.
pub struct Guard {
    key: [u8; 32],
    shared: Arc<Shared>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl IdempotencyStore for Embedded {
    type Guard = Guard;

    async fn admit(
        &self,
        key: [u8; 32],
        fingerprint: [u8; 32],
        now: Timestamp,
    ) -> Result<Admission<Guard>, StoreError> {
        // The claim comes before the look: whoever finishes in between has written its answer by then.
        if !self.shared.running.lock().unwrap_or_else(PoisonError::into_inner).insert(key) {
            return Ok(Admission::Running);
        }
        let guard = Guard { key, shared: self.shared.clone() };
        let known = self.shared.readers.read(move |connection| read(connection, &key, now)).await?;
        Ok(match known {
            None => Admission::Fresh(guard),
            Some((known, answer)) if known == fingerprint => Admission::Repeat(answer),
            Some(_) => Admission::Mismatch,
        })
    }

    async fn remember(&self, remember: Remember<()>) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.writer.queue(Box::new(Keep { remember, answer }), Urgency::Ours).await?;
        answered.await.map_err(|_| StoreError::Unavailable("the store is closed"))?
    }
}

struct Keep {
    remember: Remember<()>,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl Job for Keep {
    fn run(&mut self, transaction: &mut Transaction<'_>) -> rusqlite::Result<()> {
        write(transaction.connection, &self.remember, &())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let _ = self.answer.send(committed);
    }
}

fn read(connection: &Connection, key: &[u8; 32], now: Timestamp) -> rusqlite::Result<Option<([u8; 32], StoredAnswer)>> {
    connection
        .prepare_cached("SELECT fingerprint, status, body FROM idempotency WHERE key = ?1 AND expires_at > ?2")?
        .query_row(params![key, rows::micros(now)], |row| {
            Ok((row.get(0)?, StoredAnswer { status: row.get(1)?, body: row.get(2)? }))
        })
        .optional()
}

/// Keeps an answer under its key, in the transaction of the change that it answers.
pub(crate) fn write<R>(connection: &Connection, remember: &Remember<R>, reply: &R) -> rusqlite::Result<()> {
    let answer = (remember.answer)(reply);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO idempotency (key, fingerprint, status, body, expires_at) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            remember.key,
            remember.fingerprint,
            answer.status,
            answer.body,
            rows::micros(remember.expires_at)
        ])?;
    Ok(())
}
