//! Third parties: settings in clear text and encrypted secrets in the database, everything in memory for routing.

mod keys;

use std::sync::Arc;

use event_schema::id::PartyId;
use jiff::Timestamp;
use marketplace_core::{
    command::Refusal,
    fact::JournalEntry,
    party::{ApiKey, Known, Party, PartyCommand, PartyDecision},
    ports::{Page, PageQuery, PartyStore, Remember, StoreError, Urgency},
    publish::Happened,
    routing::RoutingTable,
};
use platform_base::vault::Vault;
use rusqlite::Connection;
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

    async fn key(&self, hash: [u8; 32]) -> Result<Option<Arc<ApiKey>>, StoreError> {
        Ok(self.shared.registry().keys.get(&hash).cloned())
    }

    async fn keys(&self, party: &PartyId) -> Result<Vec<ApiKey>, StoreError> {
        let party = party.clone();
        self.shared.readers.read(move |connection| keys::of(connection, &party)).await
    }

    /// Answers when it is queued: nobody waits for a commit to be recognised.
    async fn record_key_use(&self, key: &ApiKey, now: Timestamp) -> Result<(), StoreError> {
        self.writer.queue(Box::new(keys::RecordUse { hash: key.hash, at: now }), Urgency::Caller).await
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
        let keys = match self.command.asks_for_keys() {
            true => keys::of(transaction.connection, &self.id)?,
            false => vec![],
        };
        let known = Known { party: current.as_deref(), keys: &keys };
        self.decided = Some(match self.command.decide(&self.id, known, &self.by, self.at) {
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
        for key in &decision.add_keys {
            keys::write(connection, key)?;
            transaction.effects.keys.push((key.hash, Some(key.clone())));
        }
        for key in &decision.revoke_keys {
            keys::remove(connection, key)?;
            transaction.effects.keys.push((key.hash, None));
        }
        let sequence = transaction.next_sequence();
        let entry = JournalEntry { sequence, request: None, at: self.at, cause: None, fact };
        rows::write_journal(connection, &entry)?;
        transaction.effects.happened.push(Happened { entry, request: None, detail: None });
        transaction.effects.parties.push((version, Arc::new(decision.party.clone())));
        Ok(decision.party)
    }
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
    for key in keys::all(connection)? {
        registry.keys.insert(key.hash, Arc::new(key));
    }
    Ok(registry)
}
