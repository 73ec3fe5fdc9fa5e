//! The router's decision is written down: one offer per eligible party, then the marker that routing is done.

use event_schema::id::{Environment, PartyId, RequestId};
use jiff::Timestamp;

use super::{Change, Command, Decision, MAX_OFFERS, Needs, Refusal};
use crate::{
    fact::Fact,
    offer::{Offer, delivery_id},
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
const FIRST_ROUND: u16 = 1;

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
        // Somebody may have won on the strength of an earlier batch: then nobody else is told any more.
        let still_open = self.parties.iter().filter(|_| head.winner.is_none());
        for party in still_open {
            let offer = Offer::new(self.request, party.clone(), self.environment, FIRST_ROUND, self.at);
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
