//! Reading the journal back from the database, for consumers that are behind and for replays.

use event_schema::kind::EventKind;
use jiff::Timestamp;
use marketplace_core::{
    ports::StoreError,
    publish::{self, Happened},
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{Embedded, requests::read_about, rows};

impl Embedded {
    /// Up to `most` rows after `sequence`, in order; those of other kinds come without what events are made of.
    pub(crate) async fn journal_after(
        &self,
        sequence: u64,
        most: usize,
        kinds: &'static [EventKind],
    ) -> Result<Vec<Happened>, StoreError> {
        self.shared
            .readers
            .read(move |connection| {
                let select =
                    format!("SELECT {} FROM journal WHERE sequence > ?1 ORDER BY sequence LIMIT ?2", rows::JOURNAL);
                let limit = i64::try_from(most).unwrap_or(i64::MAX);
                let mut statement = connection.prepare_cached(&select)?;
                let entries = statement.query_map(params![rows::sequence(sequence), limit], rows::journal_entry)?;
                entries.map(|entry| complete(connection, entry?, kinds)).collect()
            })
            .await
    }

    /// The last sequence before a point in time; where a replay of a window begins.
    pub(crate) async fn sequence_before(&self, at: Timestamp) -> Result<u64, StoreError> {
        self.shared.readers.read(move |connection| sequence_before(connection, rows::micros(at))).await
    }

    /// Makes these consumers known, so that nothing is pruned that one of them has still to read.
    pub(crate) async fn register_consumers(&self, names: Vec<&'static str>) -> Result<(), StoreError> {
        let insert = "INSERT OR IGNORE INTO consumers (name, sequence) VALUES (?1, 0)";
        self.write_bus(move |transaction| {
            for name in &names {
                transaction.connection.prepare_cached(insert)?.execute([name])?;
            }
            Ok(())
        })
        .await
    }

    /// How far a consumer has come.
    pub(crate) async fn position(&self, consumer: &'static str) -> Result<u64, StoreError> {
        self.shared
            .readers
            .read(move |connection| {
                let position: Option<i64> = connection
                    .prepare_cached("SELECT sequence FROM consumers WHERE name = ?1")?
                    .query_row([consumer], |row| row.get(0))
                    .optional()?;
                Ok(position.unwrap_or(0).unsigned_abs())
            })
            .await
    }
}

fn complete(
    connection: &Connection,
    entry: marketplace_core::fact::JournalEntry,
    kinds: &[EventKind],
) -> rusqlite::Result<Happened> {
    let wanted = publish::kind(&entry.fact).is_some_and(|kind| kinds.contains(&kind));
    let Some(request) = entry.request.filter(|_| wanted) else {
        return Ok(Happened { entry, request: None, detail: None });
    };
    let about = read_about(connection, request)?;
    let detail = if publish::carries_the_body(&entry.fact) { rows::read_detail(connection, request)? } else { None };
    Ok(Happened { entry, request: about, detail })
}

/// Sequences rise with time but for clock adjustments, so halving finds the place without an index on time.
fn sequence_before(connection: &Connection, at: i64) -> rusqlite::Result<u64> {
    let ends: (Option<i64>, Option<i64>) =
        connection
            .query_row("SELECT min(sequence), max(sequence) FROM journal", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(mut low), Some(high)) = ends else {
        return Ok(0);
    };
    let mut high = high + 1;
    let mut first =
        connection.prepare_cached("SELECT at FROM journal WHERE sequence >= ?1 ORDER BY sequence LIMIT 1")?;
    while low < high {
        let middle = low + (high - low) / 2;
        let there: Option<i64> = first.query_row([middle], |row| row.get(0)).optional()?;
        if there.is_some_and(|there| there < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low.saturating_sub(1).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A journal whose rows have these sequences and times.
    fn journal(rows: &[(i64, i64)]) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE journal (sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL)").unwrap();
        for row in rows {
            connection.execute("INSERT INTO journal VALUES (?1, ?2)", *row).unwrap();
        }
        connection
    }

    #[test]
    fn the_place_of_a_time_is_before_its_first_row() {
        // Gaps as pruning leaves them, and rows of the same time.
        let rows = [(3, 10), (4, 10), (9, 20), (10, 30), (17, 30), (40, 31)];
        let connection = journal(&rows);
        for at in 0..40 {
            let place = sequence_before(&connection, at).unwrap();
            let after = rows.iter().filter(|(sequence, _)| sequence.unsigned_abs() > place).map(|(_, time)| *time);
            let expected = rows.iter().map(|(_, time)| *time).filter(|time| *time >= at);
            assert!(after.eq(expected), "{at}: {place}");
        }
        assert_eq!(sequence_before(&journal(&[]), 5).unwrap(), 0);
    }
}
