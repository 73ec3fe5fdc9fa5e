//! Rows to values and back: the one place that knows how a value is laid out in the tables.

use std::sync::Arc;

use event_schema::{
    id::{DeliveryId, Environment, PartyId, RequestId, UserId},
    words::{MessageType, Mode},
};
use jiff::Timestamp;
use marketplace_core::{
    fact::{Fact, JournalEntry},
    lifecycle::OfferState,
    offer::{Attempt, DeadLetter, Offer, Outgoing},
    request::{Head, Routed},
};
use rusqlite::{Connection, OptionalExtension, Result, Row, named_params, params};

use crate::error::corrupt;

/// A time, as it is stored.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A stored time.
pub(crate) fn time(column: usize, micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|error| corrupt(column, error))
}

fn optional_time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?
        .map(|micros| time(column, micros))
        .transpose()
}

#[derive(Debug, thiserror::Error)]
#[error("{0} is not a number of this kind")]
struct UnknownNumber(i64);

/// A stored enum: its place in the list of its values.
pub(crate) fn pick<T: Copy>(row: &Row<'_>, column: usize, values: &[T]) -> Result<T> {
    let number: i64 = row.get(column)?;
    let value = usize::try_from(number)
        .ok()
        .and_then(|place| values.get(place));
    value
        .copied()
        .ok_or_else(|| corrupt(column, UnknownNumber(number)))
}

/// A stored text that is an id.
pub(crate) fn parse<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    row: &Row<'_>,
    column: usize,
) -> Result<T> {
    row.get_ref(column)?
        .as_str()?
        .parse()
        .map_err(|error| corrupt(column, error))
}

const MODES: [Mode; 2] = [Mode::All, Mode::FirstAccept];
const MESSAGES: [MessageType; 4] = [
    MessageType::OfferCreated,
    MessageType::OfferWithdrawn,
    MessageType::OfferReminder,
    MessageType::OfferExpired,
];

/// The columns of [`head`].
pub(crate) const HEAD: &str = "id, user_id, environment, mode, category, created_at, routed_at, routed_offers, \
     registry_version, winner, cancelled_at";

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
    let routed = head.routed.as_ref();
    if !new {
        // Only these ever change; the indexed columns stay untouched.
        connection
            .prepare_cached(
                "UPDATE requests SET routed_at = ?2, routed_offers = ?3, registry_version = ?4, winner = ?5, \
                 cancelled_at = ?6 WHERE id = ?1",
            )?
            .execute(params![
                head.id.0.as_bytes(),
                routed.map(|routed| micros(routed.at)),
                routed.map(|routed| routed.offers),
                routed.map(|routed| sequence(routed.registry_version)),
                head.winner.as_ref().map(|winner| winner.0),
                head.cancelled_at.map(micros),
            ])?;
        return Ok(());
    }
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
    Ok(())
}

/// Reads one body.
pub(crate) fn read_detail(connection: &Connection, id: RequestId) -> Result<Option<Arc<str>>> {
    connection
        .prepare_cached("SELECT detail FROM bodies WHERE id = ?1")?
        .query_row([id.0.as_bytes()], |row| row.get(0))
        .optional()
}

/// The columns of [`offer`].
pub(crate) const OFFER: &str = "id, party, environment, round, state, created_at, told, attempts, noted, message, \
     message_at, message_attempts, first_attempt_at, next_attempt_at, available_at, leased, dead_at, dead_reason";

/// An offer.
pub(crate) fn offer(row: &Row<'_>) -> Result<Offer> {
    Ok(Offer {
        delivery_id: DeliveryId(row.get(0)?),
        party: parse::<PartyId>(row, 1)?,
        environment: pick(row, 2, &Environment::ALL)?,
        round: row.get(3)?,
        state: pick(row, 4, &OfferState::ALL)?,
        created_at: time(5, row.get(5)?)?,
        told: row.get(6)?,
        attempts: row.get(7)?,
        noted: row.get(8)?,
        message: if row.get_ref(9)? == rusqlite::types::ValueRef::Null {
            None
        } else {
            Some(outgoing(row)?)
        },
    })
}

fn outgoing(row: &Row<'_>) -> Result<Outgoing> {
    let dead = optional_time(row, 16)?
        .map(|at| {
            Ok::<_, rusqlite::Error>(DeadLetter {
                at,
                reason: row.get(17)?,
            })
        })
        .transpose()?;
    Ok(Outgoing {
        kind: pick(row, 9, &MESSAGES)?,
        created_at: time(10, row.get(10)?)?,
        attempts: row.get(11)?,
        first_attempt_at: optional_time(row, 12)?,
        next_attempt_at: optional_time(row, 13)?,
        available_at: time(14, row.get(14)?)?,
        leased: row.get(15)?,
        dead,
    })
}

/// Reads one offer.
pub(crate) fn read_offer(connection: &Connection, id: DeliveryId) -> Result<Option<Offer>> {
    connection
        .prepare_cached(&format!("SELECT {OFFER} FROM offers WHERE id = ?1"))?
        .query_row([id.0], offer)
        .optional()
}

/// Reads all offers of a request, oldest first.
pub(crate) fn read_offers(connection: &Connection, request: RequestId) -> Result<Vec<Offer>> {
    let (first, last) = offers_of(request);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {OFFER} FROM offers WHERE id BETWEEN ?1 AND ?2"
    ))?;
    let mut offers: Vec<Offer> = statement
        .query_map([first, last], offer)?
        .collect::<Result<_>>()?;
    offers.sort_by(|a, b| (a.created_at, &a.party).cmp(&(b.created_at, &b.party)));
    Ok(offers)
}

