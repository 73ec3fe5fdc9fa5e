//! A party, the network and the store, in memory and in simulated time.

use std::collections::BTreeSet;

use event_schema::{
    id::{DeliveryId, PartyId},
    words::{AnswerStatus, MessageType},
};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::super::*;
use crate::{
    command::{
        Command, Refusal,
        answer::{Answer, Target},
        cancel::Cancel,
        inbox::{InboxAction, UseInbox},
        push::{Disposition, RecordAttempt},
        rehearse::Rehearse,
        repeat::Repeat,
        withdraw::WithdrawLosers,
        witness::Witness,
    },
    fact::JournalEntry,
    offer::Attempt,
    ports::RequestRecord,
    request::Aggregate,
};

/// What the party does, well or badly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    pub(super) polls: bool,
    pub(super) signed: bool,
    /// The status that it posts.
    pub(super) answers: Option<AnswerStatus>,
    /// How long after an offer.
    pub(super) think_ms: i64,
    pub(super) acknowledges_with: u16,
    pub(super) forgets_ids: bool,
    pub(super) refuses_duplicates: Option<u16>,
    pub(super) verifies: bool,
    pub(super) refuses_forgeries_with: u16,
    pub(super) posts_refused_again: u32,
    pub(super) takes_withdrawals: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            polls: false,
            signed: true,
            answers: Some(AnswerStatus::Accepted),
            think_ms: 100,
            acknowledges_with: 204,
            forgets_ids: false,
            refuses_duplicates: None,
            verifies: true,
            refuses_forgeries_with: 401,
            posts_refused_again: 1,
            takes_withdrawals: true,
        }
    }
}

const BEGAN: Timestamp = Timestamp::constant(1_800_000_000, 0);
const TICK: SignedDuration = SignedDuration::from_millis(250);

fn party() -> PartyId {
    "books".parse().unwrap()
}

pub(super) fn run() -> Certification {
    let id = CertificationId(Uuid::from_u128(0x0192_f0c1_2233_7000_8000_0000_0000_0000));
    Certification { id, began_at: BEGAN, signed: true, ended: None }
}

struct World {
    habits: Habits,
    run: Certification,
    plays: Plays,
    now: Timestamp,
    sequence: u64,
    seen: BTreeSet<DeliveryId>,
    /// What the party will post, and how often it will do so again.
    intends: Vec<(Timestamp, DeliveryId, u32)>,
}

/// How it ended, and how long it took.
pub(super) fn certify(habits: Habits) -> (Ended, SignedDuration) {
    let run = Certification { signed: habits.signed, ..run() };
    let (seen, intends) = (BTreeSet::new(), vec![]);
    let mut world = World { habits, run, plays: Plays::new(), now: BEGAN, sequence: 0, seen, intends };
    loop {
        let review = review(&world.run, &world.plays, world.now);
        for action in review.actions {
            world.act(action);
        }
        if let Some(faults) = review.end {
            assert!(world.plays.values().all(|record| record.head.cancelled_at.is_some()
                || record.offers.iter().all(|offer| offer.state.as_str() == "completed")));
            return (Ended { at: world.now, faults }, world.now.duration_since(BEGAN));
        }
        world.post();
        world.deliver();
        world.now += TICK;
        assert!(world.now.duration_since(BEGAN) < LIMIT + LOST);
    }
}

impl World {
    fn act(&mut self, action: Action) {
        let (at, run) = (self.now, self.run.clone());
        let delivery = |scene| run.delivery(&party(), scene);
        match action {
            Action::Begin(scene) => {
                let request = run.asks(&party()).unwrap();
                let _ = self.apply(scene, &Rehearse { scene, certification: run, party: party(), request, at });
            }
            Action::Repeat(scene) => {
                let _ = self.apply(scene, &Repeat { delivery_id: delivery(scene), at });
            }
            Action::Withdraw(scene) => {
                let _ = self.apply(scene, &WithdrawLosers { request: run.request(scene), cause: None, at });
            }
            Action::Clear(scene) => {
                let _ = self.apply(scene, &Cancel { request: run.request(scene), user: None, at });
            }
            Action::Forge => {
                let code = if self.habits.verifies { self.habits.refuses_forgeries_with } else { 200 };
                self.attempted(Scene::Forged, MessageType::OfferCreated, code, Disposition::Delivered);
                if !self.habits.verifies {
                    self.intend(delivery(Scene::Forged));
                }
            }
        }
    }

