//! What happened: a journal row is both a timeline entry and, where others care, an event on the bus.

use event_schema::{
    delivery_result::Via,
    id::{DeliveryId, Environment, PartyId, RequestId},
    third_party::ThirdPartyChange,
    words::{AnswerStatus, MessageType},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::offer::Offer;

/// One thing that happened. Serialised with its type's name as `type`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "type")]
#[expect(missing_docs, reason = "the fields are those of the events that they become")]
pub enum Fact {
    /// A user, or an event from outside, asked for something.
    #[serde(rename = "request.created")]
    RequestCreated,
    /// Nobody was eligible.
    #[serde(rename = "request.unmatched")]
    RequestUnmatched,
    /// The user took it back.
    #[serde(rename = "request.cancelled")]
    RequestCancelled,
    /// A party may see it.
    #[serde(rename = "offer.created")]
    OfferCreated { delivery_id: DeliveryId, third_party: PartyId, environment: Environment },
    /// A party may see it no longer.
    #[serde(rename = "offer.withdrawn")]
    OfferWithdrawn { delivery_id: DeliveryId, third_party: PartyId, environment: Environment, told: bool },
    /// Nobody fetched it in time.
    #[serde(rename = "offer.expired")]
    OfferExpired { delivery_id: DeliveryId, third_party: PartyId, environment: Environment },
    /// A party was reminded of an offer that it has not answered.
    #[serde(rename = "offer.reminded")]
    OfferReminded { delivery_id: DeliveryId, third_party: PartyId, environment: Environment },
    /// A message besides those that the facts above are: it goes to the party from now on.
    #[serde(rename = "message.made")]
    MessageMade { delivery_id: DeliveryId, third_party: PartyId, environment: Environment, message: MessageType },
    /// A party answered.
    #[serde(rename = "offer.answered")]
    OfferAnswered {
        delivery_id: DeliveryId,
        third_party: PartyId,
        environment: Environment,
        status: AnswerStatus,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        details: Option<Value>,
        /// Whether this answer decided a `first-accept` request.
        #[serde(default)]
        won: bool,
    },
    /// A party that had accepted gave it back.
    #[serde(rename = "offer.released")]
    OfferReleased { delivery_id: DeliveryId, third_party: PartyId, environment: Environment, reason: String },
    /// A party said the same again, with something new in it.
    #[serde(rename = "offer.noted")]
    OfferNoted {
        delivery_id: DeliveryId,
        third_party: PartyId,
        environment: Environment,
        status: AnswerStatus,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        details: Option<Value>,
    },
    /// A message was tried to be pushed, in vain, and is tried again.
    #[serde(rename = "message.attempted")]
    MessageAttempted {
        delivery_id: DeliveryId,
        third_party: PartyId,
        environment: Environment,
        message: MessageType,
        outcome: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status_code: Option<u16>,
        attempts: u32,
    },
    /// A party read a message: it leased it from its inbox, for the first time.
    #[serde(rename = "message.leased")]
    MessageLeased { delivery_id: DeliveryId, third_party: PartyId, environment: Environment, message: MessageType },
    /// What a party posted about an offer of its certification, and what it was answered.
    #[serde(rename = "answer.seen")]
    AnswerSeen {
        delivery_id: DeliveryId,
        third_party: PartyId,
        environment: Environment,
        /// None when it was no legal status.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<AnswerStatus>,
        status_code: u16,
    },
    /// A message arrived.
    #[serde(rename = "message.delivered")]
    MessageDelivered {
        delivery_id: DeliveryId,
        third_party: PartyId,
        environment: Environment,
        message: MessageType,
        via: Via,
        attempts: u32,
    },
    /// A message's pushes ended for good.
    #[serde(rename = "message.failed")]
    MessageFailed {
        delivery_id: DeliveryId,
        third_party: PartyId,
        environment: Environment,
        message: MessageType,
        reason: String,
        attempts: u32,
    },
    /// The party's endpoint asked to be paused (410): the message waits.
    #[serde(rename = "message.held")]
    MessageHeld { delivery_id: DeliveryId, third_party: PartyId, environment: Environment, message: MessageType },
    /// A message gets another run: one that was given up, or that has arrived before.
    #[serde(rename = "message.replayed")]
    MessageReplayed { delivery_id: DeliveryId, third_party: PartyId, environment: Environment, message: MessageType },
    /// The user was told, by this channel, of what has this sequence.
    #[serde(rename = "user.told")]
    UserTold { channel: String, of: u64 },
    /// A third party joined, changed, was paused, resumed or disabled.
    #[serde(rename = "party.changed")]
    PartyChanged {
        third_party: PartyId,
        #[serde(skip_serializing_if = "Option::is_none")]
        environment: Option<Environment>,
        change: ThirdPartyChange,
        /// Names of the settings that changed; never their values.
        fields: Vec<String>,
        /// Who did it.
        by: String,
    },
}

impl Fact {
    /// An offer was made.
    #[must_use]
    pub fn offer_created(offer: &Offer) -> Self {
        Self::OfferCreated {
            delivery_id: offer.delivery_id,
            third_party: offer.party.clone(),
            environment: offer.environment,
        }
    }

    /// Its time is over.
    #[must_use]
    pub fn expired(offer: &Offer) -> Self {
        Self::OfferExpired {
            delivery_id: offer.delivery_id,
            third_party: offer.party.clone(),
            environment: offer.environment,
        }
    }

    /// A message about an offer goes out once more.
    #[must_use]
    pub fn replayed(offer: &Offer, message: MessageType) -> Self {
        Self::MessageReplayed {
            delivery_id: offer.delivery_id,
            third_party: offer.party.clone(),
            environment: offer.environment,
            message,
        }
    }

    /// A party read a message about an offer.
    #[must_use]
    pub fn leased(offer: &Offer, message: MessageType) -> Self {
        Self::MessageLeased {
            delivery_id: offer.delivery_id,
            third_party: offer.party.clone(),
            environment: offer.environment,
            message,
        }
    }

    /// A message about an offer arrived.
    #[must_use]
    pub fn delivered(offer: &Offer, message: MessageType, via: Via) -> Self {
        Self::MessageDelivered {
            delivery_id: offer.delivery_id,
            third_party: offer.party.clone(),
            environment: offer.environment,
            message,
            via,
            attempts: offer.attempts,
        }
    }

    /// The party and the environment that it concerns; none when it concerns the request as a whole.
    #[must_use]
    pub fn concerns(&self) -> Option<(&PartyId, Option<Environment>)> {
        match self {
            Self::RequestCreated | Self::RequestUnmatched | Self::RequestCancelled | Self::UserTold { .. } => None,
            Self::OfferCreated { third_party, environment, .. }
            | Self::OfferWithdrawn { third_party, environment, .. }
            | Self::OfferExpired { third_party, environment, .. }
            | Self::OfferReminded { third_party, environment, .. }
            | Self::MessageMade { third_party, environment, .. }
            | Self::OfferAnswered { third_party, environment, .. }
            | Self::OfferReleased { third_party, environment, .. }
            | Self::OfferNoted { third_party, environment, .. }
            | Self::MessageAttempted { third_party, environment, .. }
            | Self::MessageLeased { third_party, environment, .. }
            | Self::AnswerSeen { third_party, environment, .. }
            | Self::MessageDelivered { third_party, environment, .. }
            | Self::MessageFailed { third_party, environment, .. }
            | Self::MessageHeld { third_party, environment, .. }
            | Self::MessageReplayed { third_party, environment, .. } => Some((third_party, Some(*environment))),
            Self::PartyChanged { third_party, environment, .. } => Some((third_party, *environment)),
        }
    }

    /// Whose offer it happened to, in which environment; none for what happens to requests and to parties themselves.
    #[must_use]
    pub fn of_an_offer_to(&self) -> Option<(&PartyId, Environment)> {
        match (self, self.concerns()) {
            (Self::PartyChanged { .. }, _) => None,
            (_, Some((party, Some(environment)))) => Some((party, environment)),
            (_, Some((_, None)) | None) => None,
        }
    }
}

/// A fact with its place in the journal.
#[derive(Clone, Debug)]
pub struct JournalEntry {
    /// Its place: rises within a request, and on one machine over all of them.
    pub sequence: u64,
    /// The request that it is about; none for what happens to parties.
    pub request: Option<RequestId>,
    /// When.
    pub at: Timestamp,
    /// The sequence of what caused it, if that was an event.
    pub cause: Option<u64>,
    /// What.
    pub fact: Fact,
}
