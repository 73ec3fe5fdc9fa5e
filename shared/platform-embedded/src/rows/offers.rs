//! Offers, the messages on their way, and the attempts made: rows to values and back.

use event_schema::id::{DeliveryId, Environment, PartyId, RequestId};
use jiff::Timestamp;
use marketplace_core::{
    lifecycle::OfferState,
    offer::{Attempt, DeadLetter, Deadline, Offer, Outgoing},
};
use rusqlite::{Connection, OptionalExtension, Result, Row, named_params, params};

use super::{MESSAGES, micros, optional_time, parse, pick, time};

/// The columns of [`offer`].
pub(crate) const OFFER: &str = "id, party, environment, round, state, created_at, told, attempts, noted, message, \
     message_at, message_attempts, first_attempt_at, next_attempt_at, available_at, leased, dead_at, \
     dead_reason, noted_bytes, vacant, alarm_at, expire_at, changed_at";

/// An offer.
pub(crate) fn offer(row: &Row<'_>) -> Result<Offer> {
    Ok(Offer {
        delivery_id: DeliveryId(row.get(0)?),
        party: parse::<PartyId>(row, 1)?,
        environment: pick(row, 2, &Environment::ALL)?,
        round: row.get(3)?,
        state: pick(row, 4, &OfferState::ALL)?,
        created_at: time(5, row.get(5)?)?,
        changed_at: optional_time(row, 22)?,
        told: row.get(6)?,
        attempts: row.get(7)?,
        noted: row.get(8)?,
        noted_bytes: row.get(18)?,
        message: if row.get_ref(9)? == rusqlite::types::ValueRef::Null { None } else { Some(outgoing(row)?) },
        vacant: row.get(19)?,
        deadline: deadline(row)?,
    })
}

/// The alarm is the reminder's, as long as it comes before the end.
fn deadline(row: &Row<'_>) -> Result<Option<Deadline>> {
    let (alarm_at, expire_at) = (optional_time(row, 20)?, optional_time(row, 21)?);
    Ok(expire_at.map(|expire_at| Deadline { remind_at: alarm_at.filter(|alarm| *alarm < expire_at), expire_at }))
}

fn outgoing(row: &Row<'_>) -> Result<Outgoing> {
    let dead = optional_time(row, 16)?
        .map(|at| Ok::<_, rusqlite::Error>(DeadLetter { at, reason: row.get(17)? }))
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
    connection.prepare_cached(&format!("SELECT {OFFER} FROM offers WHERE id = ?1"))?.query_row([id.0], offer).optional()
}

/// Reads all offers of a request, oldest first.
pub(crate) fn read_offers(connection: &Connection, request: RequestId) -> Result<Vec<Offer>> {
    let (first, last) = offers_of(request);
    let mut statement = connection.prepare_cached(&format!("SELECT {OFFER} FROM offers WHERE id BETWEEN ?1 AND ?2"))?;
    let mut offers: Vec<Offer> = statement.query_map([first, last], offer)?.collect::<Result<_>>()?;
    offers.sort_by(|a, b| (a.created_at, &a.party).cmp(&(b.created_at, &b.party)));
    Ok(offers)
}

/// The range of ids that a request's offers have.
pub(crate) fn offers_of(request: RequestId) -> ([u8; 26], [u8; 26]) {
    (DeliveryId::new(request, [0; 10]).0, DeliveryId::new(request, [0xff; 10]).0)
}

/// Inserts or replaces an offer, at this time.
pub(crate) fn write_offer(connection: &Connection, offer: &Offer, at: Timestamp) -> Result<()> {
    const WRITE: &str = "INSERT INTO offers (id, party, environment, round, state, created_at, told, attempts, noted, \
         message, message_at, message_attempts, first_attempt_at, next_attempt_at, available_at, leased, dead_at, \
         dead_reason, noted_bytes, vacant, alarm_at, expire_at, changed_at) VALUES (:id, :party, :environment, :round, \
         :state, :created_at, :told, :attempts, :noted, :message, :message_at, :message_attempts, :first_attempt_at, \
         :next_attempt_at, :available_at, :leased, :dead_at, :dead_reason, :noted_bytes, :vacant, :alarm_at, \
         :expire_at, :changed_at) ON CONFLICT (id) DO UPDATE SET state = :state, told = :told, attempts = :attempts, \
         noted = :noted, message = :message, message_at = :message_at, message_attempts = :message_attempts, \
         first_attempt_at = :first_attempt_at, next_attempt_at = :next_attempt_at, available_at = :available_at, \
         leased = :leased, dead_at = :dead_at, dead_reason = :dead_reason, noted_bytes = :noted_bytes, \
         vacant = :vacant, alarm_at = :alarm_at, expire_at = :expire_at, changed_at = :changed_at";
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
        ":noted_bytes": offer.noted_bytes,
        ":message": message.map(|message| message.kind as i64),
        ":message_at": message.map(|message| micros(message.created_at)),
        ":message_attempts": message.map(|message| message.attempts),
        ":first_attempt_at": message.and_then(|message| message.first_attempt_at).map(micros),
        ":next_attempt_at": message.and_then(|message| message.next_attempt_at).map(micros),
        ":available_at": message.map(|message| micros(message.available_at)),
        ":leased": message.map(|message| message.leased),
        ":dead_at": dead.map(|dead| micros(dead.at)),
        ":dead_reason": dead.map(|dead| dead.reason.as_str()),
        ":vacant": offer.vacant,
        ":alarm_at": offer.deadline.map(|deadline| micros(deadline.next())),
        ":expire_at": offer.deadline.map(|deadline| micros(deadline.expire_at)),
        ":changed_at": micros(at),
    })?;
    Ok(())
}

/// Adds an attempt to an offer's record.
pub(crate) fn write_attempt(connection: &Connection, id: DeliveryId, number: u32, attempt: &Attempt) -> Result<()> {
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
pub(crate) fn read_attempts(connection: &Connection, request: RequestId) -> Result<Vec<(DeliveryId, Attempt)>> {
    read_attempts_between(connection, offers_of(request))
}

/// Reads the attempts of one offer, oldest first.
pub(crate) fn read_attempts_at(connection: &Connection, id: DeliveryId) -> Result<Vec<(DeliveryId, Attempt)>> {
    read_attempts_between(connection, (id.0, id.0))
}

fn read_attempts_between(
    connection: &Connection,
    (first, last): ([u8; 26], [u8; 26]),
) -> Result<Vec<(DeliveryId, Attempt)>> {
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
