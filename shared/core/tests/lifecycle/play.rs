//! Plays a story, step by step, and expects of each step what the design says of it.

use std::collections::BTreeMap;

use event_schema::{
    id::{DeliveryId, Environment, PartyId},
    words::{AnswerStatus, MessageType, Mode},
};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    command::{
        Command, Refusal,
        answer::{Answer, Answered, Target},
        cancel::Cancel,
        deadline::KeepDeadline,
        expire::Expire,
        inbox::{InboxAction, InboxResult, UseInbox},
        notice::RecordNotice,
        push::{RecordAttempt, RecordHandover},
        release::Release,
        reoffer::{Progress, Reoffer},
        replay::{Replay, ReplayOwn, Replayed, has_ended},
        withdraw::WithdrawLosers,
    },
    fact::Fact,
    lifecycle::OfferState,
    offer::{Attempt, Deadline, INBOX_LIFETIME, Offer, Outgoing},
    request::Head,
};
use serde_json::Value;

use crate::{
    model::{Model, Wire},
    rules,
    status::{expected_status, seen_as, seen_at},
    steps::{Action, Caller, Ending, REQUEST, START, Step, Story, batches, clocks, create, later, offer_id, party},
    table::{Effect, effect},
    witness::{Said, Witness},
};

/// A story under way.
pub(crate) struct Play {
    pub(crate) model: Model,
    witness: Witness,
    mode: Mode,
    eligible: usize,
    handed_over: bool,
    clocked: bool,
    now: Timestamp,
    /// The last push of each offer, for attempts that are recorded late or twice.
    sent: BTreeMap<DeliveryId, MessageType>,
    /// Whether parties speak of the oldest offer that they have.
    looking_back: bool,
}

