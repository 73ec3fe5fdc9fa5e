//! A delivery worker records one HTTP attempt and what follows from it.

mod conclude;
mod handover;

use event_schema::{
    delivery_result::Via,
    id::{DeliveryId, RequestId},
    words::MessageType,
};
use jiff::{SignedDuration, Timestamp};

use super::{Change, Command, Decision, Needs, Refusal};
use crate::{
    fact::Fact,
    lifecycle::OfferState,
    offer::{Attempt, DeadLetter, Offer, Outgoing},
    request::Aggregate,
};

pub use self::{conclude::conclude, handover::RecordHandover};

/// How long a claim keeps a message from everybody else: longer than an attempt can take.
pub const CLAIM: SignedDuration = SignedDuration::from_secs(15);

/// Takes a due message in hand for one HTTP attempt, where the workers share nothing but the store. Whoever does not
/// get to record the attempt loses it when the claim ends.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Of which offer.
    pub delivery_id: DeliveryId,
    /// Now.
    pub at: Timestamp,
}

impl Command for Claim {
    /// The offer with its message in hand; none when it is not due, or in somebody else's hands.
    type Reply = Option<Offer>;

    fn request(&self) -> RequestId {
        self.delivery_id.request()
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::OfferAlone(self.delivery_id)
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<Option<Offer>>, Refusal> {
        let mut offer = state.offer(self.delivery_id).ok_or(Refusal::NotFound)?.clone();
        let is_due = |message: &&mut Outgoing| message.next_attempt_at.is_some_and(|next| next <= self.at);
        let Some(message) = offer.message.as_mut().filter(is_due) else {
            return Ok(Decision::unchanged(None));
        };
        let until = self.at + CLAIM;
        message.next_attempt_at = Some(until);
        // Nor does the inbox hand it out meanwhile.
        message.available_at = message.available_at.max(until);
        offer.told = true;
        Ok(Decision { change: Change { offers: vec![offer.clone()], ..Change::default() }, reply: Some(offer) })
    }
}

/// What follows from an attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Disposition {
    /// It arrived.
    Delivered,
    /// Again, at this time.
    RetryAt(Timestamp),
    /// Again from this time on, once the endpoint works again: its place in the line, not a time of its schedule, which
    /// goes on where it was.
    Wait(Timestamp),
    /// Never again by itself, for this reason (a stable word; see [`crate::transport`]).
    Dead(String),
    /// The party asked to be paused: it waits, its retry schedule untouched.
    Hold,
}

/// One HTTP attempt that was made.
#[derive(Clone, Debug)]
pub struct RecordAttempt {
    /// About which offer.
    pub delivery_id: DeliveryId,
    /// What was seen.
    pub attempt: Attempt,
    /// What follows.
    pub disposition: Disposition,
    /// When it ended.
    pub at: Timestamp,
}

impl Command for RecordAttempt {
    /// When the offer's message is due next: by its schedule, at the end of a lease that was taken meanwhile, or at
    /// once because it is another message by now. None when no push of it is due any more.
    type Reply = Option<Timestamp>;

    fn request(&self) -> RequestId {
        self.delivery_id.request()
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::OfferAlone(self.delivery_id)
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<Option<Timestamp>>, Refusal> {
        let before = state.offer(self.delivery_id).ok_or(Refusal::NotFound)?;
        let mut offer = Offer { attempts: before.attempts + 1, told: true, ..before.clone() };
        let mut facts = Vec::new();
        if offer.message.as_ref().is_some_and(|message| message.kind == self.attempt.message) {
            facts.extend(self.settle(&mut offer));
        } else if self.attempt.message == MessageType::OfferCreated {
            self.tell_of_the_end(before, &mut offer);
        }
        let due = offer.message.as_ref().and_then(|message| message.next_attempt_at);
        let change = Change {
            offers: vec![offer],
            attempt: Some((self.delivery_id, self.attempt.clone())),
            facts,
            ..Change::default()
        };
        Ok(Decision { change, reply: due })
    }
}

impl RecordAttempt {
    /// The attempt was of the message that is waiting.
    fn settle(&self, offer: &mut Offer) -> Option<Fact> {
        let message = offer.message.as_mut()?;
        if self.disposition != Disposition::Hold {
            message.first_attempt_at.get_or_insert(self.attempt.at);
        }
        if !matches!(self.disposition, Disposition::Hold | Disposition::Wait(_)) {
            message.attempts += 1;
        }
        match &self.disposition {
            Disposition::Delivered => {
                offer.message = None;
                if matches!(offer.state, OfferState::Pending | OfferState::Sent | OfferState::Failed) {
                    offer.state = OfferState::Delivered;
                }
                Some(Fact::delivered(offer, self.attempt.message, Via::Push))
            }
            Disposition::RetryAt(at) | Disposition::Wait(at) => {
                self.put_off(message, *at);
                Some(self.in_vain(offer))
            }
            Disposition::Hold => Some(Fact::MessageHeld {
                delivery_id: offer.delivery_id,
                third_party: offer.party.clone(),
                environment: offer.environment,
                message: self.attempt.message,
            }),
            Disposition::Dead(reason) => {
                message.next_attempt_at = None;
                message.dead = Some(DeadLetter { at: self.at, reason: reason.clone() });
                if matches!(offer.state, OfferState::Pending | OfferState::Sent) {
                    offer.state = OfferState::Failed;
                }
                Some(self.failed(offer, reason.clone()))
            }
        }
    }

