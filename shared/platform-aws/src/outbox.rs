//! The outbox: journal rows become events on the bus.
//!
//! A row that becomes an event is marked when it is written, and found by [`Index::Unpublished`] until its own entry of
//! a `PutEvents` has succeeded. The table's stream brings every row here at once; a sweep brings those that were left.
//! An event can go out twice, with the same `metadata.event_id`; it is never left out.

mod bus;
mod entries;
mod evidence;

use std::{collections::HashMap, sync::Arc};

use event_schema::id::RequestId;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use marketplace_core::{
    causes::Causes,
    publish::{self, Happened},
};

use self::entries::{Carrier, Outgoing, batches};
pub use self::{
    bus::{Bus, BusError},
    entries::{DOORBELL, HANDED_OVER},
    evidence::Message,
};
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
    handed_over: bool,
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
        Ok(Some(Self { key, handed_over: journal::is_handed_over(item), happened }))
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
            let happened = Happened { detail, ..row.happened };
            match publish::event(&happened) {
                Ok(Some(event)) => {
                    let message = Message::of(&happened.entry.fact);
                    let to_parties =
                        message.map(|message| if row.handed_over { Carrier::Bus(message) } else { Carrier::Us });
                    outgoing.push(Outgoing::new(row.key, to_parties, &self.bus_name, &event));
                }
                // It should not have been marked.
                Ok(None) => self.unmark(&row.key).await,
                Err(error) => {
                    let error = Causes(&error);
                    tracing::error!(%error, key = ?row.key, "a journal row cannot be made into its event");
                    failed.push(row.key);
                }
            }
        }
        for batch in batches(outgoing) {
            let (sent, unsent) = self.send(batch).await;
            stream::iter(sent).for_each_concurrent(AT_ONCE, |sent| self.conclude(sent)).await;
            failed.extend(unsent.into_iter().map(|outgoing| outgoing.key));
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

    /// Since when the row that has waited longest for the bus has waited; none when nothing waits.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn waiting_since(&self) -> Result<Option<Timestamp>, TableError> {
        let mut oldest = None;
        for shard in 0..SHARDS {
            let query = Query::index(Index::Unpublished, journal::unpublished_pk(shard), Range::All);
            let first = self.table.first(&query, 1).await?;
            let since = first.first().map(journal::waiting_since).transpose()?;
            oldest = oldest.into_iter().chain(since).min();
        }
        Ok(oldest)
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

    /// Sends one batch; entries that fail are sent again, by themselves. Answers what went out, with the bus's ids, and
    /// what did not.
    async fn send(&self, mut open: Vec<Outgoing>) -> (Vec<(Outgoing, String)>, Vec<Outgoing>) {
        let (mut patience, mut sent) = (self.table.patience(), vec![]);
        loop {
            let entries = open.iter().map(|outgoing| outgoing.entry.clone()).collect();
            match self.bus.put(entries).await {
                Ok(taken) => {
                    let mut taken = taken.into_iter();
                    open.retain(|outgoing| {
                        let id = taken.next().flatten();
                        let stays = id.is_none();
                        sent.extend(id.map(|id| (outgoing.clone(), id)));
                        stays
                    });
                }
                Err(error) => tracing::warn!(error = %Causes(&*error.0), "PutEvents failed"),
            }
            if open.is_empty() || !patience.again().await {
                return (sent, open);
            }
        }
    }

    /// The row is on the bus. What the bus's log will say of it can be understood before it is forgotten here.
    async fn conclude(&self, (outgoing, id): (Outgoing, String)) {
        if let Some(Carrier::Bus(message)) = outgoing.carrier
            && let Err(error) = evidence::keep(&self.table, &id, message, outgoing.at).await
        {
            // The party got it; only the proof of it will be missing, and its answer is one too.
            tracing::warn!(error = %Causes(&error), key = ?outgoing.key, "evidence of a delivery will be missing");
        }
        self.unmark(&outgoing.key).await;
    }

    /// Takes a row out of the index. If that fails, the sweep publishes it once more.
    async fn unmark(&self, key: &Key) {
        let attributes = [Index::Unpublished.pk(), Index::Unpublished.sk()];
        if let Err(error) = self.table.remove_attributes(key, &attributes).await {
            tracing::warn!(error = %Causes(&error), ?key, "an event will go out once more");
        }
    }
}
