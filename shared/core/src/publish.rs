//! A journal row becomes an event on the bus: one rule for what is told, by whom, and in which shape.
//!
//! Nothing is stored twice: the event is made of the row, its request's head and its body when it is read.

mod news;

use std::{borrow::Cow, sync::Arc};

use event_schema::{
    delivery::DeliveryDetail,
    envelope::{Event, Metadata},
    id::{DeliveryId, Environment, PartyId, RequestId, UserId},
    kind::EventKind,
    message, names, splice,
    status_update::UpdateStatus,
    third_party::{ThirdPartyChange, ThirdPartyDetail},
    words::MessageType,
};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use self::news::{delivery_result, status_update};
use crate::{
    fact::{Fact, JournalEntry},
    offer::message_id,
};

/// A journal row with what its event is made of.
#[derive(Clone, Debug)]
pub struct Happened {
    /// The row.
    pub entry: JournalEntry,
    /// Whose request it is about, and in which world; none for what happens to parties.
    pub request: Option<About>,
    /// The request event's `detail`, JSON text, for the kinds that carry it.
    pub detail: Option<Arc<str>>,
}

/// Whose request, and in which world.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct About {
    /// The user.
    pub user_id: UserId,
    /// The environment.
    pub environment: Environment,
}

/// An event as it goes over the bus, its detail as text.
pub type BusEvent = Event<Box<RawValue>>;

/// Why a row could not be made into its event: what the row speaks of is not there.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The request's head or body was not given.
    #[error("journal row {0} lacks what its event is made of")]
    Incomplete(u64),
    /// It could not be written as JSON.
    #[error("the event cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// The kind of event that a fact becomes; none for what only the timeline tells.
#[must_use]
pub fn kind(fact: &Fact) -> Option<EventKind> {
    match fact {
        Fact::RequestCreated => Some(EventKind::Request),
        Fact::OfferCreated { .. }
        | Fact::OfferWithdrawn { told: true, .. }
        | Fact::OfferReminded { .. }
        | Fact::MessageMade { .. }
        | Fact::MessageReplayed { .. } => Some(EventKind::Delivery),
        Fact::RequestUnmatched
        | Fact::RequestCancelled
        | Fact::OfferAnswered { .. }
        | Fact::OfferReleased { .. }
        | Fact::OfferExpired { .. } => Some(EventKind::StatusUpdate),
        Fact::MessageDelivered { .. } | Fact::MessageFailed { .. } | Fact::MessageHeld { .. } => {
            Some(EventKind::DeliveryResult)
        }
        Fact::PartyChanged { .. } => Some(EventKind::ThirdParty),
        Fact::OfferWithdrawn { told: false, .. }
        | Fact::OfferNoted { .. }
        | Fact::AnswerSeen { .. }
        | Fact::MessageAttempted { .. }
        | Fact::MessageLeased { .. }
        | Fact::UserTold { .. } => None,
    }
}

/// Whether a fact's event carries the request's body.
#[must_use]
pub fn carries_the_body(fact: &Fact) -> bool {
    matches!(kind(fact), Some(EventKind::Request | EventKind::Delivery))
}

