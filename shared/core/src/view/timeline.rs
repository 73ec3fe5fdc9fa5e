//! The journal as a reader may see it: for each kind of entry, the fields that are let through.

use event_schema::{
    delivery_result::Via,
    id::{DeliveryId, Environment, PartyId, RequestId},
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
    /// What came of an attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
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
        Reader::Party(..) => Entry { won: None, told: None, of: None, sequence: None, cause: None, ..whole },
        Reader::User => Entry {
            via: None,
            attempts: None,
            told: None,
            of: None,
            sequence: None,
            cause: None,
            reason: whole.reason.filter(|_| !matches!(journal.fact, Fact::MessageFailed { .. })),
            ..whole
        },
    })
}

/// Something that happened to one of a party's offers, as the party sees it.
#[derive(Debug, Serialize)]
pub struct ChangeView<'a> {
    request_id: RequestId,
    #[serde(flatten)]
    entry: Entry<'a>,
}

/// An item of the feed of this party in this environment; none when it is not for it.
#[must_use]
pub fn change<'a>(journal: &'a JournalEntry, party: &PartyId, environment: Environment) -> Option<ChangeView<'a>> {
    let request_id = journal.request?;
    journal.fact.of_an_offer_to()?;
    Some(ChangeView { request_id, entry: entry(journal, Reader::Party(party, environment))? })
}

fn is_for(fact: &Fact, reader: Reader<'_>) -> bool {
    let (party, environment) = match reader {
        Reader::Operator => return true,
        Reader::User => return !is_between_party_and_marketplace(fact),
        Reader::Party(party, environment) => (party, environment),
    };
    match fact.concerns() {
        Some((concerned, in_environment)) => concerned == party && in_environment == Some(environment),
        None => matches!(fact, Fact::RequestCreated | Fact::RequestCancelled),
    }
}

/// That a party has paused itself, what it is told, and what it took until it had it.
fn is_between_party_and_marketplace(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::MessageHeld { .. }
            | Fact::MessageMade { .. }
            | Fact::MessageAttempted { .. }
            | Fact::MessageLeased { .. }
            | Fact::AnswerSeen { .. }
    )
}

/// Everything that there is to know.
fn whole(journal: &JournalEntry) -> Entry<'_> {
    let fact = &journal.fact;
    let entry = Entry {
        at: journal.at,
        kind: kind(fact),
        delivery_id: delivery(fact),
        third_party: fact.concerns().map(|(party, _)| party),
        message: message(fact),
        sequence: Some(journal.sequence),
        cause: journal.cause,
        ..Entry::default()
    };
    entry.with_what_only_some_have(fact)
}

/// The name that it has in the journal.
fn kind(fact: &Fact) -> &'static str {
    match fact {
        Fact::RequestCreated => "request.created",
        Fact::RequestUnmatched => "request.unmatched",
        Fact::RequestCancelled => "request.cancelled",
        Fact::OfferCreated { .. } => "offer.created",
        Fact::OfferWithdrawn { .. } => "offer.withdrawn",
        Fact::OfferExpired { .. } => "offer.expired",
        Fact::OfferReminded { .. } => "offer.reminded",
        Fact::MessageMade { .. } => "message.made",
        Fact::OfferAnswered { .. } => "offer.answered",
        Fact::OfferReleased { .. } => "offer.released",
        Fact::OfferNoted { .. } => "offer.noted",
        Fact::MessageAttempted { .. } => "message.attempted",
        Fact::MessageLeased { .. } => "message.leased",
        Fact::AnswerSeen { .. } => "answer.seen",
        Fact::MessageDelivered { .. } => "message.delivered",
        Fact::MessageFailed { .. } => "message.failed",
        Fact::MessageHeld { .. } => "message.held",
        Fact::MessageReplayed { .. } => "message.replayed",
        Fact::UserTold { .. } => "user.told",
        Fact::PartyChanged { .. } => "party.changed",
    }
}

fn delivery(fact: &Fact) -> Option<DeliveryId> {
    match fact {
        Fact::OfferCreated { delivery_id, .. }
        | Fact::OfferWithdrawn { delivery_id, .. }
        | Fact::OfferExpired { delivery_id, .. }
        | Fact::OfferReminded { delivery_id, .. }
        | Fact::MessageMade { delivery_id, .. }
        | Fact::OfferAnswered { delivery_id, .. }
        | Fact::OfferReleased { delivery_id, .. }
        | Fact::OfferNoted { delivery_id, .. }
        | Fact::MessageAttempted { delivery_id, .. }
        | Fact::MessageLeased { delivery_id, .. }
        | Fact::AnswerSeen { delivery_id, .. }
        | Fact::MessageDelivered { delivery_id, .. }
        | Fact::MessageFailed { delivery_id, .. }
        | Fact::MessageHeld { delivery_id, .. }
        | Fact::MessageReplayed { delivery_id, .. } => Some(*delivery_id),
        Fact::RequestCreated
        | Fact::RequestUnmatched
        | Fact::RequestCancelled
        | Fact::UserTold { .. }
        | Fact::PartyChanged { .. } => None,
    }
}

fn message(fact: &Fact) -> Option<MessageType> {
    match fact {
        Fact::MessageMade { message, .. }
        | Fact::MessageAttempted { message, .. }
        | Fact::MessageLeased { message, .. }
        | Fact::MessageDelivered { message, .. }
        | Fact::MessageFailed { message, .. }
        | Fact::MessageHeld { message, .. }
        | Fact::MessageReplayed { message, .. } => Some(*message),
        _ => None,
    }
}

impl<'a> Entry<'a> {
    fn with_what_only_some_have(mut self, fact: &'a Fact) -> Self {
        match fact {
            Fact::UserTold { channel, of } => {
                self.channel = Some(channel);
                self.of = Some(*of);
            }
            Fact::OfferWithdrawn { told, .. } => self.told = Some(*told),
            Fact::OfferAnswered { status, won, .. } => {
                self.status = Some(*status);
                self.won = won.then_some(true);
            }
            Fact::OfferNoted { status, .. } => self.status = Some(*status),
            Fact::AnswerSeen { status, status_code, .. } => {
                self.status = *status;
                self.status_code = Some(*status_code);
            }
            Fact::MessageDelivered { via, attempts, .. } => {
                self.via = Some(*via);
                self.attempts = Some(*attempts);
            }
            Fact::MessageFailed { attempts, .. } => self.attempts = Some(*attempts),
            Fact::MessageAttempted { outcome, status_code, attempts, .. } => {
                self.outcome = Some(outcome);
                self.status_code = *status_code;
                self.attempts = Some(*attempts);
            }
            _ => {}
        }
        self.reason = reason(fact);
        self.details = details(fact);
        self
    }
}

/// A party's words about its answer, or a stable word about why pushes ended.
fn reason(fact: &Fact) -> Option<&str> {
    match fact {
        Fact::OfferAnswered { reason, .. } | Fact::OfferNoted { reason, .. } => reason.as_deref(),
        Fact::OfferReleased { reason, .. } | Fact::MessageFailed { reason, .. } => Some(reason),
        _ => None,
    }
}

fn details(fact: &Fact) -> Option<&Value> {
    match fact {
        Fact::OfferAnswered { details, .. } | Fact::OfferNoted { details, .. } => details.as_ref(),
        _ => None,
    }
}
