//! What happened to a party's offers: an index has journal rows by party, in the order of the times at which they began
//! to be written.
//!
//! Writes end in another order than they began. A row is written within [`WRITTEN_WITHIN`] of its time or not at all,
//! so what is older than [`SETTLED`] is complete, and nothing younger is told.

use std::{collections::HashMap, time::Duration};

use event_schema::id::{Environment, PartyId, RequestId};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    fact::JournalEntry,
    ports::{ChangeFeed, Changes, StoreError},
};

use crate::{
    Aws,
    item::{Item, ItemError, Key, number_text, time_text},
    requests::journal,
    table::{Index, Query, Range, TableError},
};

/// No write of a journal row is begun later than this after the time that it is found by.
pub(crate) const WRITTEN_WITHIN: Duration = Duration::from_secs(4);

/// How old something has to be: as old as a write can be, with the longest call that it ends with (3 s), and some for
/// the index to follow and for clocks that differ.
const SETTLED: SignedDuration = SignedDuration::from_secs(10);

/// Before every place.
const BEGINNING: &str = "0";

impl ChangeFeed for Aws {
    async fn changes(
        &self,
        party: &PartyId,
        environment: Environment,
        after: Option<String>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Changes, StoreError> {
        Ok(self.read_changes(pk(party, environment), after, limit, now).await?)
    }
}

impl Aws {
    async fn read_changes(
        &self,
        pk: String,
        after: Option<String>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Changes, TableError> {
        let next = after.filter(|place| is_place(place)).unwrap_or_else(|| BEGINNING.to_owned());
        let end = now.checked_sub(SETTLED).map(time_text).unwrap_or_default();
        if next >= end {
            return Ok(Changes { items: vec![], next });
        }
        let query = Query::index(Index::ByParty, pk, Range::Between(next.clone(), end));
        // One more, because the place itself is in the range.
        let mut found = self.table.first(&query, limit.saturating_add(1)).await?;
        found.retain(|item| item.get_text(Index::ByParty.sk()).ok() != Some(next.as_str()));
        found.truncate(limit);
        let last = found.last().map(|item| item.get_text(Index::ByParty.sk())).transpose()?;
        let next = last.map_or(next, str::to_owned);
        Ok(Changes { items: self.whole_entries(&found).await?, next })
    }

    /// The rows that the index found, in the same order.
    async fn whole_entries(&self, found: &[Item]) -> Result<Vec<JournalEntry>, TableError> {
        let keys = found.iter().map(Item::key).collect::<Result<Vec<_>, _>>()?;
        let rows = self.table.get_all(&keys).await?;
        let mut entries: HashMap<Key, JournalEntry> =
            rows.iter().map(|row| Ok((row.key()?, journal::entry(row)?))).collect::<Result<_, ItemError>>()?;
        Ok(keys.iter().filter_map(|key| entries.remove(key)).collect())
    }
}

/// The partition of what happened to a party's offers in [`Index::ByParty`].
pub(crate) fn pk(party: &PartyId, environment: Environment) -> String {
    format!("J#{party}#{environment}")
}

/// The place of a row in it, which no other has.
pub(crate) fn sk(now: Timestamp, entry: &JournalEntry) -> String {
    let request = entry.request.map(|request| request.to_string()).unwrap_or_default();
    format!("{}.{}.{request}", time_text(now), number_text(entry.sequence))
}

/// Whether a text is a place: one of ours, or the beginning.
fn is_place(text: &str) -> bool {
    let digits = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.splitn(3, '.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(BEGINNING), None, None) => true,
        (Some(at), Some(sequence), Some(request)) => {
            digits(at) && digits(sequence) && request.parse::<RequestId>().is_ok()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_are_gone_on_from() {
        let request = "req_0198a3c1-7e1a-7c55-8d1f-3f6a5b2c9d10";
        for place in [BEGINNING, &format!("0000000000000001.0000000000000002.{request}")] {
            assert!(is_place(place), "{place}");
        }
        for other in
            ["", "1", "~", "~.~.~", &format!("1.2.{request}"), &format!("000000000000000~.0000000000000002.{request}")]
        {
            assert!(!is_place(other), "{other}");
        }
    }
}
