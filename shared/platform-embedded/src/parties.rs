//! Third parties: settings in clear text and encrypted secrets in the database, everything in memory for routing.

use std::sync::Arc;

use event_schema::id::{Environment, PartyId};
use jiff::Timestamp;
use marketplace_core::{
    command::Refusal,
    fact::JournalEntry,
    party::{ApiKey, Party, PartyCommand, PartyDecision},
    ports::{Page, PageQuery, PartyStore, Remember, StoreError, Urgency},
    publish::Happened,
    routing::RoutingTable,
};
use platform_base::vault::Vault;
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use crate::{
    Embedded, idempotency,
    requests::next_cursor,
    rows,
    shared::Registry,
    stored_party,
    writer::{Job, Transaction},
};

impl PartyStore for Embedded {
    async fn apply_to_party(
        &self,
        id: PartyId,
        command: PartyCommand,
        by: String,
        at: Timestamp,
        remember: Option<Remember<Party>>,
    ) -> Result<Party, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job = ApplyToParty { id, command, by, at, remember, decided: None, answer };
        self.writer.queue(Box::new(job), Urgency::Caller).await?;
        answered.await.map_err(|_| StoreError::Unavailable("the store is closed"))?
    }

    async fn party(&self, id: &PartyId) -> Result<Option<Arc<Party>>, StoreError> {
        Ok(self.shared.registry().routing.party(id).cloned())
    }

    async fn parties(&self, page: PageQuery) -> Result<Page<Arc<Party>>, StoreError> {
        let mut all: Vec<Arc<Party>> = self.shared.registry().routing.parties().cloned().collect();
        all.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        let start = page.cursor.as_ref().and_then(|cursor| all.iter().position(|party| party.id.as_str() == cursor));
        let mut items: Vec<Arc<Party>> =
            all.into_iter().skip(start.map_or(0, |last| last + 1)).take(page.limit.saturating_add(1)).collect();
        let next_cursor = next_cursor(&mut items, page.limit, |party| party.id.to_string());
        Ok(Page { items, next_cursor })
    }

    async fn key(&self, hash: [u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.shared.registry().keys.get(&hash).cloned())
    }

    async fn with_routing<T: Send>(&self, read: impl FnOnce(&RoutingTable) -> T + Send) -> Result<T, StoreError> {
        Ok(read(&self.shared.registry().routing))
    }
}

struct ApplyToParty {
    id: PartyId,
    command: PartyCommand,
    by: String,
    at: Timestamp,
    remember: Option<Remember<Party>>,
    decided: Option<Result<Party, Refusal>>,
    answer: oneshot::Sender<Result<Party, StoreError>>,
}

impl Job for ApplyToParty {
    fn run(&mut self, transaction: &mut Transaction<'_>) -> rusqlite::Result<()> {
        let pending = transaction.effects.parties.iter().rev().find(|(_, party)| party.id == self.id);
        let current = match pending {
            Some((_, party)) => Some(party.clone()),
            None => transaction.shared.registry().routing.party(&self.id).cloned(),
        };
        self.decided = Some(match self.command.decide(&self.id, current.as_deref(), &self.by) {
            Ok(decision) if !self.revoke(transaction, &decision)? => Err(Refusal::NotFound),
            Ok(decision) => Ok(self.write(transaction, decision)?),
            Err(refusal) => Err(refusal),
        });
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let decided = self.decided.ok_or(StoreError::Unavailable("the store is closed"));
        let _ = self.answer.send(committed.and(decided).and_then(|decided| decided.map_err(StoreError::Refused)));
    }
}

impl ApplyToParty {
    /// Removes the key that is to be revoked, if one is; false when this party has no such key.
    fn revoke(&self, transaction: &mut Transaction<'_>, decision: &PartyDecision) -> rusqlite::Result<bool> {
        let Some(key) = decision.revoke_key else {
            return Ok(true);
        };
        let delete = "DELETE FROM api_keys WHERE key_id = ?1 AND party = ?2";
        let removed = transaction.connection.execute(delete, params![key.0.as_bytes(), self.id.as_str()])?;
        if removed > 0 {
            transaction.effects.keys_revoked.push(key);
        }
        Ok(removed > 0)
    }

    fn write(&self, transaction: &mut Transaction<'_>, decision: PartyDecision) -> rusqlite::Result<Party> {
        let connection = transaction.connection;
        if let Some(remember) = &self.remember {
            idempotency::write(connection, remember, &decision.party)?;
        }
        let Some(fact) = decision.fact else {
            return Ok(decision.party);
        };
        let newest = transaction.effects.parties.last().map(|(version, _)| *version);
        let version = newest.unwrap_or_else(|| transaction.shared.registry().routing.version()) + 1;
        stored_party::write(connection, &transaction.shared.vault, &decision.party, version)?;
        if let Some(key) = &decision.add_key {
            write_key(connection, key)?;
            transaction.effects.keys_added.push(key.clone());
        }
        let sequence = transaction.next_sequence();
        let entry = JournalEntry { sequence, request: None, at: self.at, cause: None, fact };
        rows::write_journal(connection, &entry)?;
        transaction.effects.happened.push(Happened { entry, request: None, detail: None });
        transaction.effects.parties.push((version, Arc::new(decision.party.clone())));
        Ok(decision.party)
    }
}

fn write_key(connection: &Connection, key: &ApiKey) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO api_keys (key_id, hash, party, environment, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            key.key_id.0.as_bytes(),
            key.hash,
            key.party.as_str(),
            key.environment as i64,
            rows::micros(key.created_at)
        ],
    )?;
    Ok(())
}

/// Reads everything into memory, at start.
pub(crate) fn load(connection: &Connection, vault: &Vault) -> rusqlite::Result<Registry> {
    let mut registry = Registry::default();
    let mut parties =
        connection.prepare("SELECT id, settings, secrets, created_at, version FROM parties ORDER BY version")?;
    for party in parties.query_map([], |row| stored_party::read(row, vault))? {
        let (version, party) = party?;
        registry.routing.set(version, Arc::new(party));
    }
    let mut keys = connection.prepare("SELECT key_id, hash, party, environment, created_at FROM api_keys")?;
    let read = keys.query_map([], |row| {
        Ok(ApiKey {
            key_id: event_schema::id::KeyId(uuid::Uuid::from_bytes(row.get(0)?)),
            hash: row.get(1)?,
            party: rows::parse(row, 2)?,
            environment: rows::pick(row, 3, &Environment::ALL)?,
            created_at: rows::time(4, row.get(4)?)?,
        })
    })?;
    for key in read {
        let key = key?;
        registry.keys.insert(key.hash, key);
    }
    Ok(registry)
}
