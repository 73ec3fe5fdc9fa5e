//! What each kind of reader sees of a request: one place that decides, so that nothing leaks by another way.
//!
//! A user sees all offers of their own request, but not how delivering them went. A third party sees its own
//! offers in one environment and nothing from which it could learn of others: not how many there are, not how
//! they stand, not who won, not whether the user was told (DESIGN section 4, invariant 7). An operator sees
//! everything.

mod deliveries;
mod timeline;

use std::collections::HashMap;

use event_schema::{
    id::{DeliveryId, Environment, PartyId, RequestId, UserId},
    words::{MessageType, Mode},
};
use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

use crate::{
    lifecycle::{OfferState, RequestStatus, effective_state, request_status},
    offer::{Attempt, Offer},
    ports::RequestRecord,
    request::{Head, Routed},
};

pub use self::{
    deliveries::{DeliveryView, delivery},
    timeline::{ChangeView, Entry, change},
};

/// Who is looking.
#[derive(Clone, Copy, Debug)]
pub enum Reader<'a> {
    /// The user whose request it is; that it is theirs has been checked.
    User,
    /// This party, with a key of this environment.
    Party(&'a PartyId, Environment),
    /// An operator.
    Operator,
}

impl Reader<'_> {
    fn sees(self, offer: &Offer) -> bool {
        match self {
            Self::User | Self::Operator => true,
            Self::Party(party, environment) => offer.party == *party && offer.environment == environment,
        }
    }

    /// How delivering went is for the party that it was delivered to, and for operators.
    fn sees_deliveries(self) -> bool {
        match self {
            Self::User => false,
            Self::Party(..) | Self::Operator => true,
        }
    }

    fn is_operator(self) -> bool {
        matches!(self, Self::Operator)
    }
}

/// One request as one reader sees it: the answer of `GET /v1/requests/{id}` (DESIGN section 6).
#[derive(Debug, Serialize)]
pub struct RequestView<'a> {
    id: RequestId,
    user_id: &'a UserId,
    status: RequestStatus,
    environment: Environment,
    mode: Mode,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    routed: Option<Routed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    winner: Option<DeliveryId>,
    offers: Vec<OfferView<'a>>,
    timeline: Vec<Entry<'a>>,
    #[serde(serialize_with = "json_text")]
    request: &'a str,
}

/// One offer as one reader sees it.
#[derive(Debug, Serialize)]
pub struct OfferView<'a> {
    delivery_id: DeliveryId,
    third_party: &'a PartyId,
    status: OfferState,
    /// When its time is over, if it runs against a clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Vec<AttemptView<'a>>>,
}

/// One HTTP attempt as a reader sees it.
#[derive(Debug, Serialize)]
pub struct AttemptView<'a> {
    at: Timestamp,
    message: MessageType,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    latency_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a str>,
}

/// A request in a list.
#[derive(Debug, Serialize)]
pub struct Summary<'a> {
    id: RequestId,
    status: RequestStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    environment: Environment,
    mode: Mode,
    created_at: Timestamp,
    offers: usize,
}

/// A request as this reader sees it; none when the reader may not know that it exists.
#[must_use]
pub fn request<'a>(record: &'a RequestRecord, reader: Reader<'_>) -> Option<RequestView<'a>> {
    let head = &record.head;
    let seen: Vec<&Offer> = record.offers.iter().filter(|offer| reader.sees(offer)).collect();
    if matches!(reader, Reader::Party(..)) && seen.is_empty() {
        return None;
    }
    let mut attempts = reader.sees_deliveries().then(|| attempts_of(record, reader));
    let offers = seen.iter().map(|offer| OfferView {
        delivery_id: offer.delivery_id,
        third_party: &offer.party,
        status: effective_state(head, offer),
        expires_at: offer.deadline.map(|deadline| deadline.expire_at),
        attempts: attempts.as_mut().map(|all| all.remove(&offer.delivery_id).unwrap_or_default()),
    });
    Some(RequestView {
        id: head.id,
        user_id: &head.user_id,
        status: status(record, reader),
        environment: head.environment,
        mode: head.mode,
        created_at: head.created_at,
        routed: head.routed.filter(|_| reader.is_operator()),
        winner: head.winner.filter(|_| reader.is_operator()),
        offers: offers.collect(),
        timeline: record.journal.iter().filter_map(|entry| timeline::entry(entry, reader)).collect(),
        request: &record.detail,
    })
}

/// A request in its user's list.
#[must_use]
pub fn summary<'a>(head: &'a Head, offers: &[Offer]) -> Summary<'a> {
    Summary {
        id: head.id,
        status: request_status(head, offers),
        category: head.category.as_deref(),
        environment: head.environment,
        mode: head.mode,
        created_at: head.created_at,
        offers: offers.len(),
    }
}

/// A party's view of the whole is derived from its own part: what others answered does not show in it.
fn status(record: &RequestRecord, reader: Reader<'_>) -> RequestStatus {
    match reader {
        Reader::User | Reader::Operator => request_status(&record.head, &record.offers),
        Reader::Party(..) => {
            let own: Vec<Offer> = record.offers.iter().filter(|offer| reader.sees(offer)).cloned().collect();
            request_status(&record.head, &own)
        }
    }
}

fn attempts_of<'a>(record: &'a RequestRecord, reader: Reader<'_>) -> HashMap<DeliveryId, Vec<AttemptView<'a>>> {
    let mut all: HashMap<DeliveryId, Vec<AttemptView<'a>>> = HashMap::new();
    for (delivery, attempt) in &record.attempts {
        all.entry(*delivery).or_default().push(attempt_view(attempt, reader));
    }
    all
}

fn attempt_view<'a>(attempt: &'a Attempt, reader: Reader<'_>) -> AttemptView<'a> {
    /// Microseconds in a millisecond.
    const MICROSECONDS: f64 = 1_000.0;
    // Nothing takes so long that a float could not hold it exactly.
    let latency_us = u32::try_from(attempt.latency_us).unwrap_or(u32::MAX);
    AttemptView {
        at: attempt.at,
        message: attempt.message,
        outcome: &attempt.outcome,
        status_code: attempt.status_code,
        latency_ms: f64::from(latency_us) / MICROSECONDS,
        answer: attempt.answer.as_deref().filter(|_| reader.is_operator()),
    }
}

/// Passes JSON text on as it is stored.
fn json_text<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let raw: &RawValue = serde_json::from_str(text).map_err(S::Error::custom)?;
    raw.serialize(serializer)
}

#[cfg(test)]
mod tests;
