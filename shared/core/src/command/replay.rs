//! A message gets another run of the retry schedule: a dead letter, or whatever a party has lost.

use event_schema::id::{DeliveryId, Environment, PartyId, RequestId};
use jiff::Timestamp;

use super::{Change, Command, Decision, Needs, Refusal, answer::refused};
use crate::{
    fact::Fact,
    lifecycle::{OfferState, state_at},
    offer::{INBOX_LIFETIME, NOTES_LIMIT, Offer},
    request::Aggregate,
};

/// What a party's replay takes of the room for its notes: its entries in the timeline, and those of what follows.
const REPLAY_FRAME: u32 = 1024;

/// Pushes a dead-lettered message again, with the same message id.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The offer.
    pub delivery_id: DeliveryId,
    /// Now.
    pub at: Timestamp,
}

impl Command for Replay {
    /// Whether there was a dead letter to replay.
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
        let Some(message) = offer.message.as_mut().filter(|message| message.dead.is_some()) else {
            return Ok(Decision::unchanged(false));
        };
        message.restart(self.at);
        Ok(Decision { change: replayed(offer), reply: true })
    }
}

/// Sends the message about a party's own offer once more, with the same message id: one that was given up, or else, if
/// the offer arrived, that it was made. One that is still on its way is left alone.
#[derive(Clone, Debug)]
pub struct ReplayOwn {
    /// The offer.
    pub delivery_id: DeliveryId,
    /// Whose key was used.
    pub party: PartyId,
    /// That key's environment.
    pub environment: Environment,
    /// Now.
    pub at: Timestamp,
}

/// How a replayed offer stands now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Replayed {
    /// Its state.
    pub state: OfferState,
}

impl Command for ReplayOwn {
    type Reply = Replayed;

    fn request(&self) -> RequestId {
        self.delivery_id.request()
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::Offers(vec![self.delivery_id])
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<Replayed>, Refusal> {
        let head = state.head.as_ref().ok_or(Refusal::NotFound)?;
        let before = state.offer_to(&self.party, self.environment, self.delivery_id).ok_or(Refusal::NotFound)?;
        let current = state_at(head, before, self.at);
        let noted_bytes = before.noted_bytes.saturating_add(REPLAY_FRAME);
        if has_ended(current) {
            return Err(refused(current, &format!("an offer that is {current} is not sent again")));
        }
        if self.at.duration_since(before.created_at) >= INBOX_LIFETIME {
            return Err(refused(current, "an offer is sent for 14 days after it was made, and not again"));
        }
        if before.message.as_ref().is_some_and(|message| message.dead.is_none()) {
            return Ok(Decision::unchanged(Replayed { state: current }));
        }
        if noted_bytes > NOTES_LIMIT {
            return Err(refused(current, "this offer was sent again as often as it can be"));
        }
        let mut offer = Offer { noted_bytes, ..before.clone() };
        offer.message.get_or_insert_with(|| before.first_message(self.at)).restart(self.at);
        let change = replayed(offer);
        let state = change.offers.first().map_or(current, |offer| offer.state);
        Ok(Decision { change, reply: Replayed { state } })
    }
}

/// Whether an offer in this state is over for its party.
#[must_use]
pub fn has_ended(state: OfferState) -> bool {
    use OfferState as State;
    match state {
        State::Completed | State::Declined | State::Withdrawn | State::Expired | State::Released => true,
        State::Pending | State::Sent | State::Delivered | State::InProgress | State::Accepted | State::Failed => false,
    }
}

/// The offer, whose message has its new run.
fn replayed(mut offer: Offer) -> Change {
    if offer.state == OfferState::Failed {
        offer.state = OfferState::Pending;
    }
    let fact = offer.message.as_ref().map(|message| Fact::replayed(&offer, message.kind));
    Change { offers: vec![offer], facts: fact.into_iter().collect(), ..Change::default() }
}

#[cfg(test)]
mod tests {
    use event_schema::words::{MessageType, Mode};
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;
    use crate::{
        command::route::FIRST_ROUND,
        offer::{DeadLetter, Deadline, Outgoing},
        request::Head,
    };

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn offer(state: OfferState) -> Offer {
        let request = RequestId(Uuid::from_u128(7));
        let offer = Offer::new(request, "books".parse().unwrap(), Environment::Prod, FIRST_ROUND, NOW);
        Offer { state, told: true, message: None, ..offer }
    }

    fn replay(offer: &Offer, party: &str, later: SignedDuration) -> Result<Decision<Replayed>, Refusal> {
        let head = Head {
            id: offer.delivery_id.request(),
            user_id: "ann".parse().unwrap(),
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
        let state = Aggregate { head: Some(head), offers: vec![offer.clone()] };
        let (party, environment) = (party.parse().unwrap(), Environment::Prod);
        ReplayOwn { delivery_id: offer.delivery_id, party, environment, at: NOW + later }.decide(&state)
    }

    fn refused_as(result: Result<Decision<Replayed>, Refusal>) -> &'static str {
        match result {
            Err(Refusal::State { current_status, .. }) => current_status,
            other => panic!("{other:?}"),
        }
    }

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    #[test]
    fn what_has_arrived_goes_out_once_more_as_it_was() {
        for state in [OfferState::Delivered, OfferState::InProgress, OfferState::Accepted] {
            let decision = replay(&offer(state), "books", HOUR).unwrap();
            let [again] = decision.change.offers.as_slice() else { panic!("one offer") };
            let message = again.message.as_ref().unwrap();
            assert_eq!((decision.reply.state, again.state, message.kind), (state, state, MessageType::OfferCreated));
            assert_eq!((message.created_at, message.next_attempt_at), (NOW, Some(NOW + HOUR)));
            assert!(matches!(decision.change.facts.as_slice(), [Fact::MessageReplayed { .. }]));
            let twice = replay(again, "books", HOUR).unwrap();
            assert!(twice.change.is_empty(), "it is on its way");
        }
    }

    #[test]
    fn what_was_given_up_is_pending_again() {
        let dead = DeadLetter { at: NOW, reason: "max_age_reached".to_owned() };
        let message =
            Outgoing { next_attempt_at: None, dead: Some(dead), ..Outgoing::new(MessageType::OfferCreated, NOW) };
        let failed = Offer { message: Some(message), ..offer(OfferState::Failed) };
        let decision = replay(&failed, "books", HOUR).unwrap();
        assert_eq!((decision.reply.state, decision.change.offers[0].state), (OfferState::Pending, OfferState::Pending));
        assert!(decision.change.offers[0].message.as_ref().unwrap().dead.is_none());
    }

    #[test]
    fn what_has_ended_or_is_anothers_or_too_old_is_not_sent_again() {
        for state in OfferState::ALL.into_iter().filter(|state| has_ended(*state)) {
            assert_eq!(refused_as(replay(&offer(state), "books", HOUR)), state.as_str());
        }
        let overdue = Offer {
            deadline: Some(Deadline { remind_at: None, expire_at: NOW + HOUR }),
            ..offer(OfferState::Delivered)
        };
        assert_eq!(refused_as(replay(&overdue, "books", HOUR)), "expired");
        assert_eq!(replay(&offer(OfferState::Delivered), "pens", HOUR).unwrap_err(), Refusal::NotFound);
        assert_eq!(refused_as(replay(&offer(OfferState::Delivered), "books", INBOX_LIFETIME)), "delivered");
        let full = Offer { noted_bytes: NOTES_LIMIT, ..offer(OfferState::Delivered) };
        assert_eq!(refused_as(replay(&full, "books", HOUR)), "delivered");
    }
}
