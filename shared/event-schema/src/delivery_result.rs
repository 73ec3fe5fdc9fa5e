//! `marketplace delivery result`: what became of a message, for operators, dashboards and the data lake.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    envelope::{Detail, Metadata},
    id::{DeliveryId, Environment, PartyId, RequestId},
    kind::EventKind,
    words::MessageType,
};

/// The detail of a delivery result.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct DeliveryResultDetail {
    /// The event about itself.
    pub metadata: Metadata,
    /// The request that was offered; absent when the party as a whole was paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The offer; absent when the party as a whole was paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_id: Option<DeliveryId>,
    /// The party.
    #[serde(rename = "3rdparty")]
    pub third_party: PartyId,
    /// The party's environment.
    pub environment: Environment,
    /// What became of it.
    pub result: DeliveryOutcome,
    /// Which message about the offer it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_type: Option<MessageType>,
    /// How the party is known to have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// Why it failed, or why the party was paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many times it was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

impl Detail for DeliveryResultDetail {
    const KIND: EventKind = EventKind::DeliveryResult;
}

/// What became of a message.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryOutcome {
    /// The party has it.
    Delivered,
    /// It will not be tried again: a dead letter.
    Failed,
    /// The party's environment was paused; its offers stay pending.
    Paused,
}

/// How a party is known to have a message.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// Its endpoint answered 2xx.
    Push,
    /// It acknowledged the offer from its inbox.
    Inbox,
    /// It answered the offer.
    Answer,
}
