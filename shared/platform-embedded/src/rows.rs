//! Rows to values and back: the one place that knows how a value is laid out in the tables.

mod offers;

use std::sync::Arc;

use event_schema::{
    id::{DeliveryId, Environment, RequestId, UserId},
    words::{MessageType, Mode},
};
use jiff::Timestamp;
use marketplace_core::{
    fact::{Fact, JournalEntry},
    request::{Head, Routed},
};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

pub(crate) use self::offers::{
    OFFER, offer, read_attempts, read_attempts_at, read_offer, read_offers, write_attempt, write_offer,
};
use crate::error::corrupt;

/// A time, as it is stored.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A stored time.
pub(crate) fn time(column: usize, micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|error| corrupt(column, error))
}

/// A stored time that need not be there.
pub(crate) fn optional_time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?.map(|micros| time(column, micros)).transpose()
}

#[derive(Debug, thiserror::Error)]
#[error("{0} is not a number of this kind")]
struct UnknownNumber(i64);

/// A stored enum: its place in the list of its values.
pub(crate) fn pick<T: Copy>(row: &Row<'_>, column: usize, values: &[T]) -> Result<T> {
    let number: i64 = row.get(column)?;
    let value = usize::try_from(number).ok().and_then(|place| values.get(place));
    value.copied().ok_or_else(|| corrupt(column, UnknownNumber(number)))
}

/// A stored text that is an id.
pub(crate) fn parse<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    row: &Row<'_>,
    column: usize,
) -> Result<T> {
    row.get_ref(column)?.as_str()?.parse().map_err(|error| corrupt(column, error))
}

const MODES: [Mode; 2] = [Mode::All, Mode::FirstAccept];
const MESSAGES: [MessageType; 4] =
    [MessageType::OfferCreated, MessageType::OfferWithdrawn, MessageType::OfferReminder, MessageType::OfferExpired];

/// The columns of [`head`].
pub(crate) const HEAD: &str = "id, user_id, environment, mode, category, created_at, routed_at, routed_offers, \
     registry_version, winner, cancelled_at, round, closed";

/// A request's head.
pub(crate) fn head(row: &Row<'_>) -> Result<Head> {
    let routed = optional_time(row, 6)?
        .map(|at| {
            Ok::<_, rusqlite::Error>(Routed {
                at,
                offers: row.get(7)?,
                registry_version: row.get::<_, i64>(8)?.unsigned_abs(),
            })
        })
        .transpose()?;
    Ok(Head {
        id: RequestId(uuid::Uuid::from_bytes(row.get(0)?)),
        user_id: parse::<UserId>(row, 1)?,
        environment: pick(row, 2, &Environment::ALL)?,
        mode: pick(row, 3, &MODES)?,
        category: row.get(4)?,
        created_at: time(5, row.get(5)?)?,
        routed,
        winner: row.get::<_, Option<[u8; 26]>>(9)?.map(DeliveryId),
        cancelled_at: optional_time(row, 10)?,
        round: row.get(11)?,
        closed: row.get(12)?,
    })
}

/// Reads one head.
pub(crate) fn read_head(connection: &Connection, id: RequestId) -> Result<Option<Head>> {
    connection
        .prepare_cached(&format!("SELECT {HEAD} FROM requests WHERE id = ?1"))?
        .query_row([id.0.as_bytes()], head)
        .optional()
}

/// Inserts or replaces a head.
pub(crate) fn write_head(connection: &Connection, head: &Head, new: bool) -> Result<()> {
    if new {
        connection
            .prepare_cached(
                "INSERT INTO requests (id, user_id, environment, mode, category, created_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                head.id.0.as_bytes(),
                head.user_id.as_str(),
                head.environment as i64,
                head.mode as i64,
                head.category,
                micros(head.created_at),
            ])?;
    }
    // A new one is mostly nothing more.
    let is_bare = head.routed.is_none() && head.cancelled_at.is_none();
    if new && is_bare { Ok(()) } else { update_head(connection, head) }
}

