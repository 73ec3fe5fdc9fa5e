//! What became of a message that somebody else was handed to deliver: told afterwards, late, twice, or never.

use event_schema::id::{DeliveryId, RequestId};
use jiff::Timestamp;

use super::{Disposition, RecordAttempt};
use crate::{
    command::{Change, Command, Decision, Needs, Refusal},
    offer::{Attempt, Offer},
    request::Aggregate,
};

/// Whoever carries the messages says that this one arrived, or that it was given up.
#[derive(Clone, Debug)]
pub struct RecordHandover {
    /// About which offer.
    pub delivery_id: DeliveryId,
    /// The last attempt, as far as it is known.
    pub attempt: Attempt,
    /// How many attempts were made in all, at least one.
    pub attempts: u32,
    /// Why it was given up, a stable word; none when it arrived.
    pub given_up: Option<String>,
    /// Now.
    pub at: Timestamp,
}

impl Command for RecordHandover {
    /// Whether it was news.
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
        let before = state.offer(self.delivery_id).ok_or(Refusal::NotFound)?;
        if !self.is_news(before) {
            return Ok(Decision::unchanged(false));
        }
        let more = self.attempts.saturating_sub(1);
        let mut offer = Offer { attempts: before.attempts + more + 1, told: true, ..before.clone() };
        if let Some(message) = &mut offer.message {
            message.attempts += more;
        }
        let fact = self.as_an_attempt().settle(&mut offer);
        if let Some(message) = offer.message.as_mut().filter(|message| !message.is_leased(self.at)) {
            // Nobody has it in hand any more, so the inbox may hand it out.
            message.available_at = self.at;
        }
        let attempt = Some((self.delivery_id, self.attempt.clone()));
        let change = Change { offers: vec![offer], attempt, facts: fact.into_iter().collect(), ..Change::default() };
        Ok(Decision { change, reply: true })
    }
}

impl RecordHandover {
    /// Once a message has arrived, or is another by now, there is nothing to tell of it. That it was given up counts
    /// only while it is in other hands: one that is due for a push of ours was replayed since.
    fn is_news(&self, offer: &Offer) -> bool {
        offer.message.as_ref().filter(|message| message.kind == self.attempt.message).is_some_and(|message| {
            self.given_up.is_none() || (message.dead.is_none() && message.next_attempt_at.is_none())
        })
    }

    fn as_an_attempt(&self) -> RecordAttempt {
        let disposition = self.given_up.clone().map_or(Disposition::Delivered, Disposition::Dead);
        RecordAttempt { delivery_id: self.delivery_id, attempt: self.attempt.clone(), disposition, at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use event_schema::{id::Environment, words::MessageType};
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;
    use crate::{command::replay::Replay, fact::Fact, lifecycle::OfferState};

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn handed_over() -> Offer {
        let request = RequestId(Uuid::from_u128(7));
        let mut offer = Offer::new(request, "books".parse().unwrap(), Environment::Prod, 1, NOW);
        offer.hand_over(NOW + SignedDuration::from_hours(24));
        offer
    }

    fn told(offer: &Offer, given_up: Option<&str>, attempts: u32) -> Decision<bool> {
        let state = Aggregate { head: None, offers: vec![offer.clone()] };
        let attempt = Attempt {
            at: NOW,
            message: MessageType::OfferCreated,
            outcome: "refused_by_status".to_owned(),
            status_code: Some(503),
            latency_us: 0,
            answer: None,
        };
        let given_up = given_up.map(str::to_owned);
        RecordHandover { delivery_id: offer.delivery_id, attempt, attempts, given_up, at: NOW }.decide(&state).unwrap()
    }

    #[test]
    fn evidence_makes_a_sent_offer_delivered_once() {
        let decision = told(&handed_over(), None, 2);
        let [offer] = decision.change.offers.as_slice() else { panic!("one offer") };
        assert!(decision.reply);
        assert_eq!((offer.state, offer.attempts, &offer.message), (OfferState::Delivered, 2, &None));
        assert!(matches!(decision.change.facts.as_slice(), [Fact::MessageDelivered { attempts: 2, .. }]));
        let again = told(offer, None, 2);
        assert!(!again.reply && again.change.is_empty());
    }

    #[test]
    fn what_was_given_up_is_dead_and_in_the_inbox() {
        let decision = told(&handed_over(), Some("attempts_exhausted"), 186);
        let [offer] = decision.change.offers.as_slice() else { panic!("one offer") };
        let message = offer.message.as_ref().unwrap();
        assert_eq!((offer.state, offer.attempts, message.attempts), (OfferState::Failed, 186, 186));
        assert_eq!(message.dead.as_ref().unwrap().reason, "attempts_exhausted");
        assert_eq!((message.available_at, message.next_attempt_at), (NOW, None));
        assert!(matches!(decision.change.facts.as_slice(), [Fact::MessageFailed { attempts: 186, .. }]));
        assert!(!told(offer, Some("attempts_exhausted"), 186).reply, "told twice");
        assert!(told(offer, None, 1).reply, "it arrived after all");

        let replay = Replay { delivery_id: offer.delivery_id, at: NOW };
        let replayed = replay.decide(&Aggregate { head: None, offers: vec![offer.clone()] }).unwrap();
        let late = told(&replayed.change.offers[0], Some("attempts_exhausted"), 186);
        assert!(!late.reply, "it is on its way again");
    }

    #[test]
    fn an_answer_outruns_all_of_it() {
        let answered = Offer { state: OfferState::Accepted, message: None, ..handed_over() };
        assert!(!told(&answered, None, 1).reply);
        assert!(!told(&answered, Some("max_age_reached"), 9).reply);
    }
}
