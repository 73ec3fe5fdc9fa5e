//! `marketplace 3rdparty`: what happens to third parties themselves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    envelope::{Detail, Metadata},
    id::{Environment, PartyId},
    kind::EventKind,
};

/// The detail of a third party event. It names what changed and never holds a value: values may be secret.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ThirdPartyDetail {
    /// The event about itself.
    pub metadata: Metadata,
    /// The party.
    #[serde(rename = "3rdparty")]
    pub third_party: PartyId,
    /// The party's environment that the change is limited to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// What happened.
    pub change: ThirdPartyChange,
    /// The settings that have other values now, such as `filter` or `delivery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_fields: Option<Vec<String>>,
}

impl Detail for ThirdPartyDetail {
    const KIND: EventKind = EventKind::ThirdParty;
}

/// What happened to a third party.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThirdPartyChange {
    /// An operator made it.
    Joined,
    /// Some of its settings have other values.
    Changed,
    /// It gets no pushes for now.
    Paused,
    /// It gets pushes again.
    Resumed,
    /// It is out of the marketplace.
    Disabled,
}