/// The id of the event that a journal row becomes: derived, so every copy of it has the same.
#[must_use]
pub fn event_id(request: Option<RequestId>, sequence: u64) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(request.map_or([0; 16], |request| *request.0.as_bytes()));
    hash.update(sequence.to_be_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The event that a journal row becomes; none for what only the timeline tells.
///
/// # Errors
/// [`PublishError`] when what the event is made of was not given.
pub fn event(happened: &Happened) -> Result<Option<BusEvent>, PublishError> {
    let entry = &happened.entry;
    let Some(kind) = kind(&entry.fact) else {
        return Ok(None);
    };
    let (source, detail) = match (&entry.fact, entry.request) {
        (Fact::PartyChanged { third_party, environment, change, fields, .. }, _) => {
            party_event(happened, third_party, *environment, *change, fields)?
        }
        (_, None) => return Err(PublishError::Incomplete(entry.sequence)),
        (fact, Some(request)) => request_event(happened, request, fact)?,
    };
    Ok(Some(Event {
        id: event_id(entry.request, entry.sequence),
        source,
        detail_type: kind.detail_type().into(),
        time: entry.at,
        detail,
    }))
}

type Told = (Cow<'static, str>, Box<RawValue>);

fn party_event(
    happened: &Happened,
    third_party: &PartyId,
    environment: Option<Environment>,
    change: ThirdPartyChange,
    fields: &[String],
) -> Result<Told, PublishError> {
    let detail = ThirdPartyDetail {
        metadata: happened.metadata(environment.unwrap_or_default()),
        third_party: third_party.clone(),
        environment,
        change,
        changed_fields: (!fields.is_empty()).then(|| fields.to_vec()),
    };
    told(names::SOURCE_REGISTRY, &detail)
}

fn request_event(happened: &Happened, request: RequestId, fact: &Fact) -> Result<Told, PublishError> {
    match fact {
        Fact::RequestCreated => {
            let detail = splice::with_metadata(&happened.metadata(happened.about()?.environment), happened.body()?)?;
            Ok((names::SOURCE_MARKET.into(), RawValue::from_string(detail)?))
        }
        Fact::OfferCreated { delivery_id, third_party, .. } => {
            happened.delivery(MessageType::OfferCreated, *delivery_id, third_party)
        }
        Fact::OfferWithdrawn { delivery_id, third_party, .. } => {
            happened.delivery(MessageType::OfferWithdrawn, *delivery_id, third_party)
        }
        Fact::OfferReminded { delivery_id, third_party, .. } => {
            happened.delivery(MessageType::OfferReminder, *delivery_id, third_party)
        }
        Fact::MessageMade { delivery_id, third_party, message, .. }
        | Fact::MessageReplayed { delivery_id, third_party, message, .. } => {
            happened.delivery(*message, *delivery_id, third_party)
        }
        Fact::MessageDelivered { .. } | Fact::MessageFailed { .. } | Fact::MessageHeld { .. } => {
            told(names::SOURCE_DELIVERY, &delivery_result(happened, request, fact)?)
        }
        _ => {
            let detail = status_update(happened, request, fact)?;
            let source = match (&detail.third_party, detail.status) {
                (Some(party), status) if status != UpdateStatus::Expired => names::party_source(party).into(),
                (_, UpdateStatus::Cancelled) => names::SOURCE_MARKET.into(),
                _ => names::SOURCE_ROUTER.into(),
            };
            Ok((source, serde_json::value::to_raw_value(&detail)?))
        }
    }
}

fn told(source: &'static str, detail: &impl Serialize) -> Result<Told, PublishError> {
    Ok((source.into(), serde_json::value::to_raw_value(detail)?))
}

impl Happened {
    fn about(&self) -> Result<&About, PublishError> {
        self.request.as_ref().ok_or(PublishError::Incomplete(self.entry.sequence))
    }

    fn body(&self) -> Result<&str, PublishError> {
        self.detail.as_deref().ok_or(PublishError::Incomplete(self.entry.sequence))
    }

    fn delivery(&self, kind: MessageType, delivery_id: DeliveryId, party: &PartyId) -> Result<Told, PublishError> {
        let environment = self.about()?.environment;
        let request = delivery_id.request();
        let text = message::render(kind, self.entry.at, delivery_id, party, environment, request, self.body()?);
        let detail = DeliveryDetail {
            metadata: self.metadata(environment),
            request_id: request,
            third_party: party.clone(),
            environment,
            delivery_id,
            message_id: message_id(delivery_id, kind),
            message_timestamp: Some(self.entry.at.as_second().to_string()),
            message: RawValue::from_string(text)?,
        };
        told(names::SOURCE_ROUTER, &detail)
    }

    fn metadata(&self, environment: Environment) -> Metadata {
        metadata(&self.entry, environment)
    }
}

/// What the event of a journal row says of itself.
pub(crate) fn metadata(entry: &JournalEntry, environment: Environment) -> Metadata {
    let event_id = event_id(entry.request, entry.sequence);
    Metadata {
        event_id,
        version: Metadata::VERSION,
        sequence: entry.sequence,
        correlation_id: entry.request.map_or_else(|| event_id.to_string(), |request| request.to_string()),
        causation_id: entry.cause.map(|cause| self::event_id(entry.request, cause)),
        environment,
        occurred_at: entry.at,
    }
}
