//! A request as it is stored: its head, and the aggregate that a command decides on.

use event_schema::{
    id::{DeliveryId, Environment, PartyId, RequestId, UserId},
    words::Mode,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{command::route::FIRST_ROUND, offer::Offer};

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
    /// The offer that won (`first-accept` only); set by the write that accepted, cleared by the one that gives it back.
    pub winner: Option<DeliveryId>,
    /// When its user took it back.
    pub cancelled_at: Option<Timestamp>,
    /// The newest round in which offers were made.
    #[serde(default = "first_round", skip_serializing_if = "is_first_round")]
    pub round: u16,
    /// The newest round that is over because one of its offers won and was given back (`first-accept` only); 0 for none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub closed: u16,
}

const fn first_round() -> u16 {
    FIRST_ROUND
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_first_round(round: &u16) -> bool {
    *round == FIRST_ROUND
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(round: &u16) -> bool {
    *round == 0
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

    /// One of the loaded offers, if it was made to this party in this environment: what is another's is not there.
    #[must_use]
    pub fn offer_to(&self, party: &PartyId, environment: Environment, delivery_id: DeliveryId) -> Option<&Offer> {
        self.offer(delivery_id).filter(|offer| offer.is_to(party, environment))
    }
}