    /// Applies a command as a store does.
    fn apply<C: Command>(&mut self, scene: Scene, command: &C) -> Result<C::Reply, Refusal> {
        let before = self.plays.get(&scene);
        let state = Aggregate {
            head: before.map(|record| record.head.clone()),
            offers: before.map(|record| record.offers.clone()).unwrap_or_default(),
        };
        let decision = command.decide(&state)?;
        let change = decision.change;
        if let (Some(head), false) = (&change.head, self.plays.contains_key(&scene)) {
            let (head, detail) = (head.clone(), change.body.clone().unwrap());
            self.plays.insert(scene, RequestRecord { head, detail, offers: vec![], journal: vec![], attempts: vec![] });
        }
        let record = self.plays.get_mut(&scene).unwrap();
        if let Some(head) = change.head {
            record.head = head;
        }
        if let Some(offer) = change.offers.first() {
            record.offers = vec![offer.clone()];
        }
        record.attempts.extend(change.attempt);
        for fact in change.facts {
            self.sequence += 1;
            let (sequence, request) = (self.sequence, Some(record.head.id));
            record.journal.push(JournalEntry { sequence, request, at: self.now, cause: None, fact });
        }
        Ok(decision.reply)
    }

    fn attempted(&mut self, scene: Scene, message: MessageType, code: u16, disposition: Disposition) {
        let outcome = if code < 300 { "delivered" } else { "refused_by_status" }.to_owned();
        let attempt =
            Attempt { at: self.now, message, outcome, status_code: Some(code), latency_us: 900, answer: None };
        let delivery_id = self.run.delivery(&party(), scene);
        self.apply(scene, &RecordAttempt { delivery_id, attempt, disposition, at: self.now }).unwrap();
    }

    /// Whatever is due gets to the party.
    fn deliver(&mut self) {
        for scene in Scene::ALL {
            let offer = self.plays.get(&scene).and_then(|record| record.offers.first());
            let Some(message) = offer.and_then(|offer| offer.message.as_ref()) else {
                continue;
            };
            let (kind, due) = (message.kind, message.next_attempt_at);
            if due.is_some_and(|due| due <= self.now) {
                let delivery = self.run.delivery(&party(), scene);
                let code = self.takes(delivery, kind);
                if self.habits.polls {
                    self.fetch(scene, delivery);
                } else {
                    let again = Disposition::RetryAt(self.now + SignedDuration::from_secs(1));
                    self.attempted(scene, kind, code, if code < 300 { Disposition::Delivered } else { again });
                }
            }
        }
    }

    fn fetch(&mut self, scene: Scene, delivery_id: DeliveryId) {
        let until = self.now + SignedDuration::from_secs(60);
        for action in [InboxAction::Lease(until), InboxAction::Acknowledge] {
            let environment = ENVIRONMENT;
            let use_inbox = UseInbox { delivery_id, party: party(), environment, action, at: self.now };
            self.apply(scene, &use_inbox).unwrap();
        }
    }

    /// What the party's endpoint does with a message.
    fn takes(&mut self, delivery: DeliveryId, kind: MessageType) -> u16 {
        if kind != MessageType::OfferCreated {
            return if self.habits.takes_withdrawals { 200 } else { 404 };
        }
        let known = self.seen.contains(&delivery);
        if let Some(code) = self.habits.refuses_duplicates.filter(|_| known) {
            return code;
        }
        if self.habits.acknowledges_with < 300 {
            self.seen.insert(delivery);
            if !known || self.habits.forgets_ids {
                self.intend(delivery);
            }
        }
        self.habits.acknowledges_with
    }

    fn intend(&mut self, delivery: DeliveryId) {
        let at = self.now + SignedDuration::from_millis(self.habits.think_ms);
        self.intends.push((at, delivery, self.habits.posts_refused_again));
    }

    /// Whatever it intended to post by now, and again what was refused.
    fn post(&mut self) {
        let Some(status) = self.habits.answers else {
            return;
        };
        let due: Vec<_> = self.intends.extract_if(.., |(at, ..)| *at <= self.now).collect();
        for (_, delivery, again) in due {
            let scene = Scene::ALL.into_iter().find(|scene| self.run.request(*scene) == delivery.request()).unwrap();
            let (target, at, environment) = (Target::Delivery(delivery), self.now, ENVIRONMENT);
            let (reason, details) = (None, None);
            let answer = Answer { target, party: party(), environment, status, reason, details, at };
            let status_code = if self.apply(scene, &answer).is_ok() { 200 } else { 409 };
            let status = Some(status);
            let witness = Witness { target, party: party(), environment, status, status_code, at };
            self.apply(scene, &witness).unwrap();
            if let Some(again) = again.checked_sub(1).filter(|_| status_code == 409) {
                self.intends.push((self.now + SignedDuration::from_secs(1), delivery, again));
            }
        }
    }
}
