//! Journal rows: what happened, in order, and what of it has still to be put on the bus.

use event_schema::id::{Environment, PartyId, RequestId};
use jiff::Timestamp;
use marketplace_core::{
    fact::JournalEntry,
    publish::{self, About},
};

use super::rows::{indexed, request_pk};
use crate::{
    changes,
    item::{Item, ItemError, Key, number_text, shard, time_of_text, time_text},
    table::Index,
};

/// What the sort keys of journal rows begin with.
pub(crate) const JOURNAL_PREFIX: &str = "J#";

const REQUEST: &str = "request";
const SEQUENCE: &str = "sequence";
const AT: &str = "at";
const CAUSE: &str = "cause";
const USER: &str = "user_id";
const ENVIRONMENT: &str = "environment";
const HANDED_OVER: &str = "handed_over";

/// The partition of what happens to a party.
pub(crate) fn party_pk(party: &PartyId) -> String {
    format!("P#{party}")
}

/// The partition of an index over what has still to be put on the bus.
pub(crate) fn unpublished_pk(shard: u8) -> String {
    format!("UNPUB#{shard}")
}

/// When a row that the index of what waits for the bus found was written.
pub(crate) fn waiting_since(found: &Item) -> Result<Timestamp, ItemError> {
    time_of_text(found, Index::Unpublished.sk())
}

/// The first sequence of a change that is made now: microseconds since 1970, or more, so that it is higher than every
/// sequence that the change builds on. On clocks that agree to a few milliseconds, sequences rise as time does; where
/// one change was made in the knowledge of another, they always do.
pub(crate) fn next_sequence(now: Timestamp, builds_on: u64) -> u64 {
    u64::try_from(now.as_microsecond()).unwrap_or(0).max(builds_on.saturating_add(1))
}

/// A journal row, to be written in the partition `pk`. It says whose request it is about, so that its event can be made
/// without the head. If it is about an offer, its party finds it by [`Index::ByParty`]; if it becomes an event, it is found by [`Index::Unpublished`] until that is on the bus.
pub(crate) fn item(pk: &str, entry: &JournalEntry, about: Option<&About>, now: Timestamp) -> Result<Item, ItemError> {
    let key = Key::new(pk, format!("{JOURNAL_PREFIX}{}", number_text(entry.sequence)));
    let mut item = Item::new(&key).number(SEQUENCE, entry.sequence).time(AT, entry.at);
    if let Some(request) = entry.request {
        item = item.text(REQUEST, request.to_string());
    }
    if let Some(cause) = entry.cause {
        item = item.number(CAUSE, cause);
    }
    if let Some(about) = about {
        item = item.text(USER, about.user_id.as_str()).text(ENVIRONMENT, about.environment.as_str());
    }
    if let Some((party, environment)) = entry.fact.of_an_offer_to() {
        item = indexed(item, Index::ByParty, changes::pk(party, environment), changes::sk(now, entry));
    }
    if publish::kind(&entry.fact).is_some() {
        let place = format!("{}#{}", key.pk, key.sk);
        let sk = format!("{}#{place}", time_text(now));
        item = indexed(item, Index::Unpublished, shard("UNPUB", &place), sk);
    }
    item.document(&entry.fact)
}

/// Marks a row as a message that somebody else delivers.
pub(super) fn handed_over(item: Item) -> Item {
    item.number(HANDED_OVER, 1_u64)
}

/// Whether the row is a message that somebody else delivers.
pub(crate) fn is_handed_over(item: &Item) -> bool {
    item.get_number::<u64>(HANDED_OVER).is_ok()
}

/// A journal row, as it is stored.
pub(crate) fn entry(item: &Item) -> Result<JournalEntry, ItemError> {
    Ok(JournalEntry {
        sequence: item.get_number(SEQUENCE)?,
        request: item.optional(REQUEST, Item::get_parsed::<RequestId>)?,
        at: item.get_time(AT)?,
        cause: item.optional(CAUSE, Item::get_number)?,
        fact: item.get_document()?,
    })
}

/// Whose request a journal row is about; none when it does not say.
pub(crate) fn about(item: &Item) -> Result<Option<About>, ItemError> {
    let user = item.optional(USER, Item::get_parsed)?;
    let environment = item.optional(ENVIRONMENT, Item::get_parsed::<Environment>)?;
    Ok(user.zip(environment).map(|(user_id, environment)| About { user_id, environment }))
}

/// The partition of a request's journal.
pub(crate) fn pk(request: RequestId) -> String {
    request_pk(request)
}

#[cfg(test)]
mod tests {
    use event_schema::id::RequestId;
    use marketplace_core::fact::Fact;
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 5_000);

    #[test]
    fn sequences_rise_with_time_and_always_with_cause_and_effect() {
        let microseconds = 1_800_000_000_000_005;
        assert_eq!(next_sequence(NOW, 0), microseconds);
        assert_eq!(next_sequence(NOW, microseconds + 7), microseconds + 8, "of a clock that is ahead");
        // What JSON numbers hold exactly (RFC 8259 section 6), until the year 2255.
        assert!(next_sequence("2255-01-01T00:00:00Z".parse().unwrap(), 0) < 1 << 53);
    }

    #[test]
    fn a_row_reads_back_and_only_events_wait_for_the_bus() {
        let request = RequestId(Uuid::from_u128(7));
        let about = About { user_id: "ann".parse().unwrap(), environment: Environment::Test };
        let told = Fact::UserTold { channel: "sms".to_owned(), of: 3 };
        for (fact, waits) in [(Fact::RequestCreated, true), (told, false)] {
            let written = JournalEntry { sequence: 9, request: Some(request), at: NOW, cause: Some(3), fact };
            let item = item(&pk(request), &written, Some(&about), NOW).unwrap();
            assert_eq!(item.key().unwrap().sk, "J#0000000000000009");
            let read = entry(&item).unwrap();
            assert_eq!((read.sequence, read.request, read.at, read.cause), (9, Some(request), NOW, Some(3)));
            assert_eq!(serde_json::to_string(&read.fact).unwrap(), serde_json::to_string(&written.fact).unwrap());
            assert_eq!(super::about(&item).unwrap(), Some(about.clone()));
            assert_eq!(item.optional(Index::Unpublished.pk(), Item::get_text).unwrap().is_some(), waits);
            assert_eq!(waiting_since(&item).ok(), waits.then_some(NOW));
        }
    }
}
