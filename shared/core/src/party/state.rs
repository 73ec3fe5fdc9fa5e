//! Whether a party takes part.

use serde::{Deserialize, Serialize};

/// Whether a party takes part.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PartyState {
    /// It is offered requests, and they are delivered.
    Active,
    /// It is offered requests; nothing is pushed until it is resumed. Its inbox stays open.
    Paused,
    /// It is offered nothing, and its keys do not work. For good.
    Disabled,
    /// It has signed up and not followed the link that was sent to its contact: it is offered nothing and has no keys.
    Unconfirmed,
    /// It has, and waits for an operator: it is offered nothing, and its keys do not work yet.
    Pending,
}

impl PartyState {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
            Self::Unconfirmed => "unconfirmed",
            Self::Pending => "pending",
        }
    }
}
