//! One request offered to one party, and the message about it that is waiting to reach that party.

use event_schema::{
    id::{DeliveryId, Environment, MessageId, PartyId, RequestId},
    message::render,
    words::MessageType,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{lifecycle::OfferState, mapping::Mapping, party::AcceptanceClock};

/// How long an offer waits in the inbox for a party that never comes (DESIGN section 6).
pub const INBOX_LIFETIME: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Room for what a party adds to the timeline of one offer, notes and replays, in bytes: nobody reads a megabyte of
/// them, and without a bound one party could make a request too long to be read at all.
pub const NOTES_LIMIT: u32 = 1024 * 1024;

/// What a note takes besides its text.
pub(crate) const NOTE_FRAME: u32 = 256;

/// One request offered to one party.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Offer {
    /// Its id, derived from what it is an offer of; see [`delivery_id`].
    pub delivery_id: DeliveryId,
    /// To whom.
    pub party: PartyId,
    /// In which world.
    pub environment: Environment,
    /// 1 for the first time that the request is offered; rises when it is offered again.
    pub round: u16,
    /// Where it is in its life.
    pub state: OfferState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When anything about it was last written, as a platform that loads it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// Whether the party may have seen it. A platform loads it as true while a push is in flight.
    pub told: bool,
    /// HTTP attempts made so far, over all messages; the last attempt's number.
    pub attempts: u32,
    /// Fingerprint of the reason and details last recorded, so that a repeated answer adds no second note.
    pub noted: Option<[u8; 8]>,
    /// Room that its notes and its replays take, in bytes; see [`NOTES_LIMIT`].
    pub noted_bytes: u32,
    /// The message that is waiting to reach the party, if any.
    pub message: Option<Outgoing>,
    /// The clock that it was made against; none once the party has accepted, declined or completed it, or it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// Whether it came back, and the request has still to be offered to others in its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vacant: bool,
}

/// When a party is reminded of an offer, and when it expires.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Deadline {
    /// When the party is reminded; none once it was, or if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_at: Option<Timestamp>,
    /// When the offer expires; later than that.
    pub expire_at: Timestamp,
}

/// A message on its way to a party: due for a push, waiting in the inbox, or dead-lettered.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Outgoing {
    /// What it tells.
    pub kind: MessageType,
    /// When it was made; its `timestamp` on the wire, the same on every attempt.
    pub created_at: Timestamp,
    /// Attempts made in this run of the retry schedule.
    pub attempts: u32,
    /// When this run began.
    pub first_attempt_at: Option<Timestamp>,
    /// When the next push is due, whatever the party's mode; none once it is dead.
    pub next_attempt_at: Option<Timestamp>,
    /// From when it can be leased from the inbox; a lease moves it forward.
    pub available_at: Timestamp,
    /// Whether it has ever been leased.
    pub leased: bool,
    /// Why its pushes ended, if they did.
    pub dead: Option<DeadLetter>,
}

/// That and why the pushes of a message ended for good.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DeadLetter {
    /// When.
    pub at: Timestamp,
    /// A stable word; see [`crate::transport`].
    pub reason: String,
}

/// One HTTP attempt, as it is kept.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// Which message was sent.
    pub message: MessageType,
    /// A stable word; see [`crate::transport`].
    pub outcome: String,
    /// The answer's status code, if there was an answer.
    pub status_code: Option<u16>,
    /// How long it took, in microseconds.
    pub latency_us: u64,
    /// The first 1 KiB of the answer's body.
    pub answer: Option<String>,
}

/// The id of the offer of `request` to `party` in `environment`, the `round`-th time.
#[must_use]
pub fn delivery_id(request: RequestId, party: &PartyId, environment: Environment, round: u16) -> DeliveryId {
    let mut hash = Sha256::new();
    hash.update(request.0.as_bytes());
    hash.update(party.as_str().as_bytes());
    hash.update([0]);
    hash.update(environment.as_str().as_bytes());
    hash.update(round.to_be_bytes());
    let digest = hash.finalize();
    let mut tail = [0; 10];
    tail.copy_from_slice(&digest[..10]);
    DeliveryId::new(request, tail)
}

/// The id of the message of this kind about this offer: derived, so it is the same on every attempt and replay.
#[must_use]
pub fn message_id(delivery: DeliveryId, kind: MessageType) -> MessageId {
    let mut hash = Sha256::new();
    hash.update(delivery.0);
    hash.update(kind.as_str().as_bytes());
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    MessageId(bytes)
}

