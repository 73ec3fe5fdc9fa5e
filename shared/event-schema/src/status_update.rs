//! `marketplace status update`: a party answered, or the request as a whole changed. What users are told about.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    envelope::{Detail, Metadata},
    id::{DeliveryId, PartyId, RequestId, UserId},
    kind::EventKind,
    words::AnswerStatus,
};

/// The detail of a status update.
///
/// Its source is `com.marketplace.<party id>` for a party's answer, `com.marketplace.router` for `unmatched` and
/// `com.marketplace.market` for `cancelled`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct StatusUpdateDetail {
    /// The event about itself.
    pub metadata: Metadata,
    /// The request that changed.
    pub request_id: RequestId,
    /// Whose request it is.
    pub user_id: UserId,
    /// The party that answered; absent when the request as a whole changed.
    #[serde(rename = "3rdparty", default, skip_serializing_if = "Option::is_none")]
    pub third_party: Option<PartyId>,
    /// The offer that was answered; absent when the request as a whole changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_id: Option<DeliveryId>,
    /// What it is now.
    pub status: UpdateStatus,
    /// Why, in the party's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whatever else the party sent with its answer: any JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// That this acceptance won a request of mode `first-accept`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub won: Option<bool>,
}

impl Detail for StatusUpdateDetail {
    const KIND: EventKind = EventKind::StatusUpdate;
}

/// What an offer, or a request as a whole, has become.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateStatus {
    /// The party works on it.
    InProgress,
    /// The party will fulfil it.
    Accepted,
    /// The party will not.
    Declined,
    /// The party has fulfilled it.
    Completed,
    /// The user took the request back.
    Cancelled,
    /// Nobody was eligible.
    Unmatched,
    /// Nobody answered in time.
    Expired,
    /// The party had accepted it and gave it back.
    Released,
}

impl UpdateStatus {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::InProgress,
        Self::Accepted,
        Self::Declined,
        Self::Completed,
        Self::Cancelled,
        Self::Unmatched,
        Self::Expired,
        Self::Released,
    ];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in-progress",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Unmatched => "unmatched",
            Self::Expired => "expired",
            Self::Released => "released",
        }
    }
}

impl fmt::Display for UpdateStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<AnswerStatus> for UpdateStatus {
    fn from(answer: AnswerStatus) -> Self {
        match answer {
            AnswerStatus::InProgress => Self::InProgress,
            AnswerStatus::Accepted => Self::Accepted,
            AnswerStatus::Declined => Self::Declined,
            AnswerStatus::Completed => Self::Completed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_that_serde_writes() {
        for status in UpdateStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for answer in AnswerStatus::ALL {
            assert_eq!(UpdateStatus::from(answer).as_str(), answer.as_str());
        }
    }
}
