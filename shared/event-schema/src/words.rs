//! The words that third parties read and write: message types, and the statuses they answer with.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a message tells a third party about an offer (DESIGN section 6, "Message to a third party").
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub enum MessageType {
    /// Here is a request you may fulfil.
    #[serde(rename = "offer.created")]
    OfferCreated,
    /// It is no longer yours to fulfil.
    #[serde(rename = "offer.withdrawn")]
    OfferWithdrawn,
    /// You have not answered yet.
    #[serde(rename = "offer.reminder")]
    OfferReminder,
    /// Your time to answer is over.
    #[serde(rename = "offer.expired")]
    OfferExpired,
}

impl MessageType {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OfferCreated => "offer.created",
            Self::OfferWithdrawn => "offer.withdrawn",
            Self::OfferReminder => "offer.reminder",
            Self::OfferExpired => "offer.expired",
        }
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a third party may answer to an offer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerStatus {
    /// Seen and being worked on; commits to nothing.
    InProgress,
    /// The party will fulfil it.
    Accepted,
    /// The party will not.
    Declined,
    /// Fulfilled; implies acceptance.
    Completed,
}

impl AnswerStatus {
    /// Every answer.
    pub const ALL: [Self; 4] = [Self::InProgress, Self::Accepted, Self::Declined, Self::Completed];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in-progress",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Completed => "completed",
        }
    }
}

impl fmt::Display for AnswerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether one eligible party or every one of them fulfils a request.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Everyone eligible fulfils.
    #[default]
    All,
    /// The first to accept wins; the others' offers are withdrawn.
    FirstAccept,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::All, Self::FirstAccept];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::FirstAccept => "first-accept",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
