//! Third parties: settings and keys in the table, and what routing needs of all of them in memory ([`crate::registry`]).

mod keys;
mod row;

use std::sync::Arc;

use event_schema::id::{Environment, PartyId};
use futures::future::try_join;
use jiff::Timestamp;
use marketplace_core::{
    fact::JournalEntry,
    party::{ApiKey, Known, Party, PartyCommand, PartyDecision},
    ports::{Page, PageQuery, PartyStore, Remember, StoreError},
    routing::RoutingTable,
};

use self::row::PartyRow;
use crate::{
    Aws, idempotency,
    item::{Item, REVISION},
    managed::{Plan, Route, buses::Buses},
    registry::stored::{CHANGED, VERSION, head_key, party_key, version_key},
    requests::{
        journal::{self, party_pk},
        next_cursor,
    },
    table::{Condition, TableError, Write},
};

impl PartyStore for Aws {
    async fn apply_to_party(
        &self,
        id: PartyId,
        command: PartyCommand,
        by: String,
        at: Timestamp,
        remember: Option<Remember<Party>>,
    ) -> Result<Party, StoreError> {
        let change = PartyChange { id, command, by, at, remember };
        let _turn = self.registry.turn().await;
        let mut patience = self.table.patience();
        loop {
            match self.try_to_change(&change).await {
                Err(StoreError::Conflict) if patience.again().await => {}
                done => return done,
            }
        }
    }

    async fn party(&self, id: &PartyId) -> Result<Option<Arc<Party>>, StoreError> {
        Ok(self.party_row(id).await?.map(|row| Arc::new(row.party)))
    }

    /// Secrets are empty texts here, since nobody shows them.
    async fn parties(&self, page: PageQuery) -> Result<Page<Arc<Party>>, StoreError> {
        self.registry.refresh(&self.table).await?;
        let mut all: Vec<Arc<Party>> = self.registry.routing().parties().cloned().collect();
        all.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        let last = page.cursor.as_ref().and_then(|cursor| all.iter().position(|party| party.id.as_str() == cursor));
        let rest = all.into_iter().skip(last.map_or(0, |last| last + 1));
        let mut items: Vec<Arc<Party>> = rest.take(page.limit.saturating_add(1)).collect();
        let next_cursor = next_cursor(&mut items, page.limit, |party| party.id.to_string());
        Ok(Page { items, next_cursor })
    }

    /// Tells nothing of the party's state: whoever calls is known by key and party, and that party is read, too.
    async fn key(&self, hash: [u8; 32]) -> Result<Option<Arc<ApiKey>>, StoreError> {
        let found = self.table.get(&keys::by_hash(&hash)).await?;
        let key = found.map(|item| keys::read(&item, hash)).transpose().map_err(TableError::from)?;
        Ok(key.map(Arc::new))
    }

    async fn keys(&self, party: &PartyId) -> Result<Vec<ApiKey>, StoreError> {
        Ok(keys::of(&self.table, party).await?)
    }

    async fn record_key_use(&self, key: &ApiKey, now: Timestamp) -> Result<(), StoreError> {
        Ok(keys::record_use(&self.table, key, now).await?)
    }

    async fn with_routing<T: Send>(&self, read: impl FnOnce(&RoutingTable) -> T + Send) -> Result<T, StoreError> {
        self.registry.refresh(&self.table).await?;
        Ok(read(&self.registry.routing()))
    }
}

/// What is to be done to whom, until it is done.
struct PartyChange {
    id: PartyId,
    command: PartyCommand,
    by: String,
    at: Timestamp,
    remember: Option<Remember<Party>>,
}

impl Aws {
    /// What should exist on EventBridge for a party's environment; none when nothing is pushed there by the managed
    /// transport, also because there is no such party.
    ///
    /// # Errors
    /// [`StoreError`] when the party or its secrets cannot be read.
    pub async fn managed_plan(&self, route: &Route, buses: Buses) -> Result<Option<Plan>, StoreError> {
        let Some(row) = self.party_row(&route.party).await? else {
            return Ok(None);
        };
        Ok(Plan::of(&row.party, route, &row::credential_mark(&row, route.environment), buses))
    }