/// The range of ids that a request's offers have.
pub(crate) fn offers_of(request: RequestId) -> ([u8; 26], [u8; 26]) {
    (
        DeliveryId::new(request, [0; 10]).0,
        DeliveryId::new(request, [0xff; 10]).0,
    )
}

/// Inserts or replaces an offer.
pub(crate) fn write_offer(connection: &Connection, offer: &Offer) -> Result<()> {
    const WRITE: &str = "INSERT INTO offers (id, party, environment, round, state, created_at, told, attempts, noted, \
         message, message_at, message_attempts, first_attempt_at, next_attempt_at, available_at, leased, dead_at, \
         dead_reason) VALUES (:id, :party, :environment, :round, :state, :created_at, :told, :attempts, :noted, \
         :message, :message_at, :message_attempts, :first_attempt_at, :next_attempt_at, :available_at, :leased, \
         :dead_at, :dead_reason) ON CONFLICT (id) DO UPDATE SET state = :state, told = :told, attempts = :attempts, \
         noted = :noted, message = :message, message_at = :message_at, message_attempts = :message_attempts, \
         first_attempt_at = :first_attempt_at, next_attempt_at = :next_attempt_at, available_at = :available_at, \
         leased = :leased, dead_at = :dead_at, dead_reason = :dead_reason";
    let message = offer.message.as_ref();
    let dead = message.and_then(|message| message.dead.as_ref());
    connection.prepare_cached(WRITE)?.execute(named_params! {
        ":id": offer.delivery_id.0,
        ":party": offer.party.as_str(),
        ":environment": offer.environment as i64,
        ":round": offer.round,
        ":state": offer.state as i64,
        ":created_at": micros(offer.created_at),
        ":told": offer.told,
        ":attempts": offer.attempts,
        ":noted": offer.noted,
        ":message": message.map(|message| message.kind as i64),
        ":message_at": message.map(|message| micros(message.created_at)),
        ":message_attempts": message.map(|message| message.attempts),
        ":first_attempt_at": message.and_then(|message| message.first_attempt_at).map(micros),
        ":next_attempt_at": message.and_then(|message| message.next_attempt_at).map(micros),
        ":available_at": message.map(|message| micros(message.available_at)),
        ":leased": message.map(|message| message.leased),
        ":dead_at": dead.map(|dead| micros(dead.at)),
        ":dead_reason": dead.map(|dead| dead.reason.as_str()),
    })?;
    Ok(())
}

/// Adds an attempt to an offer's record.
pub(crate) fn write_attempt(
    connection: &Connection,
    id: DeliveryId,
    number: u32,
    attempt: &Attempt,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO attempts (offer, number, at, message, outcome, status_code, latency_us, answer) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            id.0,
            number,
            micros(attempt.at),
            attempt.message as i64,
            attempt.outcome,
            attempt.status_code,
            i64::try_from(attempt.latency_us).unwrap_or(i64::MAX),
            attempt.answer,
        ])?;
    Ok(())
}

/// Reads all attempts of a request's offers, oldest first.
pub(crate) fn read_attempts(
    connection: &Connection,
    request: RequestId,
) -> Result<Vec<(DeliveryId, Attempt)>> {
    let (first, last) = offers_of(request);
    let mut statement = connection.prepare_cached(
        "SELECT offer, at, message, outcome, status_code, latency_us, answer FROM attempts \
         WHERE offer BETWEEN ?1 AND ?2 ORDER BY offer, number",
    )?;
    let attempts = statement.query_map([first, last], |row| {
        let attempt = Attempt {
            at: time(1, row.get(1)?)?,
            message: pick(row, 2, &MESSAGES)?,
            outcome: row.get(3)?,
            status_code: row.get(4)?,
            latency_us: row.get::<_, i64>(5)?.unsigned_abs(),
            answer: row.get(6)?,
        };
        Ok((DeliveryId(row.get(0)?), attempt))
    })?;
    attempts.collect()
}

/// The columns of [`journal_entry`].
pub(crate) const JOURNAL: &str =
    "journal.sequence, journal.request, journal.at, journal.cause, journal.fact";

/// A journal row.
pub(crate) fn journal_entry(row: &Row<'_>) -> Result<JournalEntry> {
    let fact: Fact =
        serde_json::from_str(row.get_ref(4)?.as_str()?).map_err(|error| corrupt(4, error))?;
    Ok(JournalEntry {
        sequence: row.get::<_, i64>(0)?.unsigned_abs(),
        request: row
            .get::<_, Option<[u8; 16]>>(1)?
            .map(|bytes| RequestId(uuid::Uuid::from_bytes(bytes))),
        at: time(2, row.get(2)?)?,
        cause: row.get::<_, Option<i64>>(3)?.map(i64::unsigned_abs),
        fact,
    })
}

/// Appends a journal row.
pub(crate) fn write_journal(connection: &Connection, entry: &JournalEntry) -> Result<()> {
    let fact = serde_json::to_string(&entry.fact).map_err(|error| corrupt(4, error))?;
    connection
        .prepare_cached(
            "INSERT INTO journal (sequence, request, at, cause, fact) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
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
