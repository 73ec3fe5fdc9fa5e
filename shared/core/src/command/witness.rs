//! What a party posts during its certification is seen, also what is refused or changes nothing.

use event_schema::{
    id::{Environment, PartyId, RequestId},
    words::AnswerStatus,
};
use jiff::Timestamp;

use super::{Change, Command, Decision, Needs, Refusal, answer::Target};
use crate::{
    certification,
    fact::Fact,
    offer::{NOTE_FRAME, NOTES_LIMIT, Offer},
    request::Aggregate,
};

/// Records what a party posted about an offer, if that is one of a certification's; else nothing.
#[derive(Clone, Debug)]
pub struct Witness {
    /// About which offer.
    pub target: Target,
    /// Whose key was used.
    pub party: PartyId,
    /// That key's environment.
    pub environment: Environment,
    /// The status, if it was a legal one.
    pub status: Option<AnswerStatus>,
    /// What was answered.
    pub status_code: u16,
    /// Now.
    pub at: Timestamp,
}

impl Command for Witness {
    type Reply = ();

    fn request(&self) -> RequestId {
        match self.target {
            Target::Delivery(delivery) => delivery.request(),
            Target::Request(request) => request,
        }
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::PartyOffers(self.party.clone(), self.environment)
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<()>, Refusal> {
        let is_rehearsed = state.head.as_ref().is_some_and(|head| head.user_id.as_str() == certification::USER);
        let named = |offer: &Offer| match self.target {
            Target::Delivery(delivery) => offer.delivery_id == delivery,
            Target::Request(_) => true,
        };
        let theirs = |offer: &&Offer| offer.is_to(&self.party, self.environment) && named(offer);
        let Some(before) = state.offers.iter().find(theirs).filter(|_| is_rehearsed) else {
            return Ok(Decision::unchanged(()));
        };
        // A party that never stops does not fill the journal.
        let noted_bytes = before.noted_bytes.saturating_add(NOTE_FRAME);
        if noted_bytes > NOTES_LIMIT {
            return Ok(Decision::unchanged(()));
        }
        let fact = Fact::AnswerSeen {
            delivery_id: before.delivery_id,
            third_party: before.party.clone(),
            environment: before.environment,
            status: self.status,
            status_code: self.status_code,
        };
        let offer = Offer { noted_bytes, ..before.clone() };
        Ok(Decision { change: Change { offers: vec![offer], facts: vec![fact], ..Change::default() }, reply: () })
    }
}
