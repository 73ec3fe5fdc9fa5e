//! The clock of an offer: its party is reminded, and then its time is over.

use event_schema::{
    id::{DeliveryId, RequestId},
    words::MessageType,
};
use jiff::Timestamp;

use super::{Change, Command, Decision, Needs, Refusal};
use crate::{
    fact::Fact,
    lifecycle::effective_state,
    offer::{Offer, Outgoing},
    request::Aggregate,
};

/// Does what an offer's clock says is due by now; nothing, if nothing is.
#[derive(Clone, Debug)]
pub struct KeepDeadline {
    /// The offer.
    pub delivery_id: DeliveryId,
    /// Now.
    pub at: Timestamp,
}

impl Command for KeepDeadline {
    /// When something is due next.
    type Reply = Option<Timestamp>;

    fn request(&self) -> RequestId {
        self.delivery_id.request()
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::Offers(vec![self.delivery_id])
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<Option<Timestamp>>, Refusal> {
        let head = state.head.as_ref().ok_or(Refusal::NotFound)?;
        let before = state.offer(self.delivery_id).ok_or(Refusal::NotFound)?;
        let Some(deadline) = before.deadline else {
            return Ok(Decision::unchanged(None));
        };
        let mut offer = before.clone();
        let mut facts = Vec::new();
        if !effective_state(head, before).can_be_withdrawn() {
            // It is taken back already; its row has still to follow.
            offer.deadline = None;
        } else if deadline.expire_at <= self.at {
            offer.expire(self.at);
            facts.push(Fact::expired(&offer));
            facts.extend(offer.message.as_ref().map(|message| made(&offer, message.kind)));
        } else if deadline.remind_at.is_some_and(|remind| remind <= self.at) {
            offer.deadline = Some(crate::offer::Deadline { remind_at: None, ..deadline });
            // What still waits to reach the party needs no reminder: it has not been heard of, or will come again.
            if offer.message.is_none() {
                offer.message = Some(Outgoing::new(MessageType::OfferReminder, self.at));
                facts.push(reminded(&offer));
            }
        } else {
            return Ok(Decision::unchanged(Some(deadline.next())));
        }
        let reply = offer.deadline.map(|deadline| deadline.next());
        Ok(Decision { change: Change { offers: vec![offer], facts, ..Change::default() }, reply })
    }
}

fn reminded(offer: &Offer) -> Fact {
    Fact::OfferReminded {
        delivery_id: offer.delivery_id,
        third_party: offer.party.clone(),
        environment: offer.environment,
    }
}

fn made(offer: &Offer, message: MessageType) -> Fact {
    Fact::MessageMade {
        delivery_id: offer.delivery_id,
        third_party: offer.party.clone(),
        environment: offer.environment,
        message,
    }
}

#[cfg(test)]
mod tests {
    use event_schema::{id::Environment, words::Mode};
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;
    use crate::{
        command::route::FIRST_ROUND, lifecycle::OfferState, offer::Deadline, party::AcceptanceClock, request::Head,
    };

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn later(seconds: i64) -> Timestamp {
        NOW + SignedDuration::from_secs(seconds)
    }

    fn offer(state: OfferState) -> Offer {
        let request = RequestId(Uuid::from_u128(7));
        let mut offer = Offer::new(request, "books".parse().unwrap(), Environment::Prod, FIRST_ROUND, NOW);
        let clock = AcceptanceClock { category: None, remind_after_seconds: Some(30), expire_after_seconds: 60 };
        offer.run_against(&clock);
        Offer { state, told: true, message: None, ..offer }
    }

    fn keep(offer: &Offer, cancelled: bool, seconds: i64) -> Decision<Option<Timestamp>> {
        let head = Head {
            id: offer.delivery_id.request(),
            user_id: "ann".parse().unwrap(),
            environment: Environment::Prod,
            mode: Mode::All,
            category: None,
            created_at: NOW,
            routed: None,
            winner: None,
            cancelled_at: cancelled.then_some(NOW),
            round: FIRST_ROUND,
            closed: 0,
        };
        let state = Aggregate { head: Some(head), offers: vec![offer.clone()] };
        KeepDeadline { delivery_id: offer.delivery_id, at: later(seconds) }.decide(&state).unwrap()
    }

    #[test]
    fn a_party_is_reminded_once_and_to_the_second() {
        let early = keep(&offer(OfferState::Delivered), false, 29);
        assert!(early.change.is_empty());
        assert_eq!(early.reply, Some(later(30)));
        for state in [OfferState::Delivered, OfferState::InProgress] {
            let decision = keep(&offer(state), false, 30);
            let [reminded] = decision.change.offers.as_slice() else { panic!("one offer") };
            assert_eq!((reminded.state, decision.reply), (state, Some(later(60))));
            assert_eq!(reminded.message.as_ref().unwrap().kind, MessageType::OfferReminder);
            assert!(matches!(decision.change.facts.as_slice(), [Fact::OfferReminded { .. }]));
            assert!(keep(reminded, false, 59).change.is_empty(), "once");
        }
    }

    #[test]
    fn what_still_waits_to_reach_the_party_is_a_reminder_itself() {
        let waiting =
            Offer { message: Some(Outgoing::new(MessageType::OfferCreated, NOW)), ..offer(OfferState::Pending) };
        let decision = keep(&waiting, false, 30);
        let [kept] = decision.change.offers.as_slice() else { panic!("one offer") };
        assert_eq!(kept.message, waiting.message);
        assert_eq!(kept.deadline, Some(Deadline { remind_at: None, expire_at: later(60) }));
        assert!(decision.change.facts.is_empty());
    }

    #[test]
    fn it_expires_once_and_whoever_may_know_of_it_is_told() {
        for (state, told) in [(OfferState::Pending, false), (OfferState::InProgress, true), (OfferState::Failed, true)]
        {
            let before = Offer { told, ..offer(state) };
            let decision = keep(&before, false, 60);
            let [expired] = decision.change.offers.as_slice() else { panic!("one offer") };
            assert_eq!((expired.state, expired.vacant, decision.reply), (OfferState::Expired, true, None));
            let message = expired.message.as_ref().map(|message| message.kind);
            assert_eq!(message, told.then_some(MessageType::OfferExpired));
            assert_eq!(decision.change.facts.len(), 1 + usize::from(told));
            assert!(keep(expired, false, 61).change.is_empty(), "once");
        }
    }

    #[test]
    fn of_a_request_that_was_taken_back_nothing_is_told() {
        let decision = keep(&offer(OfferState::Delivered), true, 60);
        let [kept] = decision.change.offers.as_slice() else { panic!("one offer") };
        assert_eq!((kept.state, kept.deadline, kept.vacant), (OfferState::Delivered, None, false));
        assert!(decision.change.facts.is_empty());
    }
}
