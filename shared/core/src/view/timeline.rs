//! The journal as a reader may see it: for each kind of entry, the fields that are let through.

use event_schema::{
    delivery_result::Via,
    id::{DeliveryId, PartyId},
    words::{AnswerStatus, MessageType},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::Reader;
use crate::fact::{Fact, JournalEntry};

/// One entry of a request's timeline; what does not apply to its type, or is not the reader's to see, is left out.
#[derive(Debug, Default, Serialize)]
pub struct Entry<'a> {
    at: Timestamp,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<DeliveryId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    third_party: Option<&'a PartyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<AnswerStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    won: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<Via>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    /// The place in the journal of what the user was told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<u64>,
}

/// An entry as this reader sees it; none when it is not for the reader.
///
/// The journal's numbers are for operators only: on one machine they count everybody's doings.
pub(super) fn entry<'a>(journal: &'a JournalEntry, reader: Reader<'_>) -> Option<Entry<'a>> {
    if !is_for(&journal.fact, reader) {
        return None;
    }
    let whole = whole(journal);
    Some(match reader {
        Reader::Operator => whole,
        // A party that won knows by its own answer; `told` and `won` are about what others got to know.
        Reader::Party(..) => Entry {
            won: None,
            told: None,
            of: None,
            sequence: None,
            cause: None,
            ..whole
        },
        Reader::User => Entry {
            via: None,
            attempts: None,
            told: None,
            of: None,
            sequence: None,
            cause: None,
            reason: whole
                .reason
                .filter(|_| !matches!(journal.fact, Fact::MessageFailed { .. })),
            ..whole
        },
    })
}

fn is_for(fact: &Fact, reader: Reader<'_>) -> bool {
    let Reader::Party(party, environment) = reader else {
        return true;
    };
    match fact.concerns() {
        Some((concerned, in_environment)) => {
            concerned == party && in_environment == Some(environment)
        }
        None => matches!(fact, Fact::RequestCreated | Fact::RequestCancelled),
    }
}

/// Everything that there is to know.
fn whole(journal: &JournalEntry) -> Entry<'_> {
    let mut entry = Entry {
        at: journal.at,
        sequence: Some(journal.sequence),
        cause: journal.cause,
        third_party: journal.fact.concerns().map(|(party, _)| party),
        ..Entry::default()
    };
    entry.fill(&journal.fact);
    entry
}

impl<'a> Entry<'a> {
    fn fill(&mut self, fact: &'a Fact) {
        match fact {
            Fact::RequestCreated => self.kind = "request.created",
            Fact::RequestUnmatched => self.kind = "request.unmatched",
            Fact::RequestCancelled => self.kind = "request.cancelled",
            Fact::PartyChanged { .. } => self.kind = "party.changed",
            Fact::UserTold { channel, of } => {
                self.kind = "user.told";
                self.channel = Some(channel);
                self.of = Some(*of);
            }
            Fact::OfferCreated { delivery_id, .. } => self.offer("offer.created", *delivery_id),
            Fact::OfferExpired { delivery_id, .. } => self.offer("offer.expired", *delivery_id),
            Fact::OfferWithdrawn {
                delivery_id, told, ..
            } => {
                self.offer("offer.withdrawn", *delivery_id);
                self.told = Some(*told);
            }
            Fact::OfferAnswered {
                delivery_id,
                status,
                reason,
                details,
                won,
                ..
            } => {
                self.offer("offer.answered", *delivery_id);
                self.answer(*status, reason.as_deref(), details.as_ref());
                self.won = won.then_some(true);
            }
            Fact::OfferNoted {
                delivery_id,
                status,
                reason,
                details,
                ..
            } => {
                self.offer("offer.noted", *delivery_id);
                self.answer(*status, reason.as_deref(), details.as_ref());
            }
            Fact::MessageDelivered {
                delivery_id,
                message,
                via,
                attempts,
                ..
            } => {
                self.message("message.delivered", *delivery_id, *message);
                self.via = Some(*via);
                self.attempts = Some(*attempts);
            }
            Fact::MessageFailed {
                delivery_id,
                message,
                reason,
                attempts,
                ..
            } => {
                self.message("message.failed", *delivery_id, *message);
                self.reason = Some(reason);
                self.attempts = Some(*attempts);
            }
            Fact::MessageHeld {
                delivery_id,
                message,
                ..
            } => {
                self.message("message.held", *delivery_id, *message);
            }
            Fact::MessageReplayed {
                delivery_id,
                message,
                ..
            } => {
                self.message("message.replayed", *delivery_id, *message);
            }
        }
    }

    fn offer(&mut self, kind: &'static str, delivery: DeliveryId) {
        self.kind = kind;
        self.delivery_id = Some(delivery);
    }

    fn message(&mut self, kind: &'static str, delivery: DeliveryId, message: MessageType) {
        self.offer(kind, delivery);
        self.message = Some(message);
    }

    fn answer(
        &mut self,
        status: AnswerStatus,
        reason: Option<&'a str>,
        details: Option<&'a Value>,
    ) {
        self.status = Some(status);
        self.reason = reason;
        self.details = details;
    }
}
