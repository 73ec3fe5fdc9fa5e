//! All parties in memory, for routing: brought up to date by reading what has changed since it was last looked at.
//!
//! The registry has a version, the revision of the row `REG`/`HEAD`; every change of a party raises it by one and says
//! in a row of its own whom it changed. Who needs the table reads the version consistently: if it is the one that the
//! table has, nothing else is read. A new process begins with the newest [`snapshot`].
//!
//! Routing never uses secrets, so none are opened here; the parties in the table have empty texts for them.

mod latest;
pub mod snapshot;
pub(crate) mod stored;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use event_schema::id::PartyId;
use marketplace_core::{party::Party, ports::StoreError, routing::RoutingTable};
use tokio::sync::{Mutex, MutexGuard};

use self::{
    latest::Latest,
    stored::{CHANGED, REGISTRY, Stored, VERSION, head_key, party_key, version_key},
};
use crate::{
    item::Item,
    table::{Query, Range, Table, TableError},
};

/// The parties in memory.
#[derive(Default)]
pub(crate) struct Registry {
    routing: RwLock<RoutingTable>,
    latest: Latest,
    /// Held while this process changes a party: all changes raise the one version, so that side by side they would
    /// only get into each other's way.
    changing: Mutex<()>,
}

impl Registry {
    /// The table as it is in memory.
    pub(crate) fn routing(&self) -> RwLockReadGuard<'_, RoutingTable> {
        self.routing.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the other changes that this process makes.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Brings the table up to date: afterwards it has every change that was answered before this was called.
    pub(crate) async fn refresh(&self, table: &Table) -> Result<(), StoreError> {
        self.latest.after_now(self.catch_up(table)).await
    }

    async fn catch_up(&self, table: &Table) -> Result<(), StoreError> {
        let known = self.routing().version();
        let newest = table.get(&head_key()).await?.map_or(Ok(0), |head| head.revision()).map_err(TableError::from)?;
        if newest == known {
            return Ok(());
        }
        let known = if known == 0 { self.load_snapshot(table).await? } else { known };
        if known >= newest {
            return Ok(());
        }
        let changes = changes(table, known, newest).await?;
        let parties = parties(table, changes.keys()).await?;
        let mut changed: Vec<(u64, Arc<Party>)> =
            parties.into_iter().filter_map(|party| Some((*changes.get(&party.id)?, party))).collect();
        changed.sort_unstable_by_key(|(version, _)| *version);
        self.take_over(changed);
        Ok(())
    }

    /// Reads the newest snapshot into the table and answers its version; 0 when there is none.
    async fn load_snapshot(&self, table: &Table) -> Result<u64, StoreError> {
        let Some(snapshot) = snapshot::read(table).await? else {
            return Ok(0);
        };
        self.take_over(snapshot.parties.into_iter().map(|party| (snapshot.version, party)));
        Ok(snapshot.version)
    }

    fn take_over(&self, parties: impl IntoIterator<Item = (u64, Arc<Party>)>) {
        let mut routing = self.routing.write().unwrap_or_else(PoisonError::into_inner);
        for (version, party) in parties {
            routing.set(version, party);
        }
    }
}

/// Who was changed after the known version and up to the newest, each with its last version.
async fn changes(table: &Table, known: u64, newest: u64) -> Result<HashMap<PartyId, u64>, TableError> {
    let range = Range::Between(version_key(known + 1).sk, version_key(newest).sk);
    let rows = table.all(&Query { index: None, pk: REGISTRY.to_owned(), range, descending: false }).await?;
    let mut changes = HashMap::new();
    for row in &rows {
        changes.insert(row.get_parsed(CHANGED)?, row.get_number(VERSION)?);
    }
    Ok(changes)
}

/// Those parties as they are now, without secrets.
async fn parties(table: &Table, ids: impl Iterator<Item = &PartyId>) -> Result<Vec<Arc<Party>>, TableError> {
    let keys: Vec<_> = ids.map(party_key).collect();
    table.get_all(&keys).await?.iter().map(party).collect()
}

fn party(row: &Item) -> Result<Arc<Party>, TableError> {
    let stored: Stored = row.get_document()?;
    Ok(Arc::new(stored.without_secrets()))
}