    /// Every route that a party's settings ask for, whoever it is.
    ///
    /// # Errors
    /// [`StoreError`] when the registry cannot be read.
    pub async fn managed_routes(&self) -> Result<Vec<Route>, StoreError> {
        self.with_routing(|routing| {
            let all = routing.parties().flat_map(|party| {
                let route = |environment| Route { party: party.id.clone(), environment };
                Environment::ALL.map(route).into_iter().filter(|route| {
                    // Which bus and which credential makes no difference to whether there is a route.
                    Plan::of(party, route, "", Buses::ONE).is_some()
                })
            });
            all.collect()
        })
        .await
    }

    async fn party_row(&self, id: &PartyId) -> Result<Option<PartyRow>, StoreError> {
        match self.table.get(&party_key(id)).await? {
            Some(item) => Ok(Some(row::read(&item, id, &self.sealer).await?)),
            None => Ok(None),
        }
    }

    /// Reads, lets the command decide, and writes on the condition that nothing has changed meanwhile.
    async fn try_to_change(&self, change: &PartyChange) -> Result<Party, StoreError> {
        let head = async { Ok(self.table.get(&head_key()).await?) };
        let (head, before) = try_join(head, self.party_row(&change.id)).await?;
        let version = head.map_or(Ok(0), |head| head.revision()).map_err(TableError::from)?;
        let keys = match change.command.asks_for_keys() {
            true => keys::of(&self.table, &change.id).await?,
            false => vec![],
        };
        let known = Known { party: before.as_ref().map(|before| &before.party), keys: &keys };
        let decision = change.command.decide(&change.id, known, &change.by, change.at)?;
        let mut writes = vec![];
        if let Some(remember) = &change.remember {
            writes.push(idempotency::answered(remember, &decision.party));
        }
        if decision.fact.is_some() {
            writes.extend(self.changed(change, &decision, before.as_ref(), version).await?);
        }
        if !writes.is_empty() {
            self.table.write(writes).await?;
        }
        Ok(decision.party)
    }

    /// The rows of a change: the registry's next version and whom it changed, the party, its new key, and the journal.
    async fn changed(
        &self,
        change: &PartyChange,
        decision: &PartyDecision,
        before: Option<&PartyRow>,
        version: u64,
    ) -> Result<Vec<Write>, StoreError> {
        let now = self.clock.now();
        let sequence = journal::next_sequence(now, before.map_or(0, |before| before.last_sequence));
        let sealed = row::seal(&decision.party, before, &self.sealer).await?;
        let (read, next) = (before.map(|before| before.revision), version + 1);
        let party = row::item(&decision.party, sealed, read.unwrap_or(0) + 1, next, sequence);
        let head = Item::new(&head_key()).number(REVISION, next);
        let log = Item::new(&version_key(next)).number(VERSION, next).text(CHANGED, change.id.as_str());
        let mut writes = vec![
            Write::put(head).when(Condition::unchanged((version > 0).then_some(version))),
            Write::insert(log),
            Write::put(party.map_err(TableError::from)?).when(Condition::unchanged(read)),
        ];
        for key in &decision.add_keys {
            writes.extend(keys::added(key).map_err(TableError::from)?);
        }
        writes.extend(decision.revoke_keys.iter().flat_map(keys::revoked));
        if let Some(fact) = decision.fact.clone() {
            let entry = JournalEntry { sequence, request: None, at: change.at, cause: None, fact };
            let journal = journal::item(&party_pk(&change.id), &entry, None, now);
            writes.push(Write::insert(journal.map_err(TableError::from)?));
        }
        Ok(writes)
    }
}
