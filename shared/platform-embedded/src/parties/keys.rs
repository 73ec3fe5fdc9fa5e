//! API keys in the database: all of them are in memory too, where each call finds its own.

use event_schema::id::{Environment, KeyId, PartyId};
use jiff::Timestamp;
use marketplace_core::{
    party::{ApiKey, KeyScope},
    ports::StoreError,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use crate::{
    rows,
    writer::{Job, Transaction},
};

const COLUMNS: &str = "key_id, hash, party, environment, created_at, scope, name, prefix, expires_at, last_used_at";

/// Every key.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<ApiKey>> {
    let mut select = connection.prepare(&format!("SELECT {COLUMNS} FROM api_keys"))?;
    select.query_map([], read)?.collect()
}

/// A party's keys.
pub(super) fn of(connection: &Connection, party: &PartyId) -> rusqlite::Result<Vec<ApiKey>> {
    let mut select = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM api_keys WHERE party = ?1"))?;
    select.query_map([party.as_str()], read)?.collect()
}

/// Adds a key.
pub(super) fn write(connection: &Connection, key: &ApiKey) -> rusqlite::Result<()> {
    let insert = format!("INSERT INTO api_keys ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    connection.execute(
        &insert,
        params![
            key.key_id.0.as_bytes(),
            key.hash,
            key.party.as_str(),
            key.environment as i64,
            rows::micros(key.created_at),
            key.scope as i64,
            key.name,
            key.prefix,
            key.expires_at.map(rows::micros),
            key.last_used_at.map(rows::micros),
        ],
    )?;
    Ok(())
}

/// Takes a key away.
pub(super) fn remove(connection: &Connection, key: &ApiKey) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM api_keys WHERE key_id = ?1", [key.key_id.0.as_bytes()]).map(drop)
}

fn read(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        key_id: KeyId(Uuid::from_bytes(row.get(0)?)),
        hash: row.get(1)?,
        party: rows::parse(row, 2)?,
        environment: rows::pick(row, 3, &Environment::ALL)?,
        created_at: rows::time(4, row.get(4)?)?,
        scope: rows::pick(row, 5, &KeyScope::ALL)?,
        name: row.get(6)?,
        prefix: row.get(7)?,
        expires_at: rows::optional_time(row, 8)?,
        last_used_at: rows::optional_time(row, 9)?,
    })
}

/// Records that a key was used. Many calls at the same time may ask for it: the first of them does it.
pub(super) struct RecordUse {
    pub(super) hash: [u8; 32],
    pub(super) at: Timestamp,
}

impl Job for RecordUse {
    fn run(&mut self, transaction: &mut Transaction<'_>) -> rusqlite::Result<()> {
        let select = format!("SELECT {COLUMNS} FROM api_keys WHERE hash = ?1");
        let key = transaction.connection.prepare_cached(&select)?.query_row([self.hash], read).optional()?;
        let Some(mut key) = key.filter(|key| key.is_use_worth_recording(self.at)) else {
            return Ok(());
        };
        let update = "UPDATE api_keys SET last_used_at = ?2 WHERE hash = ?1";
        transaction.connection.prepare_cached(update)?.execute(params![self.hash, rows::micros(self.at)])?;
        key.last_used_at = Some(self.at);
        transaction.effects.keys.push((self.hash, Some(key)));
        Ok(())
    }

    /// Nobody waits, and a use that is not recorded is recorded with the next.
    fn finish(self: Box<Self>, _: Result<(), StoreError>) {}
}
