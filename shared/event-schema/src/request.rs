//! `marketplace requests`: a user asked for something. The one event that people outside write themselves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::{
    envelope::{Detail, Metadata},
    id::{Environment, UserId},
    kind::EventKind,
    words::Mode,
};

/// Sizes that both ways in, the REST API and the bus, hold a request to.
pub mod limits {
    /// Bytes of a request's JSON text (DESIGN section 6: 64 KiB).
    pub const TEXT_BYTES: usize = 64 * 1024;
    /// Characters of `category` and of `region`; at least one.
    pub const WORD_CHARS: usize = 128;
    /// Characters of `3rdparty`. Wider than a party's id: an unknown party is accepted and ends unmatched.
    pub const ADDRESSEE_CHARS: usize = 128;
    /// Characters of `note`.
    pub const NOTE_CHARS: usize = 4_096;
    /// Entries of `items`.
    pub const ITEMS: usize = 1_000;
    /// Characters of an item's `name`; at least one.
    pub const ITEM_NAME_CHARS: usize = 256;
    /// Arrays and objects within each other, the request's own object being the first.
    ///
    /// Half of what `serde_json` reads (128), because a request travels inside messages and envelopes.
    pub const DEPTH: usize = 64;
}

/// The detail of a request event.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct RequestDetail {
    /// Absent in events from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Everything that was asked.
    #[serde(flatten)]
    pub request: RequestFields,
}

impl Detail for RequestDetail {
    const KIND: EventKind = EventKind::Request;
}

/// What was asked: every field of a request's detail but its metadata. Third parties see exactly this.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct RequestFields {
    /// Whose request it is.
    pub user_id: UserId,
    /// That the request is a new one.
    pub request_status: RequestStatus,
    /// The one party that the request is addressed to. An unknown one ends unmatched.
    #[serde(rename = "3rdparty", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::ADDRESSEE_CHARS))]
    pub third_party: Option<String>,
    /// What kind of thing is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::WORD_CHARS))]
    pub category: Option<String>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::WORD_CHARS))]
    pub region: Option<String>,
    /// How much, in whatever unit the market has agreed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Number>,
    /// The things asked for, one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::ITEMS))]
    pub items: Option<Vec<Item>>,
    /// Whether everyone eligible fulfils (`all`, the default) or the first to accept does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The user's documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<Vec<Value>>,
    /// Free text for whoever fulfils.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::NOTE_CHARS))]
    pub note: Option<String>,
    /// The request's free part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Map<String, Value>>,
    /// The world that the request belongs to; `prod` unless it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// `requests1` and so on, and whatever else the sender wrote: kept, filtered on and passed on.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What a request event may say of the request's status.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestStatus {
    /// Nobody has seen it yet.
    #[default]
    New,
}

/// One thing that is asked for.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Item {
    /// What it is.
    #[schemars(length(min = 1, max = limits::ITEM_NAME_CHARS))]
    pub name: String,
    /// How many, or how much, of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub quantity: Option<Number>,
    /// Whatever else the sender wrote about it.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}