    /// A lease taken meanwhile holds the next push back; a message that was dead stays dead.
    fn put_off(&self, message: &mut Outgoing, due: Timestamp) {
        let leased_until = message.is_leased(self.at).then_some(message.available_at);
        if matches!(self.disposition, Disposition::Wait(_)) && leased_until.is_none() {
            // Nobody has it in hand any more, so the inbox may hand it out.
            message.available_at = message.available_at.min(self.at);
        }
        if message.dead.is_none() {
            message.next_attempt_at = Some(leased_until.map_or(due, |until| until.max(due)));
        }
    }

    fn in_vain(&self, offer: &Offer) -> Fact {
        Fact::MessageAttempted {
            delivery_id: offer.delivery_id,
            third_party: offer.party.clone(),
            environment: offer.environment,
            message: self.attempt.message,
            outcome: self.attempt.outcome.clone(),
            status_code: self.attempt.status_code,
            attempts: offer.attempts,
        }
    }

    fn failed(&self, offer: &Offer, reason: String) -> Fact {
        Fact::MessageFailed {
            delivery_id: offer.delivery_id,
            third_party: offer.party.clone(),
            environment: offer.environment,
            message: self.attempt.message,
            reason,
            attempts: offer.attempts,
        }
    }

    /// The offer was withdrawn, or its time was over, while it was on its way: the party may know of it after all.
    fn tell_of_the_end(&self, before: &Offer, offer: &mut Offer) {
        let end = match offer.state {
            OfferState::Withdrawn => MessageType::OfferWithdrawn,
            OfferState::Expired => MessageType::OfferExpired,
            _ => return,
        };
        if !before.told && offer.message.is_none() {
            offer.message = Some(Outgoing::new(end, self.at));
        }
    }
}

#[cfg(test)]
mod tests {
    use event_schema::id::Environment;
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn claim(offer: &Offer, at: Timestamp) -> Option<Offer> {
        let state = Aggregate { head: None, offers: vec![offer.clone()] };
        let decision = Claim { delivery_id: offer.delivery_id, at }.decide(&state).unwrap();
        assert_eq!(decision.change.offers, Vec::from_iter(decision.reply.clone()));
        decision.reply
    }

    #[test]
    fn a_due_message_is_claimed_once_until_the_claim_ends() {
        let request = RequestId(Uuid::from_u128(7));
        let offer = Offer::new(request, "books".parse().unwrap(), Environment::Prod, 1, NOW);
        assert_eq!(claim(&offer, NOW - SignedDuration::from_secs(1)), None, "not due yet");
        let claimed = claim(&offer, NOW).unwrap();
        assert!(claimed.told, "the party may see it from now on");
        let message = claimed.message.as_ref().unwrap();
        assert_eq!((message.next_attempt_at, message.available_at), (Some(NOW + CLAIM), NOW + CLAIM));
        assert!(!message.is_leased(NOW), "it is no lease");
        assert_eq!(claim(&claimed, NOW + CLAIM - SignedDuration::from_micros(1)), None, "in other hands");
        assert!(claim(&claimed, NOW + CLAIM).is_some(), "lost, and found again");

        let mut dead = offer.clone();
        dead.message.as_mut().unwrap().next_attempt_at = None;
        assert_eq!(claim(&dead, NOW), None);
        assert_eq!(claim(&Offer { message: None, ..offer }, NOW), None);
    }
}
