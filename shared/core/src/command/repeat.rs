//! An offer is sent once more, though it has arrived: as networks do it, and as we do when an answer is lost.

use event_schema::{
    id::{DeliveryId, RequestId},
    words::MessageType,
};
use jiff::Timestamp;

use super::{Change, Command, Decision, Needs, Refusal};
use crate::{fact::Fact, lifecycle::OfferState, request::Aggregate};

/// Sends the message that an offer began with again, under the same id, unless one is on its way.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// The offer.
    pub delivery_id: DeliveryId,
    /// Now.
    pub at: Timestamp,
}

impl Command for Repeat {
    type Reply = ();

    fn request(&self) -> RequestId {
        self.delivery_id.request()
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::OfferAlone(self.delivery_id)
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<()>, Refusal> {
        let mut offer = state.offer(self.delivery_id).ok_or(Refusal::NotFound)?.clone();
        if offer.message.is_some() || matches!(offer.state, OfferState::Withdrawn | OfferState::Expired) {
            return Ok(Decision::unchanged(()));
        }
        offer.message = Some(offer.first_message(self.at));
        let fact = Fact::replayed(&offer, MessageType::OfferCreated);
        let change = Change { offers: vec![offer], facts: vec![fact], ..Change::default() };
        Ok(Decision { change, reply: () })
    }
}

#[cfg(test)]
mod tests {
    use event_schema::id::Environment;
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;
    use crate::offer::{Offer, message_id};

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    #[test]
    fn the_same_message_goes_out_again_and_one_at_a_time() {
        let request = RequestId(Uuid::from_u128(7));
        let made = Offer::new(request, "books".parse().unwrap(), Environment::Test, 1, NOW);
        let later = NOW + SignedDuration::from_secs(9);
        let repeat = |offer: &Offer| {
            let state = Aggregate { head: None, offers: vec![offer.clone()] };
            Repeat { delivery_id: offer.delivery_id, at: later }.decide(&state).unwrap().change
        };
        assert!(repeat(&made).is_empty(), "the first is on its way");
        let arrived = Offer { state: OfferState::Accepted, message: None, ..made.clone() };
        let change = repeat(&arrived);
        let [again] = change.offers.as_slice() else { panic!("{change:?}") };
        let message = again.message.as_ref().unwrap();
        assert_eq!(
            (again.state, message.created_at, message.next_attempt_at),
            (OfferState::Accepted, NOW, Some(later))
        );
        let id = |offer: &Offer| message_id(offer.delivery_id, offer.message.as_ref().unwrap().kind);
        assert_eq!(id(again), id(&made));
        assert!(repeat(&Offer { state: OfferState::Withdrawn, ..arrived }).is_empty());
    }
}
