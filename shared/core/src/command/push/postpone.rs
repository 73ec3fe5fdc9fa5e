//! A message that was claimed has to wait for its party's rate.

use event_schema::id::{DeliveryId, RequestId};
use jiff::Timestamp;

use super::super::{Change, Command, Decision, Needs, Refusal};
use crate::request::Aggregate;

/// Gives a claim back before any attempt was made: the message is due again at a later time, and in the inbox now.
#[derive(Clone, Debug)]
pub struct Postpone {
    /// Of which offer.
    pub delivery_id: DeliveryId,
    /// When the claim ends, as it was made: whoever claimed the message since keeps it.
    pub claimed_until: Timestamp,
    /// When the message is due next.
    pub due: Timestamp,
    /// Now.
    pub at: Timestamp,
}

impl Command for Postpone {
    /// Whether the claim was still there to be given back.
    type Reply = bool;

    fn request(&self) -> RequestId {
        self.delivery_id.request()
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::OfferAlone(self.delivery_id)
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<bool>, Refusal> {
        let mut offer = state.offer(self.delivery_id).ok_or(Refusal::NotFound)?.clone();
        let claimed = Some(self.claimed_until);
        let Some(message) = offer.message.as_mut().filter(|message| message.next_attempt_at == claimed) else {
            return Ok(Decision::unchanged(false));
        };
        message.next_attempt_at = Some(self.due);
        if message.available_at == self.claimed_until {
            message.available_at = self.at;
        }
        Ok(Decision { change: Change { offers: vec![offer], ..Change::default() }, reply: true })
    }
}

#[cfg(test)]
mod tests {
    use event_schema::id::Environment;
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;
    use crate::{
        command::push::{CLAIM, Claim},
        offer::Offer,
    };

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    #[test]
    fn a_claim_is_given_back_once_and_only_by_whoever_has_it() {
        let request = RequestId(Uuid::from_u128(7));
        let offer = Offer::new(request, "books".parse().unwrap(), Environment::Prod, 1, NOW);
        let state = |offer: &Offer| Aggregate { head: None, offers: vec![offer.clone()] };
        let claim = Claim { delivery_id: offer.delivery_id, at: NOW }.decide(&state(&offer)).unwrap();
        let claimed = claim.reply.unwrap();
        let due = NOW + SignedDuration::from_secs(100);
        let give_back = |claimed_until| Postpone { delivery_id: offer.delivery_id, claimed_until, due, at: NOW };

        let another = give_back(NOW + CLAIM + SignedDuration::from_secs(1)).decide(&state(&claimed)).unwrap();
        assert!(!another.reply && another.change.is_empty());
        let done = give_back(NOW + CLAIM).decide(&state(&claimed)).unwrap();
        let message = done.change.offers[0].message.as_ref().unwrap();
        assert!(done.reply);
        assert_eq!((message.next_attempt_at, message.available_at), (Some(due), NOW));
        assert!(!give_back(NOW + CLAIM).decide(&state(&done.change.offers[0])).unwrap().reply, "once");
    }
}