impl Play {
    /// Plays a whole story.
    pub(crate) fn of(story: &Story, wire: Wire) -> Self {
        let mut play = Self {
            model: Model::new(REQUEST, wire),
            witness: Witness::default(),
            mode: story.mode,
            eligible: story.eligible,
            handed_over: story.handed_over,
            clocked: story.clocked,
            now: START,
            sent: BTreeMap::new(),
            looking_back: false,
        };
        for step in &story.steps {
            play.now += SignedDuration::from_millis(1);
            play.step(step);
            rules::hold(&play.model, play.now);
            play.witness.look(&play.model);
        }
        rules::ids_are_derived(&play.model);
        play
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Create => assert_eq!(self.twice(&create(self.mode, self.now)), Ok(())),
            Step::Offer(place) => self.offer(*place),
            Step::Answer { party, by_request, elsewhere, status, reason, details } => {
                self.answer(*party, *by_request, *elsewhere, *status, &(reason.clone(), details.clone()));
            }
            Step::Cancel(caller) => self.cancel(*caller),
            Step::Withdraw => self.withdraw(),
            Step::Release { party, stranger } => self.release(*party, *stranger),
            Step::Reoffer { party, newcomer } => self.reoffer(self.id(*party), *newcomer),
            Step::LookBack(looking_back) => self.looking_back = *looking_back,
            Step::Send(party) => self.send(self.id(*party)),
            Step::Arrive { party, ending } => self.arrive(self.id(*party), *ending),
            Step::Told { party, arrived } => self.told(self.id(*party), *arrived),
            Step::Inbox { party, stranger, action } => self.inbox(*party, *stranger, *action),
            Step::Replay(party) => self.replay(self.id(*party)),
            Step::ReplayOwn { party, stranger } => self.replay_own(*party, *stranger),
            Step::Expire(party) => self.expire(self.id(*party)),
            Step::Clock(party) => self.clock(self.id(*party)),
            Step::Notice { sequence, channel } => self.notice(*sequence, channel),
            Step::Pass(seconds) => self.now = later(self.now, *seconds),
        }
    }

    /// The offer that a party speaks of.
    fn id(&self, number: usize) -> DeliveryId {
        let party = party(number);
        let theirs = self.model.offers.values().filter(|offer| offer.party == party);
        let offer = if self.looking_back {
            theirs.min_by_key(|offer| offer.round)
        } else {
            theirs.max_by_key(|offer| offer.round)
        };
        offer.map_or_else(|| offer_id(number), |offer| offer.delivery_id)
    }

    /// Does it, and asks again as a caller would who has not heard the answer: the second time changes nothing.
    fn twice<C: Command>(&mut self, command: &C) -> Result<C::Reply, Refusal> {
        let reply = self.model.apply(command)?;
        let again = self.model.decide(command).expect("the same, and refused");
        self.model.assert_unchanged_by(&again.change);
        Ok(reply)
    }

    /// Does what must be refused; whoever is refused has nothing to write.
    fn refused<C: Command>(&mut self, command: &C) -> Refusal {
        match self.model.decide(command) {
            Err(refusal) => refusal,
            Ok(decision) => panic!("was not refused: {:?}", decision.change),
        }
    }

    fn message(&self, id: DeliveryId) -> Option<Outgoing> {
        self.model.offers.get(&id)?.message.clone()
    }

    fn offer(&mut self, place: usize) {
        let mut batches = batches(self.eligible, self.now);
        let place = place % batches.len();
        let batch = &mut batches[place];
        if self.handed_over {
            let until = later(self.now, 24 * 3_600);
            batch.handed_over = batch.parties.iter().map(|party| (party.clone(), until)).collect();
        }
        if self.clocked {
            batch.clocks = clocks(self.eligible);
        }
        let batch = &*batch;
        let Some(head) = self.model.head.clone() else {
            assert_eq!(self.refused(batch), Refusal::NotFound);
            return;
        };
        let before = self.model.offers.len();
        self.twice(batch).expect("never refused");
        let open = head.routed.is_none() && head.cancelled_at.is_none() && head.winner.is_none() && head.closed == 0;
        assert!(open || self.model.offers.len() == before, "offered too late");
        let sent = self.model.offers.values().filter(|offer| offer.state == OfferState::Sent);
        self.witness.saw.extend(sent.map(|offer| offer.delivery_id));
        let made = batch.parties.iter().all(|party| self.model.offers.values().any(|offer| offer.party == *party));
        assert!(!open || made, "somebody was left out");
    }

    fn answer(&mut self, number: usize, by_request: bool, elsewhere: bool, status: AnswerStatus, said: &Said) {
        let command = Answer {
            target: if by_request { Target::Request(REQUEST) } else { Target::Delivery(self.id(number)) },
            party: party(number),
            environment: if elsewhere { Environment::Test } else { Environment::Prod },
            status,
            reason: said.0.clone(),
            details: said.1.clone(),
            at: self.now,
        };
        let newest = self.model.offers.values().filter(|offer| offer.party == party(number)).max_by_key(|it| it.round);
        let id = newest.filter(|_| by_request).map_or_else(|| self.id(number), |newest| newest.delivery_id);
        let Some((head, offer)) = self.found(&command, id, elsewhere) else {
            return;
        };
        let seen = self.seen(&head, &offer);
        match effect(seen, status) {
            Effect::Conflict => self.conflict(&command, seen),
            _ if head.cancelled_at.is_some() => self.conflict(&command, seen),
            Effect::Same => self.says_again(&command, &offer, said),
            Effect::Moves => self.moves(&command, &offer, said),
        }
    }

    /// An offer with its request's head; whoever speaks of another's, or of one that is not there, is told so.
    fn found(&mut self, command: &impl Command, id: DeliveryId, elsewhere: bool) -> Option<(Head, Offer)> {
        match (self.model.head.clone(), self.model.offers.get(&id).cloned()) {
            (Some(head), Some(offer)) if !elsewhere => Some((head, offer)),
            _ => {
                assert_eq!(self.refused(command), Refusal::NotFound);
                None
            }
        }
    }

    fn seen(&self, head: &Head, offer: &Offer) -> OfferState {
        let seen = seen_at(head, offer, self.now);
        OfferState::ALL.into_iter().find(|state| state.as_str() == seen).expect("a state")
    }

    fn conflict(&mut self, command: &impl Command, seen: OfferState) {
        match self.refused(command) {
            Refusal::State { current_status, .. } => assert_eq!(current_status, seen.as_str()),
            Refusal::NotFound => panic!("an offer of this party was not found"),
        }
    }

    fn says_again(&mut self, command: &Answer, offer: &Offer, said: &Said) {
        let id = offer.delivery_id;
        let news = *said != (None, None) && self.witness.said.get(&id) != Some(said);
        let before = self.model.journal.len();
        let reply = self.twice(command).expect("the same again is welcome");
        assert_eq!(reply, Answered { delivery_id: id, state: offer.state });
        assert_eq!(self.model.offers[&id].state, offer.state);
        assert_eq!(self.model.journal.len() - before, usize::from(news), "new details make one note");
        self.remember(id, said);
    }

    fn moves(&mut self, command: &Answer, before: &Offer, said: &Said) {
        let id = before.delivery_id;
        let winner = self.model.head.as_ref().and_then(|head| head.winner);
        let reply = self.twice(command).expect("the table allows it");
        let offer = self.model.offers[&id].clone();
        assert_eq!(reply, Answered { delivery_id: id, state: offer.state });
        assert_eq!(offer.state.as_str(), command.status.as_str());
        assert_eq!(offer.message, None, "an answer counts as an acknowledgement");
        assert!(offer.told);
        let claims = ["accepted", "completed"].contains(&command.status.as_str());
        let wins = self.mode == Mode::FirstAccept && claims && winner.is_none();
        match &self.model.journal.last().expect("an answer is journalled").fact {
            Fact::OfferAnswered { won, reason, details, .. } => {
                assert_eq!((*won, (reason.clone(), details.clone())), (wins, said.clone()));
            }
            other => panic!("{other:?}"),
        }
        self.witness.saw.insert(id);
        self.remember(id, said);
    }

    fn remember(&mut self, id: DeliveryId, said: &(Option<String>, Option<Value>)) {
        if *said != (None, None) {
            self.witness.said.insert(id, said.clone());
        }
    }

    fn cancel(&mut self, caller: Caller) {
        let user = match caller {
            Caller::Owner => Some("user-1".parse().expect("an id")),
            Caller::Stranger => Some("user-2".parse().expect("an id")),
            Caller::Operator => None,
        };
        let command = Cancel { request: REQUEST, user, at: self.now };
        let Some(head) = self.model.head.clone().filter(|_| !matches!(caller, Caller::Stranger)) else {
            assert_eq!(self.refused(&command), Refusal::NotFound);
            return;
        };
        if expected_status(&head, &self.model.offers()) == "completed" {
            let refusal = self.refused(&command);
            assert!(matches!(refusal, Refusal::State { current_status: "completed", .. }), "{refusal:?}");
            return;
        }
        self.twice(&command).expect("what is not completed can be cancelled");
        let cancelled_at = self.model.head.as_ref().and_then(|head| head.cancelled_at);
        assert_eq!(cancelled_at, Some(head.cancelled_at.unwrap_or(self.now)));
    }

    fn withdraw(&mut self) {
        let command = WithdrawLosers { request: REQUEST, cause: None, at: self.now };
        let Some(head) = self.model.head.clone() else {
            assert_eq!(self.refused(&command), Refusal::NotFound);
            return;
        };
        let behind = |model: &Model| {
            let behind = |offer: &&Offer| seen_as(&head, offer) == "withdrawn" && offer.state != OfferState::Withdrawn;
            model.offers.values().filter(behind).count()
        };
        let before = behind(&self.model);
        let more = self.model.apply(&command).expect("never refused");
        assert_eq!(more, behind(&self.model) > 0, "it says whether there are more");
        assert!(before == 0 || behind(&self.model) < before, "it gets on");
        if !more {
            assert_eq!(self.twice(&command), Ok(false));
        }
    }

    /// As a worker does: what is due, and not on the wire already, goes out.
    fn send(&mut self, id: DeliveryId) {
        let due = self.message(id).filter(|message| message.next_attempt_at.is_some_and(|due| due <= self.now));
        let Some(message) = due.filter(|_| !self.model.on_the_wire.contains_key(&id)) else {
            return;
        };
        assert_eq!(message.dead, None, "a dead letter is due");
        assert!(!message.is_leased(self.now), "what is leased is due");
        self.model.on_the_wire.insert(id, message.kind);
        self.sent.insert(id, message.kind);
        self.witness.saw.insert(id);
    }

    fn arrive(&mut self, id: DeliveryId, ending: Ending) {
        let Some(kind) = self.sent.get(&id).copied() else {
            return;
        };
        let attempt = Attempt {
            at: self.now,
            message: kind,
            outcome: "delivered".to_owned(),
            status_code: Some(200),
            latency_us: 1,
            answer: None,
        };
        let disposition = ending.disposition(self.now);
        let before = self.model.offers[&id].clone();
        let command = RecordAttempt { delivery_id: id, attempt, disposition, at: self.now };
        let due = self.model.apply(&command).expect("an attempt is always recorded");
        self.model.on_the_wire.remove(&id);
        let offer = &self.model.offers[&id];
        assert_eq!(due, offer.message.as_ref().and_then(|message| message.next_attempt_at));
        assert_eq!(offer.attempts, before.attempts + 1);
        assert!(offer.told);
        let was_waiting = before.message.as_ref().is_some_and(|message| message.kind == kind);
        match ending {
            Ending::Delivered if was_waiting => assert_eq!(offer.message, None),
            Ending::Dead if was_waiting => {
                assert!(offer.message.as_ref().is_some_and(|message| message.dead.is_some()))
            }
            Ending::Retry(_) if was_waiting => assert!(offer.message.is_some()),
            // A pause is no attempt of the schedule's. (Of an offer withdrawn meanwhile it tells that the party may
            // know of it, so the withdrawal is due then.)
            Ending::Hold if was_waiting || !matches!(before.state, OfferState::Withdrawn | OfferState::Expired) => {
                assert_eq!(
                    offer.message.is_some().then_some(&offer.message),
                    before.message.is_some().then_some(&before.message)
                )
            }
            _ => {}
        }
    }

    fn told(&mut self, id: DeliveryId, arrived: bool) {
        let attempt = Attempt {
            at: self.now,
            message: MessageType::OfferCreated,
            outcome: "timeout".to_owned(),
            status_code: None,
            latency_us: 0,
            answer: None,
        };
        let given_up = (!arrived).then(|| "max_age_reached".to_owned());
        let command = RecordHandover { delivery_id: id, attempt, attempts: 3, given_up, at: self.now };
        let Some(before) = self.model.offers.get(&id).cloned() else {
            assert_eq!(self.refused(&command), Refusal::NotFound);
            return;
        };
        let waiting = before.message.as_ref().filter(|message| message.kind == MessageType::OfferCreated);
        let in_other_hands = waiting.is_some_and(|message| message.next_attempt_at.is_none() && message.dead.is_none());
        let news = if arrived { waiting.is_some() } else { in_other_hands };
        assert_eq!(self.twice(&command), Ok(news));
        let offer = &self.model.offers[&id];
        assert_eq!(offer.attempts, before.attempts + if news { 3 } else { 0 });
        match (news, arrived) {
            (false, _) => assert_eq!(*offer, before),
            (true, true) => assert_eq!(offer.message, None),
            (true, false) => assert_eq!(offer.state, OfferState::Failed),
        }
    }

    fn release(&mut self, number: usize, stranger: bool) {
        let id = self.id(number);
        let caller = if stranger { party(number + 1) } else { party(number) };
        let reason = "out of stock".to_owned();
        let command = Release { delivery_id: id, party: caller, environment: Environment::Prod, reason, at: self.now };
        let Some((head, offer)) = self.found(&command, id, stranger) else {
            return;
        };
        match seen_as(&head, &offer) {
            "accepted" => {
                assert_eq!(self.twice(&command), Ok(Answered { delivery_id: id, state: OfferState::Released }));
                assert!(self.model.offers[&id].vacant);
                assert!(self.mode == Mode::All || self.model.head.as_ref().is_some_and(|head| head.winner.is_none()));
            }
            "released" => assert!(self.twice(&command).is_ok()),
            other => match self.refused(&command) {
                Refusal::State { current_status, .. } => assert_eq!(current_status, other),
                Refusal::NotFound => panic!("an offer of this party was not found"),
            },
        }
    }

    fn reoffer(&mut self, id: DeliveryId, newcomer: bool) {
        let eligible: Vec<PartyId> = (0..self.eligible + usize::from(newcomer)).map(party).collect();
        let until = later(self.now, 24 * 3_600);
        let handed_over = eligible.iter().filter(|_| self.handed_over).map(|party| (party.clone(), until)).collect();
        let clocks = if self.clocked { clocks(eligible.len()) } else { BTreeMap::new() };
        let command = Reoffer { vacated: id, eligible, handed_over, clocks, cause: Some(1), at: self.now };
        let Some((head, before)) = self.found(&command, id, false) else {
            return;
        };
        let due = before.vacant && head.cancelled_at.is_none();
        let had = |offer: &Offer| seen_as(&head, offer) != "withdrawn";
        let is_free = |party: &&PartyId| !self.model.offers.values().any(|offer| offer.party == **party && had(offer));
        let free = command.eligible.iter().filter(is_free).count();
        let free = if due && head.routed.is_some() && head.winner.is_none() { free } else { 0 };
        let mut made = 0;
        let progress = loop {
            let reply = self.model.apply(&command).expect("never refused");
            made += reply.made.len();
            if reply.progress != Progress::More {
                break reply.progress;
            }
        };
        assert_eq!(progress == Progress::TooEarly, due && head.routed.is_none());
        assert_eq!(made, free, "everybody is asked who can be, and nobody else");
        assert_eq!(self.model.offers[&id].vacant, due && progress == Progress::TooEarly || before.vacant && !due);
        let again = self.model.decide(&command).expect("never refused");
        self.model.assert_unchanged_by(&again.change);
        let sent = self.model.offers.values().filter(|offer| offer.state == OfferState::Sent);
        self.witness.saw.extend(sent.map(|offer| offer.delivery_id));
    }

    fn inbox(&mut self, number: usize, stranger: bool, action: Action) {
        let id = self.id(number);
        let caller: PartyId = if stranger { party(number + 1) } else { party(number) };
        let held = self.model.wire == Wire::Known && self.model.on_the_wire.contains_key(&id);
        if matches!(action, Action::Lease(_)) && held {
            return; // The platform hands out nothing that a push has in its hands.
        }
        let action = action.at(self.now);
        let command = UseInbox { delivery_id: id, party: caller, environment: Environment::Prod, action, at: self.now };
        let before = self.model.offers.get(&id).filter(|_| !stranger).cloned();
        let expected = before.as_ref().map_or(InboxResult::Unknown, |offer| self.expected(offer, action));
        // A lease that is taken again is not there any more: the answer differs, and nothing changes.
        assert_eq!(self.twice(&command), Ok(expected));
        if expected == InboxResult::Done {
            self.used(id, action, before.as_ref().and_then(|offer| offer.message.as_ref()).expect("a message"));
        }
    }

    fn expected(&self, offer: &Offer, action: InboxAction) -> InboxResult {
        let possible = offer.message.as_ref().is_some_and(|message| match action {
            InboxAction::Lease(_) => message.available_at <= self.now,
            InboxAction::Extend(_) | InboxAction::Release => message.leased && message.available_at > self.now,
            InboxAction::Acknowledge => message.leased || message.kind == MessageType::OfferCreated,
        });
        if possible { InboxResult::Done } else { InboxResult::Already }
    }

    fn used(&mut self, id: DeliveryId, action: InboxAction, before: &Outgoing) {
        let offer = self.model.offers[&id].clone();
        match action {
            InboxAction::Lease(until) => self.witness.leased(id, before.kind, self.now, until),
            InboxAction::Extend(until) => {
                self.witness.leases.insert(id, (before.kind, until));
            }
            InboxAction::Release => {
                self.witness.leases.remove(&id);
                let message = offer.message.expect("still there");
                assert_eq!(message.available_at, self.now);
                assert_eq!(message.next_attempt_at, message.dead.is_none().then_some(self.now));
            }
            InboxAction::Acknowledge => {
                assert_eq!(offer.message, None, "acknowledged, and handed out again");
                self.witness.saw.insert(id);
                let waited = matches!(offer.state, OfferState::Pending | OfferState::Sent | OfferState::Failed);
                assert!(!waited, "acknowledged, and {}", offer.state);
            }
        }
    }

    fn replay(&mut self, id: DeliveryId) {
        let command = Replay { delivery_id: id, at: self.now };
        let Some(before) = self.model.offers.get(&id).cloned() else {
            assert_eq!(self.refused(&command), Refusal::NotFound);
            return;
        };
        let dead = before.message.filter(|message| message.dead.is_some());
        assert_eq!(self.twice(&command), Ok(dead.is_some()));
        if let Some(dead) = dead {
            let message = self.message(id).expect("it is on its way again");
            assert_eq!((message.attempts, message.first_attempt_at), (0, None), "a new run of the schedule");
            assert_eq!((message.kind, message.created_at), (dead.kind, dead.created_at), "the same message");
            assert!(dead.is_leased(self.now) || message.next_attempt_at == Some(self.now), "it is due at once");
        }
    }

    fn replay_own(&mut self, number: usize, stranger: bool) {
        let id = self.id(number);
        let caller = if stranger { party(number + 1) } else { party(number) };
        let command = ReplayOwn { delivery_id: id, party: caller, environment: Environment::Prod, at: self.now };
        let Some((head, before)) = self.found(&command, id, stranger) else {
            return;
        };
        let seen = self.seen(&head, &before);
        if has_ended(seen) || self.now.duration_since(before.created_at) >= INBOX_LIFETIME {
            self.conflict(&command, seen);
            return;
        }
        let on_its_way = before.message.as_ref().is_some_and(|message| message.dead.is_none());
        let Replayed { state } = self.twice(&command).expect("what has not ended is sent again");
        let offer = self.model.offers[&id].clone();
        assert_eq!(state, if seen == OfferState::Failed { OfferState::Pending } else { seen });
        if on_its_way {
            assert_eq!(offer, before, "it is sent once");
            return;
        }
        let message = offer.message.expect("it is on its way again");
        let was = before.message.map_or((MessageType::OfferCreated, before.created_at), |it| (it.kind, it.created_at));
        assert_eq!((message.kind, message.created_at), was, "the same message");
        assert_eq!((message.attempts, message.dead.is_some()), (0, false), "a new run of the schedule");
        assert!(message.is_leased(self.now) || message.next_attempt_at == Some(self.now), "it is due at once");
    }

    fn expire(&mut self, id: DeliveryId) {
        let command = Expire { delivery_id: id, at: self.now };
        let Some(before) = self.model.offers.get(&id).cloned() else {
            assert_eq!(self.refused(&command), Refusal::NotFound);
            return;
        };
        self.twice(&command).expect("never refused");
        let old = |message: &Outgoing| self.now.duration_since(message.created_at) >= INBOX_LIFETIME;
        match before.message {
            Some(message) if old(&message) => {
                assert_eq!(self.message(id), None);
                if matches!(message.kind, MessageType::OfferWithdrawn | MessageType::OfferExpired) {
                    self.witness.given_up.insert(id);
                }
            }
            message => assert_eq!(self.message(id), message, "too young to be given up"),
        }
    }

    fn clock(&mut self, id: DeliveryId) {
        let command = KeepDeadline { delivery_id: id, at: self.now };
        let Some((head, before)) = self.found(&command, id, false) else {
            return;
        };
        let told = before.told || (self.model.wire == Wire::Known && self.model.on_the_wire.contains_key(&id));
        let next = self.model.apply(&command).expect("never refused");
        let again = self.model.decide(&command).expect("never refused");
        self.model.assert_unchanged_by(&again.change);
        assert_eq!(again.reply, next);
        let offer = self.model.offers[&id].clone();
        assert_eq!(next, offer.deadline.map(|deadline| deadline.remind_at.unwrap_or(deadline.expire_at)));
        let kind = |offer: &Offer| offer.message.as_ref().map(|message| message.kind);
        match before.deadline {
            None => assert_eq!(offer, before),
            Some(_) if seen_as(&head, &before) == "withdrawn" => {
                assert_eq!((offer.deadline, offer.state, &offer.message), (None, before.state, &before.message));
            }
            Some(Deadline { expire_at, .. }) if expire_at <= self.now => {
                assert_eq!((offer.state, offer.vacant, offer.deadline), (OfferState::Expired, true, None));
                assert_eq!(kind(&offer), told.then_some(MessageType::OfferExpired));
            }
            Some(Deadline { remind_at: Some(at), expire_at }) if at <= self.now => {
                assert_eq!(offer.deadline, Some(Deadline { remind_at: None, expire_at }));
                assert_eq!(offer.state, before.state);
                assert_eq!(kind(&offer), kind(&before).or(Some(MessageType::OfferReminder)));
            }
            Some(_) => assert_eq!(offer, before),
        }
    }

    fn notice(&mut self, sequence: u64, channel: &'static str) {
        let command = RecordNotice { request: REQUEST, sequence, channel, at: self.now };
        if self.model.head.is_none() {
            assert_eq!(self.refused(&command), Refusal::NotFound);
            return;
        }
        self.twice(&command).expect("never refused");
        assert!(self.model.notices.contains(&(sequence, channel)));
    }
}
