//! A third party that has accepted gives the request back.

use event_schema::{
    id::{DeliveryId, Environment, PartyId, RequestId},
    words::Mode,
};
use jiff::Timestamp;

use super::{
    Change, Command, Decision, Needs, Refusal,
    answer::{Answered, refused},
};
use crate::{
    fact::Fact,
    lifecycle::{OfferState, effective_state},
    offer::Offer,
    request::{Aggregate, Head},
};

/// Gives back an offer that its party had accepted. Others are offered the request in its place (see
/// [`super::reoffer`]); of a `first-accept` request the round is over, so that whoever lost in it may win in the next.
#[derive(Clone, Debug)]
pub struct Release {
    /// Which offer.
    pub delivery_id: DeliveryId,
    /// Whose key was used.
    pub party: PartyId,
    /// That key's environment.
    pub environment: Environment,
    /// Why, in the party's words.
    pub reason: String,
    /// Now.
    pub at: Timestamp,
}

impl Command for Release {
    type Reply = Answered;

    fn request(&self) -> RequestId {
        self.delivery_id.request()
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::Offers(vec![self.delivery_id])
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<Answered>, Refusal> {
        let head = state.head.as_ref().ok_or(Refusal::NotFound)?;
        let offer = state.offer_to(&self.party, self.environment, self.delivery_id).ok_or(Refusal::NotFound)?;
        let reply = Answered { delivery_id: offer.delivery_id, state: OfferState::Released };
        match effective_state(head, offer) {
            OfferState::Accepted => Ok(Decision { change: self.give_back(head, offer), reply }),
            OfferState::Released => Ok(Decision::unchanged(reply)),
            current if head.cancelled_at.is_some() => Err(refused(current, "the request was cancelled")),
            current @ (OfferState::Completed | OfferState::Declined | OfferState::Withdrawn | OfferState::Expired) => {
                Err(refused(current, &format!("an offer that is {current} is not the party's to give back")))
            }
            current => Err(refused(current, &format!("an offer that is {current} was not accepted: decline it"))),
        }
    }
}

impl Release {
    fn give_back(&self, head: &Head, offer: &Offer) -> Change {
        let won = head.mode == Mode::FirstAccept && head.winner == Some(offer.delivery_id);
        Change {
            head: won.then(|| Head { winner: None, closed: head.round, ..head.clone() }),
            offers: vec![Offer { state: OfferState::Released, vacant: true, message: None, ..offer.clone() }],
            facts: vec![Fact::OfferReleased {
                delivery_id: offer.delivery_id,
                third_party: offer.party.clone(),
                environment: offer.environment,
                reason: self.reason.clone(),
            }],
            ..Change::default()
        }
    }
}
