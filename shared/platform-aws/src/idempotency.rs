//! Idempotency keys: a row that claims the key while the first POST runs, and then holds its answer.
//!
//! A claim ends by itself after a minute, which is longer than any function runs: a function that was killed blocks its
//! key for no longer. The answer replaces the claim in the transaction of the change that it answers.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    causes::Causes,
    ports::{Admission, IdempotencyStore, Remember, StoreError, StoredAnswer},
};
use tokio::runtime::Handle;

use crate::{
    Aws,
    item::{Item, ItemError, Key},
    table::{Condition, Table, TableError, Write},
};

/// How long a claim holds. The API answers after half a minute at the latest, and functions are stopped then.
const CLAIM: SignedDuration = SignedDuration::from_mins(1);

const FINGERPRINT: &str = "fingerprint";
const STATUS: &str = "status";
const BODY: &str = "body";

/// Who holds the claim; on a claim only.
const CLAIMED_BY: &str = "claimed_by";

/// Who claims: random, so that a claim whose answer was lost is known again.
type Claimant = [u8; 16];

/// Claims of this process that have ended, but may still be in the table.
pub(crate) type Released = Arc<Mutex<HashSet<Claimant>>>;

/// The claim on a key; it ends when this is dropped.
pub struct Guard {
    key: Key,
    claimant: Claimant,
    table: Table,
    released: Released,
}

impl Drop for Guard {
    fn drop(&mut self) {
        lock(&self.released).insert(self.claimant);
        let (key, claimant) = (self.key.clone(), self.claimant);
        let (table, released) = (self.table.clone(), self.released.clone());
        let end = async move {
            if let Err(error) = table.delete(&key, Condition::Holds(CLAIMED_BY, claimant)).await
                && !matches!(error, TableError::Conflict { .. })
            {
                tracing::warn!(error = %Causes(&error), "a claim is left to end by itself");
            }
            lock(&released).remove(&claimant);
        };
        // Without a runtime the process is ending, and so does the claim, later.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(end);
        }
    }
}

impl IdempotencyStore for Aws {
    type Guard = Guard;

    async fn admit(
        &self,
        key: [u8; 32],
        fingerprint: [u8; 32],
        now: Timestamp,
    ) -> Result<Admission<Guard>, StoreError> {
        let (key, claimant) = (row_key(&key), self.claimant());
        // Looked at before the table is: a claim of ours that has ended by now is either among these or gone.
        let ended = lock(&self.released).clone();
        let mut condition = Condition::AbsentOrExpired(now.as_second());
        let mut patience = self.table.patience();
        loop {
            match self.table.put(claim(&key, claimant, now), Some(condition)).await {
                Ok(()) => break,
                Err(TableError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            match self.table.get(&key).await?.map(|item| seen(&item)).transpose().map_err(TableError::from)? {
                // The claim was written after all, and only the answer to that was lost.
                Some(Seen::Claim(other)) if other == claimant => break,
                Some(Seen::Claim(other)) if ended.contains(&other) => {
                    condition = Condition::Holds(CLAIMED_BY, other);
                }
                Some(Seen::Claim(_)) => return Ok(Admission::Running),
                Some(Seen::Answer(of, answer)) if of == fingerprint => return Ok(Admission::Repeat(answer)),
                Some(Seen::Answer(..)) => return Ok(Admission::Mismatch),
                None => condition = Condition::AbsentOrExpired(now.as_second()),
            }
            if !patience.again().await {
                return Ok(Admission::Running);
            }
        }
        Ok(Admission::Fresh(Guard { key, claimant, table: self.table.clone(), released: self.released.clone() }))
    }

    async fn remember(&self, remember: Remember<()>) -> Result<(), StoreError> {
        Ok(self.table.put(answer_item(&remember, &()), None).await?)
    }
}

impl Aws {
    fn claimant(&self) -> Claimant {
        let secret = self.randomness.secret();
        std::array::from_fn(|place| secret[place])
    }
}

/// What lies under a key.
enum Seen {
    Claim(Claimant),
    Answer([u8; 32], StoredAnswer),
}

fn seen(item: &Item) -> Result<Seen, ItemError> {
    if let Some(claimant) = item.optional(CLAIMED_BY, Item::get_array)? {
        return Ok(Seen::Claim(claimant));
    }
    let answer = StoredAnswer { status: item.get_number(STATUS)?, body: item.get_text(BODY)?.to_owned() };
    Ok(Seen::Answer(item.get_array(FINGERPRINT)?, answer))
}

fn claim(key: &Key, claimant: Claimant, now: Timestamp) -> Item {
    Item::new(key).bytes(CLAIMED_BY, claimant).expiring(now.checked_add(CLAIM).unwrap_or(now))
}

/// Keeps an answer under its key, as a part of the transaction of the change that it answers.
pub(crate) fn answered<R>(remember: &Remember<R>, reply: &R) -> Write {
    Write::put(answer_item(remember, reply))
}

fn answer_item<R>(remember: &Remember<R>, reply: &R) -> Item {
    let answer = (remember.answer)(reply);
    Item::new(&row_key(&remember.key))
        .bytes(FINGERPRINT, remember.fingerprint)
        .number(STATUS, answer.status)
        .text(BODY, answer.body)
        .expiring(remember.expires_at)
}

fn row_key(key: &[u8; 32]) -> Key {
    Key::new(format!("I#{}", HEXLOWER.encode(key)), "KEY")
}

fn lock(released: &Released) -> std::sync::MutexGuard<'_, HashSet<Claimant>> {
    released.lock().unwrap_or_else(PoisonError::into_inner)
}
