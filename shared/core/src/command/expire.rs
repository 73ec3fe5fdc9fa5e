//! A message that nobody fetched in the inbox's lifetime is given up.

use event_schema::id::{DeliveryId, RequestId};
use jiff::Timestamp;

use super::{Change, Command, Decision, Needs, Refusal};
use crate::{
    fact::Fact,
    lifecycle::{OfferState, effective_state},
    offer::INBOX_LIFETIME,
    request::Aggregate,
};

/// Takes a message out of the inbox when its time is over; an offer still pending is `expired` then.
#[derive(Clone, Debug)]
pub struct Expire {
    /// The offer.
    pub delivery_id: DeliveryId,
    /// Now.
    pub at: Timestamp,
}

impl Command for Expire {
    type Reply = ();

    fn request(&self) -> RequestId {
        self.delivery_id.request()
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        // With the head: the event that it causes names the user.
        Needs::Offers(vec![self.delivery_id])
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<()>, Refusal> {
        let head = state.head.as_ref().ok_or(Refusal::NotFound)?;
        let mut offer = state.offer(self.delivery_id).ok_or(Refusal::NotFound)?.clone();
        let over = |created: Timestamp| self.at.duration_since(created) >= INBOX_LIFETIME;
        if offer.message.take_if(|message| over(message.created_at)).is_none() {
            return Ok(Decision::unchanged(()));
        }
        let mut change = Change::default();
        // One that is taken back already stays that, even if its row has still to follow.
        if matches!(effective_state(head, &offer), OfferState::Pending | OfferState::Sent) {
            offer.state = OfferState::Expired;
            offer.deadline = None;
            change.facts.push(Fact::expired(&offer));
        }
        change.offers.push(offer);
        Ok(Decision { change, reply: () })
    }
}