/// Only these ever change; the indexed columns stay untouched.
fn update_head(connection: &Connection, head: &Head) -> Result<()> {
    let routed = head.routed.as_ref();
    connection
        .prepare_cached(
            "UPDATE requests SET routed_at = ?2, routed_offers = ?3, registry_version = ?4, winner = ?5, \
             cancelled_at = ?6, round = ?7, closed = ?8 WHERE id = ?1",
        )?
        .execute(params![
            head.id.0.as_bytes(),
            routed.map(|routed| micros(routed.at)),
            routed.map(|routed| routed.offers),
            routed.map(|routed| sequence(routed.registry_version)),
            head.winner.as_ref().map(|winner| winner.0),
            head.cancelled_at.map(micros),
            head.round,
            head.closed,
        ])
        .map(drop)
}

/// Reads one body.
pub(crate) fn read_detail(connection: &Connection, id: RequestId) -> Result<Option<Arc<str>>> {
    connection
        .prepare_cached("SELECT detail FROM bodies WHERE id = ?1")?
        .query_row([id.0.as_bytes()], |row| row.get(0))
        .optional()
}

/// The columns of [`journal_entry`].
pub(crate) const JOURNAL: &str = "journal.sequence, journal.request, journal.at, journal.cause, journal.fact";

/// A journal row.
pub(crate) fn journal_entry(row: &Row<'_>) -> Result<JournalEntry> {
    let fact: Fact = serde_json::from_str(row.get_ref(4)?.as_str()?).map_err(|error| corrupt(4, error))?;
    Ok(JournalEntry {
        sequence: row.get::<_, i64>(0)?.unsigned_abs(),
        request: row.get::<_, Option<[u8; 16]>>(1)?.map(|bytes| RequestId(uuid::Uuid::from_bytes(bytes))),
        at: time(2, row.get(2)?)?,
        cause: row.get::<_, Option<i64>>(3)?.map(i64::unsigned_abs),
        fact,
    })
}

/// Appends a journal row.
pub(crate) fn write_journal(connection: &Connection, entry: &JournalEntry) -> Result<()> {
    let fact = serde_json::to_string(&entry.fact).map_err(|error| corrupt(4, error))?;
    let insert = "INSERT INTO journal (sequence, request, at, cause, fact) VALUES (?1, ?2, ?3, ?4, ?5)";
    connection.prepare_cached(insert)?.execute(params![
        sequence(entry.sequence),
        entry.request.as_ref().map(|request| request.0.as_bytes()),
        micros(entry.at),
        entry.cause.map(sequence),
        fact,
    ])?;
    Ok(())
}

/// A sequence, as it is stored.
pub(crate) fn sequence(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use marketplace_core::lifecycle::OfferState;

    use super::*;

    /// The numbers are in every file that exists: a new value goes to the end of its list, and nothing moves.
    #[test]
    fn stored_numbers_never_change() {
        let in_place = |numbers: &[i64]| numbers.iter().zip(0..).all(|(number, place)| *number == place);
        assert!(in_place(&MODES.map(|mode| mode as i64)));
        assert!(in_place(&MESSAGES.map(|message| message as i64)));
        assert!(in_place(&Environment::ALL.map(|environment| environment as i64)));
        assert!(in_place(&OfferState::ALL.map(|state| state as i64)));
        let words = OfferState::ALL.map(OfferState::as_str);
        assert_eq!(
            words,
            [
                "pending",
                "sent",
                "delivered",
                "in-progress",
                "accepted",
                "completed",
                "declined",
                "withdrawn",
                "expired",
                "failed",
                "released"
            ]
        );
        assert_eq!(Environment::ALL.map(Environment::as_str), ["prod", "test", "dev"]);
        assert_eq!(MODES.map(Mode::as_str), ["all", "first-accept"]);
        let messages = ["offer.created", "offer.withdrawn", "offer.reminder", "offer.expired"];
        assert_eq!(MESSAGES.map(MessageType::as_str), messages);
    }

    #[test]
    fn a_number_that_no_value_has_is_an_error_and_not_a_guess() {
        let connection = Connection::open_in_memory().unwrap();
        for number in [-1_i64, 2, i64::MAX] {
            let picked = connection.query_row("SELECT ?1", [number], |row| pick(row, 0, &MODES));
            assert!(matches!(picked, Err(rusqlite::Error::FromSqlConversionFailure(0, ..))), "{number}");
        }
        let picked = connection.query_row("SELECT 1", [], |row| pick(row, 0, &MODES));
        assert_eq!(picked, Ok(Mode::FirstAccept));
    }
}
