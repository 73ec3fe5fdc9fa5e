//! The rows of losers, and of a cancelled request's open offers, follow their request's head; those of a party that is
//! disabled follow the party.

use event_schema::id::{DeliveryId, RequestId};
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
            change.facts.push(withdrawn(&offer, offer.told));
            change.offers.push(offer);
        }
        Ok(Decision { change, reply: losers.next().is_some() })
    }
}

/// Takes back an offer to a party that takes part no more, unless the party has accepted it or is done with it. Nothing
/// waits for the party afterwards, also not the news of this.
#[derive(Clone, Debug)]
pub struct WithdrawFromDisabled {
    /// The offer.
    pub delivery_id: DeliveryId,
    /// Now.
    pub at: Timestamp,
}

impl Command for WithdrawFromDisabled {
    type Reply = ();

    fn request(&self) -> RequestId {
        self.delivery_id.request()
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::Offers(vec![self.delivery_id])
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<()>, Refusal> {
        let Some(before) = state.offer(self.delivery_id) else {
            return Ok(Decision::unchanged(()));
        };
        let mut offer = before.clone();
        offer.message = None;
        let mut change = Change::default();
        if offer.state != OfferState::Accepted && offer.state.can_be_withdrawn() {
            offer.state = OfferState::Withdrawn;
            offer.deadline = None;
            change.facts.push(withdrawn(&offer, false));
        }
        if offer != *before {
            change.offers.push(offer);
        }
        Ok(Decision { change, reply: () })
    }
}

fn withdrawn(offer: &Offer, told: bool) -> Fact {
    Fact::OfferWithdrawn {
        delivery_id: offer.delivery_id,
        third_party: offer.party.clone(),
        environment: offer.environment,
        told,
    }
}

#[cfg(test)]
mod tests {
    use event_schema::id::Environment;
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;
    use crate::offer::DeadLetter;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn offer() -> Offer {
        Offer::new(RequestId(Uuid::from_u128(7)), "books".parse().unwrap(), Environment::Prod, 1, NOW)
    }

    fn disabled(offer: &Offer) -> Change {
        let state = Aggregate { head: None, offers: vec![offer.clone()] };
        let command = WithdrawFromDisabled { delivery_id: offer.delivery_id, at: NOW };
        command.decide(&state).unwrap().change
    }

    #[test]
    fn whatever_waits_for_a_disabled_party_is_taken_back_and_nothing_is_told_to_it() {
        let mut leased = offer();
        leased.told = true;
        if let Some(message) = &mut leased.message {
            message.lease(NOW + SignedDuration::from_mins(1));
        }
        let mut dead = Offer { state: OfferState::Failed, ..offer() };
        if let Some(message) = &mut dead.message {
            message.next_attempt_at = None;
            message.dead = Some(DeadLetter { at: NOW, reason: "max_age_reached".to_owned() });
        }
        let mut sent = offer();
        sent.hand_over(NOW + SignedDuration::from_hours(1));
        for waiting in [offer(), leased, dead, sent] {
            let change = disabled(&waiting);
            let [withdrawn] = change.offers.as_slice() else { panic!("{change:?}") };
            assert_eq!((withdrawn.state, &withdrawn.message), (OfferState::Withdrawn, &None));
            assert!(matches!(change.facts.as_slice(), [Fact::OfferWithdrawn { told: false, .. }]), "{change:?}");
            assert!(disabled(withdrawn).is_empty(), "twice is once");
        }
    }

    #[test]
    fn what_is_answered_for_good_stays() {
        for state in [OfferState::Accepted, OfferState::Completed, OfferState::Declined, OfferState::Expired] {
            assert!(disabled(&Offer { state, message: None, ..offer() }).is_empty(), "{state}");
        }
        let mut lost = Offer { told: true, ..offer() };
        lost.withdraw(NOW);
        let change = disabled(&lost);
        assert!(change.facts.is_empty(), "it was taken back before");
        assert_eq!(change.offers, [Offer { message: None, ..lost }], "but nobody fetches the news any more");
    }
}
