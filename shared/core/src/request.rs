//! A request as it is stored: its head, and the aggregate that a command decides on.

use event_schema::{
    id::{DeliveryId, Environment, RequestId, UserId},
    words::Mode,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::offer::Offer;

/// What is known of a request besides its body and its offers.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Head {
    /// Its id.
    pub id: RequestId,
    /// Whose it is.
    pub user_id: UserId,
    /// The world that it belongs to.
    pub environment: Environment,
    /// Whether one party fulfils it or everyone eligible.
    pub mode: Mode,
    /// What it asks for, if the user said so; for lists.
    pub category: Option<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// That it has been routed, and to how many.
    pub routed: Option<Routed>,
    /// The offer that won (`first-accept` only); set once, by the write that accepted.
    pub winner: Option<DeliveryId>,
    /// When its user took it back.
    pub cancelled_at: Option<Timestamp>,
}

/// The marker that routing is done.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Routed {
    /// When.
    pub at: Timestamp,
    /// How many offers were made; none means that nobody was eligible.
    pub offers: u32,
    /// The version of the filter registry that decided.
    pub registry_version: u64,
}

/// As much of a request as a command asked to see.
#[derive(Clone, Debug, Default)]
pub struct Aggregate {
    /// The head, if there is such a request.
    pub head: Option<Head>,
    /// The offers that the command named in its [`Needs`](crate::command::Needs), oldest first.
    pub offers: Vec<Offer>,
}

impl Aggregate {
    /// One of the loaded offers.
    #[must_use]
    pub fn offer(&self, delivery_id: DeliveryId) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.delivery_id == delivery_id)
    }
}
