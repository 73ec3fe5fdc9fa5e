//! An offer as the party that it was made to sees it in its list.

use event_schema::{
    id::{DeliveryId, MessageId, RequestId},
    words::MessageType,
};
use jiff::Timestamp;
use serde::Serialize;

use super::{AttemptView, Reader, attempt_view};
use crate::{
    lifecycle::{OfferState, state_at},
    offer::{Attempt, message_id},
    ports::OfferRecord,
};

/// An item of `GET /v1/me/deliveries`.
#[derive(Debug, Serialize)]
pub struct DeliveryView<'a> {
    delivery_id: DeliveryId,
    request_id: RequestId,
    status: OfferState,
    created_at: Timestamp,
    /// When anything about it changed last.
    changed_at: Timestamp,
    /// When its time is over, if it runs against a clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// The message that waits for the party, else the one that was tried last.
    message: MessageType,
    /// The `webhook-id` of that message.
    webhook_id: MessageId,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Timestamp>,
    attempts: Vec<AttemptView<'a>>,
}

/// An offer with its attempts. Messages of parties that poll, or that take no pushes now, are due all the same: that is
/// not told (`pushed`).
#[must_use]
pub fn delivery<'a>(
    record: &'a OfferRecord,
    attempts: impl IntoIterator<Item = &'a Attempt>,
    pushed: bool,
    now: Timestamp,
) -> DeliveryView<'a> {
    let OfferRecord { head, offer } = record;
    let reader = Reader::Party(&offer.party, offer.environment);
    let attempts: Vec<_> = attempts.into_iter().map(|attempt| attempt_view(attempt, reader)).collect();
    let waiting = offer.message.as_ref();
    let tried = attempts.last().map(|attempt| attempt.message);
    let message = waiting.map(|message| message.kind).or(tried).unwrap_or(MessageType::OfferCreated);
    DeliveryView {
        delivery_id: offer.delivery_id,
        request_id: head.id,
        status: state_at(head, offer, now),
        created_at: offer.created_at,
        changed_at: offer.changed_at.unwrap_or(offer.created_at),
        expires_at: offer.deadline.map(|deadline| deadline.expire_at),
        message,
        webhook_id: message_id(offer.delivery_id, message),
        next_attempt_at: waiting.and_then(|message| message.next_attempt_at).filter(|_| pushed),
        attempts,
    }
}
