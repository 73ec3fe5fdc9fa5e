//! The router's decision is written down: one offer per eligible party, then the marker that routing is done.

use std::collections::BTreeMap;

use event_schema::id::{Environment, PartyId, RequestId};
use jiff::Timestamp;

use super::{Change, Command, Decision, MAX_OFFERS, Needs, Refusal};
use crate::{
    fact::Fact,
    offer::{Offer, delivery_id},
    party::AcceptanceClock,
    request::{Aggregate, Routed},
};

/// Offers a request to a few parties; the last of a request's batches marks it as routed.
///
/// Resumable: the offers' ids are derived, so a batch that is repeated after a crash makes nothing twice.
#[derive(Clone, Debug)]
pub struct MakeOffers {
    /// The request.
    pub request: RequestId,
    /// The world it belongs to.
    pub environment: Environment,
    /// To whom; at most [`MAX_OFFERS`].
    pub parties: Vec<PartyId>,
    /// Those of them that somebody else delivers to once the event is out, and until when that is tried at most: their
    /// offers are `sent` from the start. None where we make every push.
    pub handed_over: BTreeMap<PartyId, Timestamp>,
    /// Those of them that have only so long to answer.
    pub clocks: BTreeMap<PartyId, AcceptanceClock>,
    /// The whole number of parties, when this is the last batch.
    pub last_of: Option<u32>,
    /// The version of the filter registry that decided.
    pub registry_version: u64,
    /// The journal sequence of the request event.
    pub cause: Option<u64>,
    /// Now.
    pub at: Timestamp,
}

/// The first time that a request is offered to a party.
pub const FIRST_ROUND: u16 = 1;

impl MakeOffers {
    /// The whole routing of a request, in batches that each fit one transaction.
    #[must_use]
    pub fn batches(whole: Self) -> Vec<Self> {
        let total = u32::try_from(whole.parties.len()).unwrap_or(u32::MAX);
        let empty = || Self { parties: Vec::new(), last_of: None, ..whole.clone() };
        let mut batches: Vec<Self> =
            whole.parties.chunks(MAX_OFFERS).map(|chunk| Self { parties: chunk.to_vec(), ..empty() }).collect();
        if batches.is_empty() {
            batches.push(empty());
        }
        if let Some(last) = batches.last_mut() {
            last.last_of = Some(total);
        }
        batches
    }
}

impl Command for MakeOffers {
    type Reply = ();

    fn request(&self) -> RequestId {
        self.request
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        if self.parties.is_empty() {
            // An earlier try, broken off, may have found parties that are no longer eligible: then their offers
            // stand, and the request is not unmatched.
            return Needs::AllOffers;
        }
        let id = |party| delivery_id(self.request, party, self.environment, FIRST_ROUND);
        Needs::Offers(self.parties.iter().map(id).collect())
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<()>, Refusal> {
        let head = state.head.as_ref().ok_or(Refusal::NotFound)?;
        if head.routed.is_some() || head.cancelled_at.is_some() {
            return Ok(Decision::unchanged(()));
        }
        let mut change = Change { cause: self.cause, ..Change::default() };
        // Somebody may have won on the strength of an earlier batch: then nobody else is told any more. If they gave it
        // back since, the next round is for everybody.
        let open = head.winner.is_none() && head.closed < FIRST_ROUND;
        let still_open = self.parties.iter().filter(|_| open);
        for party in still_open {
            let mut offer = Offer::new(self.request, party.clone(), self.environment, FIRST_ROUND, self.at);
            begin(&mut offer, &self.handed_over, &self.clocks);
            if state.offer(offer.delivery_id).is_none() {
                change.facts.push(Fact::offer_created(&offer));
                change.offers.push(offer);
            }
        }
        if let Some(offers) = self.last_of {
            let made = u32::try_from(state.offers.len()).unwrap_or(u32::MAX);
            let offers = offers.max(made);
            let routed = Routed { at: self.at, offers, registry_version: self.registry_version };
            change.head = Some(crate::request::Head { routed: Some(routed), ..head.clone() });
            if offers == 0 {
                change.facts.push(Fact::RequestUnmatched);
            }
        }
        Ok(Decision { change, reply: () })
    }
}

/// Leaves a new offer to whoever delivers it, and sets its clock.
pub(super) fn begin(
    offer: &mut Offer,
    handed_over: &BTreeMap<PartyId, Timestamp>,
    clocks: &BTreeMap<PartyId, AcceptanceClock>,
) {
    if let Some(until) = handed_over.get(&offer.party) {
        offer.hand_over(*until);
    }
    if let Some(clock) = clocks.get(&offer.party) {
        offer.run_against(clock);
    }
}

#[cfg(test)]
mod tests {
    use event_schema::{id::UserId, words::Mode};
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;
    use crate::{lifecycle::OfferState, request::Head};

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    #[test]
    fn what_somebody_else_delivers_is_sent_and_due_for_nobody_here() {
        let request = RequestId(Uuid::from_u128(7));
        let user_id: UserId = "ann".parse().unwrap();
        let (books, pens): (PartyId, PartyId) = ("books".parse().unwrap(), "pens".parse().unwrap());
        let until = NOW + SignedDuration::from_hours(24);
        let make = MakeOffers {
            request,
            environment: Environment::Prod,
            parties: vec![books.clone(), pens.clone()],
            handed_over: BTreeMap::from([(books, until)]),
            clocks: BTreeMap::new(),
            last_of: Some(2),
            registry_version: 1,
            cause: None,
            at: NOW,
        };
        let head = Head {
            id: request,
            user_id,
            environment: Environment::Prod,
            mode: Mode::All,
            category: None,
            created_at: NOW,
            routed: None,
            winner: None,
            cancelled_at: None,
            round: FIRST_ROUND,
            closed: 0,
        };
        let state = Aggregate { head: Some(head), offers: vec![] };
        let change = make.decide(&state).unwrap().change;
        let [books, pens] = change.offers.as_slice() else { panic!("{change:?}") };
        let message = books.message.as_ref().unwrap();
        assert_eq!((books.state, books.told, message.next_attempt_at), (OfferState::Sent, true, None));
        assert_eq!(message.available_at, until, "nor does the inbox hand it out meanwhile");
        let message = pens.message.as_ref().unwrap();
        assert_eq!((pens.state, pens.told, message.next_attempt_at), (OfferState::Pending, false, Some(NOW)));

        let again = Aggregate { offers: change.offers.clone(), ..state };
        assert!(make.decide(&again).unwrap().change.offers.is_empty(), "made once");
    }
}
