//! What happened to a party's offers: the journal is filed by party, in the order of the commits. One thread makes them
//! all, so whoever has read up to a place misses nothing before it.

use event_schema::id::{Environment, PartyId};
use jiff::Timestamp;
use marketplace_core::{
    fact::JournalEntry,
    ports::{ChangeFeed, Changes, StoreError},
};
use rusqlite::{Connection, params};

use crate::{Embedded, rows};

impl ChangeFeed for Embedded {
    async fn changes(
        &self,
        party: &PartyId,
        environment: Environment,
        after: Option<String>,
        limit: usize,
        _: Timestamp,
    ) -> Result<Changes, StoreError> {
        self.file_for_a_reader().await;
        let party = party.clone();
        let after = after.and_then(|place| place.parse().ok()).unwrap_or(0);
        let read = move |connection: &Connection| read(connection, &party, environment, after, limit);
        self.shared.readers.read(read).await
    }
}

fn read(
    connection: &Connection,
    party: &PartyId,
    environment: Environment,
    after: u64,
    limit: usize,
) -> rusqlite::Result<Changes> {
    let select = format!(
        "SELECT {} FROM party_journal CROSS JOIN journal USING (sequence) WHERE party = ?1 AND environment = ?2 \
         AND party_journal.sequence > ?3 ORDER BY party_journal.sequence LIMIT ?4",
        rows::JOURNAL
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let bounds = params![party.as_str(), environment as i64, rows::sequence(after), limit];
    let mut statement = connection.prepare_cached(&select)?;
    let items: Vec<JournalEntry> =
        statement.query_map(bounds, rows::journal_entry)?.collect::<rusqlite::Result<_>>()?;
    let next = items.last().map_or(after, |entry| entry.sequence).to_string();
    Ok(Changes { items, next })
}
