//! A third party posts its status.

use event_schema::{
    id::{DeliveryId, Environment, PartyId, RequestId},
    words::{AnswerStatus, Mode},
};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Change, Command, Decision, Needs, Refusal};
use crate::{
    fact::Fact,
    lifecycle::{Move, OfferState, answer_move, effective_state, state_at},
    offer::{NOTE_FRAME, NOTES_LIMIT, Offer},
    request::{Aggregate, Head},
};

/// Which offer an answer is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// This one.
    Delivery(DeliveryId),
    /// The party's newest live offer of this request, else its newest.
    Request(RequestId),
}

/// A party's answer to an offer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// About which offer.
    pub target: Target,
    /// Whose key was used.
    pub party: PartyId,
    /// That key's environment.
    pub environment: Environment,
    /// The answer.
    pub status: AnswerStatus,
    /// Why, in the party's words.
    pub reason: Option<String>,
    /// Anything the party wants the user to have; JSON, kept as it was written.
    pub details: Option<Value>,
    /// Now.
    pub at: Timestamp,
}

/// What an accepted answer is answered with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answered {
    /// The offer that it was about.
    pub delivery_id: DeliveryId,
    /// The offer's state now.
    pub state: OfferState,
}

impl Command for Answer {
    type Reply = Answered;

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
        match self.target {
            Target::Delivery(delivery) => Needs::Offers(vec![delivery]),
            Target::Request(_) => Needs::PartyOffers(self.party.clone(), self.environment),
        }
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<Answered>, Refusal> {
        let head = state.head.as_ref().ok_or(Refusal::NotFound)?;
        let offer = self.pick(head, state).ok_or(Refusal::NotFound)?;
        let current = state_at(head, offer, self.at);
        let answered = |state| Answered { delivery_id: offer.delivery_id, state };
        if head.cancelled_at.is_some() {
            return Err(refused(current, "the request was cancelled"));
        }
        match answer_move(current, self.status) {
            Move::Refuse => Err(refused(current, &format!("an offer that is {current} cannot become {}", self.status))),
            Move::Note => Ok(Decision { change: self.note(offer, current)?, reply: answered(current) }),
            Move::To(next) => Ok(Decision { change: self.advance(head, offer, next), reply: answered(next) }),
        }
    }
}

impl Answer {
    fn pick<'a>(&self, head: &Head, state: &'a Aggregate) -> Option<&'a Offer> {
        match self.target {
            Target::Delivery(delivery) => state.offer_to(&self.party, self.environment, delivery),
            Target::Request(_) => state
                .offers
                .iter()
                .filter(|offer| offer.is_to(&self.party, self.environment))
                .max_by_key(|offer| (effective_state(head, offer).is_live(), offer.round)),
        }
    }

    /// The same again: whatever is new in it is appended, nothing else changes.
    fn note(&self, offer: &Offer, current: OfferState) -> Result<Change, Refusal> {
        let noted = self.fingerprint();
        if noted.is_none() || noted == offer.noted {
            return Ok(Change::default());
        }
        let noted_bytes = offer.noted_bytes.saturating_add(self.note_bytes());
        if noted_bytes > NOTES_LIMIT {
            return Err(refused(current, "there is no room for more notes on this offer"));
        }
        Ok(Change {
            facts: vec![Fact::OfferNoted {
                delivery_id: offer.delivery_id,
                third_party: offer.party.clone(),
                environment: offer.environment,
                status: self.status,
                reason: self.reason.clone(),
                details: self.details.clone(),
            }],
            offers: vec![Offer { noted, noted_bytes, ..offer.clone() }],
            ..Change::default()
        })
    }

    fn note_bytes(&self) -> u32 {
        let reason = self.reason.as_ref().map_or(0, String::len);
        let details = self.details.as_ref().map_or(0, |details| details.to_string().len());
        u32::try_from(reason + details).unwrap_or(u32::MAX).saturating_add(NOTE_FRAME)
    }

    fn advance(&self, head: &Head, offer: &Offer, next: OfferState) -> Change {
        let claims = matches!(self.status, AnswerStatus::Accepted | AnswerStatus::Completed);
        let wins = head.mode == Mode::FirstAccept && claims && head.winner.is_none();
        Change {
            head: wins.then(|| Head { winner: Some(offer.delivery_id), ..head.clone() }),
            // An answer counts as an acknowledgement, so no message waits for the party any more.
            offers: vec![Offer {
                state: next,
                told: true,
                noted: self.fingerprint().or(offer.noted),
                message: None,
                // Work on it does not stop the clock.
                deadline: offer.deadline.filter(|_| next == OfferState::InProgress),
                ..offer.clone()
            }],
            facts: vec![Fact::OfferAnswered {
                delivery_id: offer.delivery_id,
                third_party: offer.party.clone(),
                environment: offer.environment,
                status: self.status,
                reason: self.reason.clone(),
                details: self.details.clone(),
                won: wins,
            }],
            ..Change::default()
        }
    }

    /// Tells a new note from a repeated one; none if there is nothing to note.
    fn fingerprint(&self) -> Option<[u8; 8]> {
        if self.reason.is_none() && self.details.is_none() {
            return None;
        }
        let mut hash = Sha256::new();
        hash.update(self.reason.as_deref().unwrap_or_default());
        hash.update([0]);
        hash.update(self.details.as_ref().map(Value::to_string).unwrap_or_default());
        let digest = hash.finalize();
        let mut short = [0; 8];
        short.copy_from_slice(&digest[..8]);
        Some(short)
    }
}

pub(super) fn refused(current: OfferState, detail: &str) -> Refusal {
    Refusal::State { current_status: current.as_str(), detail: detail.to_owned() }
}
