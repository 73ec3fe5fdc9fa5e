//! The outbox: journal rows become events on the bus.
//!
//! A row that becomes an event is marked when it is written, and found by [`Index::Unpublished`] until its own entry of
//! a `PutEvents` has succeeded. The table's stream brings every row here at once; a sweep brings those that were left.
//! An event can go out twice, with the same `metadata.event_id`; it is never left out.

mod bus;
mod entries;

use std::{collections::HashMap, error::Error, sync::Arc};

use event_schema::id::RequestId;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use marketplace_core::publish::{self, Happened};

pub use self::bus::{Bus, BusError};
use self::entries::{Outgoing, batches};
use crate::{
    item::{DOCUMENT, Item, ItemError, Key, SHARDS, time_text},
    requests::{journal, rows},
    table::{Index, Query, Range, Table, TableError},
};

/// How many rows a sweep takes at a time.
const STEP: usize = 100;

/// How many rows are unmarked, or bodies read, at the same time.
const AT_ONCE: usize = 16;

/// A journal row that is to be put on the bus.
#[derive(Clone, Debug)]
pub struct Row {
    key: Key,
    happened: Happened,
}

impl Row {
    /// Reads a row of the table's stream or of the table; none for what is no journal row, or is on the bus already.
    ///
    /// # Errors
    /// It is marked as one, and is not what this program writes.
    pub fn parse(item: &Item) -> Result<Option<Self>, ItemError> {
        let key = item.key()?;
        if item.optional(Index::Unpublished.pk(), Item::get_text)?.is_none() {
            return Ok(None);
        }
        let happened = Happened { entry: journal::entry(item)?, request: journal::about(item)?, detail: None };
        Ok(Some(Self { key, happened }))
    }

    /// The row's key; what could not be published is told by it.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }
}

/// Puts journal rows on the bus.
#[derive(Clone, Debug)]
pub struct Outbox<B> {
    table: Table,
    bus: B,
    bus_name: Arc<str>,
}

impl<B: Bus> Outbox<B> {
    /// From this table to the bus of this name.
    pub fn new(table: Table, bus: B, bus_name: impl Into<Arc<str>>) -> Self {
        Self { table, bus, bus_name: bus_name.into() }
    }

    /// Publishes these rows, and answers the keys of those that could not be.
    ///
    /// # Errors
    /// The bodies that events are made of could not be read: nothing was published.
    pub async fn publish(&self, rows: Vec<Row>) -> Result<Vec<Key>, TableError> {
        let bodies = self.bodies(&rows).await?;
        let (mut outgoing, mut failed) = (vec![], vec![]);
        for row in rows {
            let detail = row.happened.entry.request.and_then(|request| bodies.get(&request).cloned());
            match publish::event(&Happened { detail, ..row.happened }) {
                Ok(Some(event)) => outgoing.push(Outgoing::new(row.key, &self.bus_name, &event)),
                // It should not have been marked.
                Ok(None) => self.unmark(&row.key).await,
                Err(error) => {
                    let error = &error as &dyn Error;
                    tracing::error!(error, key = ?row.key, "a journal row cannot be made into its event");
                    failed.push(row.key);
                }
            }
        }
        for batch in batches(outgoing) {
            let (sent, unsent) = self.send(batch).await;
            stream::iter(&sent).for_each_concurrent(AT_ONCE, |key| self.unmark(key)).await;
            failed.extend(unsent);
        }
        Ok(failed)
    }

    /// Publishes what was written before this time and is not on the bus yet; answers how many rows are left.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn sweep(&self, before: Timestamp) -> Result<usize, TableError> {
        let mut left = 0;
        for shard in 0..SHARDS {
            let range = Range::Before(time_text(before));
            let query = Query::index(Index::Unpublished, journal::unpublished_pk(shard), range);
            let mut from = None;
            loop {
                let page = self.table.page(&query, STEP, from).await?;
                left += self.publish(self.whole(&page.items).await?).await?.len();
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
        }
        Ok(left)
    }

    /// The rows that the index found, as they are now: those that went out meanwhile are left out.
    async fn whole(&self, found: &[Item]) -> Result<Vec<Row>, TableError> {
        let keys: Vec<Key> = found.iter().map(Item::key).collect::<Result<_, _>>()?;
        let mut rows = vec![];
        for item in self.table.get_all(&keys).await? {
            rows.extend(Row::parse(&item)?);
        }
        rows.sort_by_key(|row| row.happened.entry.sequence);
        Ok(rows)
    }

    /// The bodies that the events of these rows carry, each read once.
    async fn bodies(&self, rows: &[Row]) -> Result<HashMap<RequestId, Arc<str>>, TableError> {
        let carrying = rows.iter().filter(|row| publish::carries_the_body(&row.happened.entry.fact));
        let mut requests: Vec<_> = carrying.filter_map(|row| row.happened.entry.request).collect();
        requests.sort_unstable();
        requests.dedup();
        let read = |request| async move {
            let body = self.table.get(&rows::body_key(request)).await?;
            let text = body.map(|body| Ok::<_, TableError>(Arc::from(body.get_text(DOCUMENT)?))).transpose()?;
            Ok::<_, TableError>(text.map(|text| (request, text)))
        };
        let bodies: Vec<_> = stream::iter(requests.into_iter().map(read)).buffered(AT_ONCE).try_collect().await?;
        Ok(bodies.into_iter().flatten().collect())
    }

    /// Sends one batch; entries that fail are sent again, by themselves. Answers the keys of what went out and of what
    /// did not.
    async fn send(&self, mut open: Vec<Outgoing>) -> (Vec<Key>, Vec<Key>) {
        let (mut patience, mut sent) = (self.table.patience(), vec![]);
        loop {
            let entries = open.iter().map(|outgoing| outgoing.entry.clone()).collect();
            match self.bus.put(entries).await {
                Ok(taken) => {
                    let mut taken = taken.into_iter();
                    open.retain(|outgoing| {
                        let gone = taken.next().unwrap_or(false);
                        if gone {
                            sent.push(outgoing.key.clone());
                        }
                        !gone
                    });
                }
                Err(error) => tracing::warn!(error = &*error.0 as &dyn Error, "PutEvents failed"),
            }
            if open.is_empty() || !patience.again().await {
                return (sent, open.into_iter().map(|outgoing| outgoing.key).collect());
            }
        }
    }

    /// Takes a row out of the index. If that fails, the sweep publishes it once more.
    async fn unmark(&self, key: &Key) {
        let attributes = [Index::Unpublished.pk(), Index::Unpublished.sk()];
        if let Err(error) = self.table.remove_attributes(key, &attributes).await {
            tracing::warn!(error = &error as &dyn Error, ?key, "an event will go out once more");
        }
    }
}
