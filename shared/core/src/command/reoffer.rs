//! An offer came back, and the request is offered to others in its place.

use std::collections::BTreeMap;

use event_schema::{
    id::{DeliveryId, PartyId, RequestId},
    words::Mode,
};
use jiff::Timestamp;

use super::{Change, Command, Decision, MAX_OFFERS, MAX_ROWS, Needs, Refusal, route::begin};
use crate::{
    fact::Fact,
    lifecycle::{OfferState, effective_state},
    offer::Offer,
    party::AcceptanceClock,
    request::{Aggregate, Head},
};

/// Offers a request again to a few of those who may see it now; to be repeated while it answers that there are
/// [more](Progress::More).
///
/// Left out is who has an open offer of it, or has completed it, declined it, given it back, or let it expire; and who
/// has it as a dead letter, since that can still be answered. Who lost to a winner that gave it back is asked again.
#[derive(Clone, Debug)]
pub struct Reoffer {
    /// The offer that came back.
    pub vacated: DeliveryId,
    /// Whom routing would choose now.
    pub eligible: Vec<PartyId>,
    /// Those of them that somebody else delivers to; see [`super::route::MakeOffers::handed_over`].
    pub handed_over: BTreeMap<PartyId, Timestamp>,
    /// Those of them that have only so long to answer.
    pub clocks: BTreeMap<PartyId, AcceptanceClock>,
    /// The journal sequence of what ended the offer.
    pub cause: Option<u64>,
    /// Now.
    pub at: Timestamp,
}

/// What came of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reoffered {
    /// The offers that were made.
    pub made: Vec<(PartyId, DeliveryId)>,
    /// How far it is.
    pub progress: Progress,
}

/// How far the offering in place of one that came back is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// Everybody is offered it who can be.
    Done,
    /// There are more to offer it to.
    More,
    /// The request's first round is not over yet: try again later.
    TooEarly,
}

impl Command for Reoffer {
    type Reply = Reoffered;

    fn request(&self) -> RequestId {
        self.vacated.request()
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::AllOffers
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<Reoffered>, Refusal> {
        let head = state.head.as_ref().ok_or(Refusal::NotFound)?;
        let vacated = state.offer(self.vacated).ok_or(Refusal::NotFound)?;
        let nothing = |progress| Ok(Decision::unchanged(Reoffered { made: vec![], progress }));
        if !vacated.vacant || head.cancelled_at.is_some() {
            return nothing(Progress::Done);
        }
        if head.routed.is_none() {
            // Whoever is offered it in the first round must not be offered it in another as well.
            return nothing(Progress::TooEarly);
        }
        let round = vacated.round.max(head.closed).saturating_add(1);
        let mut candidates = self.candidates(head, state, round);
        let offers: Vec<Offer> = candidates.by_ref().take(MAX_OFFERS).collect();
        let progress = if candidates.next().is_some() { Progress::More } else { Progress::Done };
        let made = offers.iter().map(|offer| (offer.party.clone(), offer.delivery_id)).collect();
        let mut change = Change {
            // Written with every offer, so that of two who offer it at the same time one comes second, and looks again.
            head: (!offers.is_empty()).then(|| Head { round: head.round.max(round), ..head.clone() }),
            facts: offers.iter().map(Fact::offer_created).collect(),
            offers,
            cause: self.cause,
            ..Change::default()
        };
        if progress == Progress::Done {
            // Others that came back are made up for by the same offers.
            let others = state.offers.iter().filter(|offer| offer.vacant && offer.delivery_id != self.vacated);
            let filled = std::iter::once(vacated).chain(others).take(MAX_ROWS - change.rows());
            change.offers.extend(filled.map(|offer| Offer { vacant: false, ..offer.clone() }));
        }
        Ok(Decision { change, reply: Reoffered { made, progress } })
    }
}

impl Reoffer {
    fn candidates(&self, head: &Head, state: &Aggregate, round: u16) -> impl Iterator<Item = Offer> {
        let open = head.mode == Mode::All || head.winner.is_none();
        let is_free = move |party: &&PartyId| {
            let theirs = |offer: &&Offer| offer.party == **party && offer.environment == head.environment;
            let had = |offer: &Offer| effective_state(head, offer) != OfferState::Withdrawn;
            open && !state.offers.iter().filter(theirs).any(had)
        };
        let offer = move |party: &PartyId| {
            let mut offer = Offer::new(self.request(), party.clone(), head.environment, round, self.at);
            begin(&mut offer, &self.handed_over, &self.clocks);
            offer
        };
        let is_new = |offer: &Offer| state.offer(offer.delivery_id).is_none();
        self.eligible.iter().filter(is_free).map(offer).filter(is_new)
    }
}
