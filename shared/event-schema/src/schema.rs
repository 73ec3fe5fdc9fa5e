//! The JSON Schema of every event's detail, generated from the types so that the two cannot drift apart.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use crate::{
    delivery::DeliveryDetail, delivery_result::DeliveryResultDetail, kind::EventKind,
    request::RequestDetail, status_update::StatusUpdateDetail, third_party::ThirdPartyDetail,
};

/// The schema (draft 2020-12) of the detail of one kind of event: what `schemas/events/` publishes.
#[must_use]
pub fn of(kind: EventKind) -> Value {
    match kind {
        EventKind::Request => generate::<RequestDetail>(),
        EventKind::Delivery => generate::<DeliveryDetail>(),
        EventKind::StatusUpdate => generate::<StatusUpdateDetail>(),
        EventKind::DeliveryResult => generate::<DeliveryResultDetail>(),
        EventKind::ThirdParty => generate::<ThirdPartyDetail>(),
    }
}

fn generate<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}
