//! Sign-ups: links' tokens in the database, and how often somebody signs up in memory, since a restart is rarer than an
//! hour.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use marketplace_core::{
    party::sign_up::SignUpToken,
    ports::{SignUps, StoreError},
    sign_up_turns::{RecentSignUps, SignUpTurn},
};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{Embedded, rows};

/// Clients before those that have not signed up lately are forgotten.
const CROWDED: usize = 1_024;

/// Who signed up lately.
#[derive(Default)]
pub(crate) struct Turns(Mutex<(HashMap<String, RecentSignUps>, RecentSignUps)>);

impl Turns {
    fn take(&self, client: &str, now: Timestamp) -> SignUpTurn {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (clients, all) = &mut *turns;
        if clients.len() >= CROWDED {
            clients.retain(|_, recent| recent.expire_at() > now);
        }
        RecentSignUps::count(clients.entry(client.to_owned()).or_default(), all, now)
    }
}

impl SignUps for Embedded {
    async fn begin_sign_up(&self, client: &str, now: Timestamp) -> Result<SignUpTurn, StoreError> {
        Ok(self.shared.sign_ups.take(client, now))
    }

    async fn keep_sign_up_token(&self, token: SignUpToken) -> Result<(), StoreError> {
        self.write_bus(move |transaction| {
            let insert = "INSERT OR REPLACE INTO sign_up_tokens (hash, party, expires_at) VALUES (?1, ?2, ?3)";
            let row = params![token.hash, token.party.as_str(), rows::micros(token.expires_at)];
            transaction.connection.prepare_cached(insert)?.execute(row).map(drop)
        })
        .await
    }

    async fn sign_up_token(&self, hash: [u8; 32]) -> Result<Option<SignUpToken>, StoreError> {
        self.shared.readers.read(move |connection| read(connection, hash)).await
    }
}

fn read(connection: &Connection, hash: [u8; 32]) -> rusqlite::Result<Option<SignUpToken>> {
    connection
        .prepare_cached("SELECT party, expires_at FROM sign_up_tokens WHERE hash = ?1")?
        .query_row([hash], |row| {
            Ok(SignUpToken { hash, party: rows::parse(row, 0)?, expires_at: rows::time(1, row.get(1)?)? })
        })
        .optional()
}
