//! `marketplace delivery`: one message to one party, as the router hands it to whatever delivers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    envelope::{Detail, Metadata},
    id::{DeliveryId, Environment, MessageId, PartyId, RequestId},
    kind::EventKind,
    message::Message,
};

/// The detail of a delivery event.
///
/// `M` is the message as the holder needs it: typed, or its raw text (`Box<serde_json::value::RawValue>`), which
/// is how a sender passes on exactly what [`crate::message::render`] wrote.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "DeliveryDetail")]
pub struct DeliveryDetail<M = Message> {
    /// The event about itself.
    pub metadata: Metadata,
    /// The request that is offered.
    pub request_id: RequestId,
    /// The party that the message is for.
    #[serde(rename = "3rdparty")]
    pub third_party: PartyId,
    /// The party's environment that the message is for.
    pub environment: Environment,
    /// The offer.
    pub delivery_id: DeliveryId,
    /// The message's id: header `webhook-id`, the same on every attempt.
    pub message_id: MessageId,
    /// When the message was made, in whole seconds since 1970: header `webhook-timestamp` where the bus itself pushes.
    /// As text, since that is what a header's value can be taken from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_timestamp: Option<String>,
    /// Exactly what a push sends.
    pub message: M,
}

impl Detail for DeliveryDetail {
    const KIND: EventKind = EventKind::Delivery;
}
