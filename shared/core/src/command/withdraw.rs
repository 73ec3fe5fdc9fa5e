//! The rows of losers, and of a cancelled request's open offers, follow their request's head.

use event_schema::id::RequestId;
use jiff::Timestamp;

use super::{Change, Command, Decision, MAX_OFFERS, Needs, Refusal};
use crate::{
    fact::Fact,
    lifecycle::{OfferState, effective_state},
    offer::Offer,
    request::Aggregate,
};

/// Withdraws a few offers that are no longer open; to be repeated while it answers true.
#[derive(Clone, Debug)]
pub struct WithdrawLosers {
    /// The request.
    pub request: RequestId,
    /// The journal sequence of the acceptance or the cancellation.
    pub cause: Option<u64>,
    /// Now.
    pub at: Timestamp,
}

impl Command for WithdrawLosers {
    /// Whether there are more.
    type Reply = bool;

    fn request(&self) -> RequestId {
        self.request
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::AllOffers
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<bool>, Refusal> {
        let head = state.head.as_ref().ok_or(Refusal::NotFound)?;
        let behind = |offer: &&Offer| {
            offer.state != OfferState::Withdrawn && effective_state(head, offer) == OfferState::Withdrawn
        };
        let mut losers = state.offers.iter().filter(behind);
        let mut change = Change { cause: self.cause, ..Change::default() };
        for loser in losers.by_ref().take(MAX_OFFERS) {
            let mut offer = loser.clone();
            offer.withdraw(self.at);
            change.facts.push(Fact::OfferWithdrawn {
                delivery_id: offer.delivery_id,
                third_party: offer.party.clone(),
                environment: offer.environment,
                told: offer.told,
            });
            change.offers.push(offer);
        }
        Ok(Decision { change, reply: losers.next().is_some() })
    }
}