impl Deadline {
    /// When something is to be done next.
    #[must_use]
    pub fn next(&self) -> Timestamp {
        self.remind_at.unwrap_or(self.expire_at)
    }
}

impl Outgoing {
    /// A message that is due now, by push or in the inbox.
    #[must_use]
    pub fn new(kind: MessageType, now: Timestamp) -> Self {
        Self {
            kind,
            created_at: now,
            attempts: 0,
            first_attempt_at: None,
            next_attempt_at: Some(now),
            available_at: now,
            leased: false,
            dead: None,
        }
    }

    /// Whether a lease holds it at `now`.
    #[must_use]
    pub fn is_leased(&self, now: Timestamp) -> bool {
        self.leased && self.available_at > now
    }

    /// Leaves it with the party until `until`: nobody else gets it, and no push is made meanwhile.
    pub fn lease(&mut self, until: Timestamp) {
        self.leased = true;
        self.available_at = until;
        if let Some(next) = &mut self.next_attempt_at {
            *next = (*next).max(until);
        }
    }

    /// Gives a lease back before its end.
    pub fn release(&mut self, now: Timestamp) {
        self.available_at = now;
        if self.dead.is_none() {
            self.next_attempt_at = Some(now);
        }
    }

    /// Starts the retry schedule anew, as a replay does; a lease that holds it is kept to.
    pub fn restart(&mut self, now: Timestamp) {
        let from = self.available_at.max(now);
        self.attempts = 0;
        self.first_attempt_at = None;
        self.next_attempt_at = Some(from);
        self.available_at = from;
        self.dead = None;
    }
}

impl Offer {
    /// A new offer whose first message is due now.
    #[must_use]
    pub fn new(request: RequestId, party: PartyId, environment: Environment, round: u16, now: Timestamp) -> Self {
        Self {
            delivery_id: delivery_id(request, &party, environment, round),
            party,
            environment,
            round,
            state: OfferState::Pending,
            created_at: now,
            changed_at: None,
            told: false,
            attempts: 0,
            noted: None,
            noted_bytes: 0,
            message: Some(Outgoing::new(MessageType::OfferCreated, now)),
            deadline: None,
            vacant: false,
        }
    }

    /// The message that it began with, as it was, to go out now.
    #[must_use]
    pub fn first_message(&self, now: Timestamp) -> Outgoing {
        Outgoing { created_at: self.created_at, ..Outgoing::new(MessageType::OfferCreated, now) }
    }

    /// What a message about it says, as its party gets it, pushed or leased; `detail` is the request's, JSON text.
    #[must_use]
    pub fn text(&self, message: &Outgoing, detail: &str, mapping: Option<&Mapping>) -> String {
        let (kind, made, id) = (message.kind, message.created_at, self.delivery_id);
        Mapping::message(mapping, render(kind, made, id, &self.party, self.environment, id.request(), detail))
    }

    /// Whether it was made to this party in this environment.
    #[must_use]
    pub fn is_to(&self, party: &PartyId, environment: Environment) -> bool {
        self.party == *party && self.environment == environment
    }

    /// Sets a clock, from when the offer was made.
    pub fn run_against(&mut self, clock: &AcceptanceClock) {
        let after = |seconds: u32| self.created_at.saturating_add(SignedDuration::from_secs(seconds.into()));
        let remind_at = clock.remind_after_seconds.and_then(|seconds| after(seconds).ok());
        self.deadline = after(clock.expire_after_seconds).ok().map(|expire_at| Deadline { remind_at, expire_at });
    }

    /// Whether its time is over, though its row may have to follow.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| deadline.expire_at <= now)
    }

    /// Leaves the message to somebody else, who tries to deliver it until `until` at most: it is due for no push of
    /// ours, and the inbox has it only after that time.
    pub fn hand_over(&mut self, until: Timestamp) {
        self.state = OfferState::Sent;
        self.told = true;
        if let Some(message) = &mut self.message {
            message.next_attempt_at = None;
            message.available_at = until;
        }
    }

    /// Takes the offer back; if the party may know of it, the withdrawal is the next message to it.
    pub fn withdraw(&mut self, now: Timestamp) {
        self.state = OfferState::Withdrawn;
        self.deadline = None;
        self.message = self.told.then(|| Outgoing::new(MessageType::OfferWithdrawn, now));
    }

    /// Its time is over: the request goes to others, and if the party may know of the offer it is told.
    pub fn expire(&mut self, now: Timestamp) {
        self.state = OfferState::Expired;
        self.deadline = None;
        self.vacant = true;
        self.message = self.told.then(|| Outgoing::new(MessageType::OfferExpired, now));
    }
}
