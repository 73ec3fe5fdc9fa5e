//! The life of an offer and of a request: one table of allowed moves, one rule that derives a request's status.
//!
//! Source of the rules: DESIGN section 5.

use std::fmt;

use event_schema::words::{AnswerStatus, Mode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{offer::Offer, request::Head};

/// Where an offer is in its life.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OfferState {
    /// Made; not known to have reached the party.
    Pending,
    /// Handed to `EventBridge`, no evidence of arrival yet (managed transport on AWS only).
    Sent,
    /// Answered with 2xx, or acknowledged from the inbox.
    Delivered,
    /// The party works on it.
    InProgress,
    /// The party will fulfil it.
    Accepted,
    /// The party has fulfilled it. An end.
    Completed,
    /// The party will not fulfil it. An end.
    Declined,
    /// Taken back: another party won, or the user cancelled. An end.
    Withdrawn,
    /// Nobody picked it up in time. An end.
    Expired,
    /// Its pushes failed for good (dead-lettered). An end that an answer, an acknowledgement or a replay undoes.
    Failed,
    /// The party had accepted it and gave it back. An end.
    Released,
}

impl OfferState {
    /// Every state, in the order in which they came to be known: files hold their places.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::Sent,
        Self::Delivered,
        Self::InProgress,
        Self::Accepted,
        Self::Completed,
        Self::Declined,
        Self::Withdrawn,
        Self::Expired,
        Self::Failed,
        Self::Released,
    ];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::InProgress => "in-progress",
            Self::Accepted => "accepted",
            Self::Completed => "completed",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Released => "released",
        }
    }

    /// Whether the offer still counts towards its request's status.
    #[must_use]
    pub fn is_live(self) -> bool {
        !matches!(self, Self::Declined | Self::Withdrawn | Self::Expired | Self::Failed | Self::Released)
    }

    /// Whether cancelling the request, or another party's winning it, takes the offer back.
    #[must_use]
    pub fn can_be_withdrawn(self) -> bool {
        match self {
            Self::Pending | Self::Sent | Self::Delivered | Self::InProgress | Self::Accepted | Self::Failed => true,
            Self::Completed | Self::Declined | Self::Withdrawn | Self::Expired | Self::Released => false,
        }
    }

    /// Whether the party has answered or never will (DESIGN section 5, "has reached its end").
    #[must_use]
    pub fn is_answered_or_ended(self) -> bool {
        !matches!(self, Self::Pending | Self::Sent | Self::Delivered)
    }
}

impl fmt::Display for OfferState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an answer does to an offer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Move {
    /// The offer takes this state.
    To(OfferState),
    /// Nothing changes; new details are appended as a note.
    Note,
    /// The answer is late or backward: 409.
    Refuse,
}

/// The table of allowed moves: what `answer` does to an offer that is in `state`.
#[must_use]
pub fn answer_move(state: OfferState, answer: AnswerStatus) -> Move {
    use AnswerStatus as Answer;
    use OfferState as State;
    match (state, answer) {
        (State::Pending | State::Sent | State::Delivered | State::Failed, answer) => Move::To(state_of(answer)),
        (State::InProgress, Answer::InProgress) => Move::Note,
        (State::InProgress, answer) => Move::To(state_of(answer)),
        (State::Accepted, Answer::InProgress | Answer::Accepted) => Move::Note,
        (State::Accepted, Answer::Completed) => Move::To(State::Completed),
        (State::Completed, Answer::Completed) | (State::Declined, Answer::Declined) => Move::Note,
        (State::Accepted | State::Completed | State::Declined, _)
        | (State::Withdrawn | State::Expired | State::Released, _) => Move::Refuse,
    }
}

/// The state that an answer puts an offer in.
#[must_use]
pub fn state_of(answer: AnswerStatus) -> OfferState {
    match answer {
        AnswerStatus::InProgress => OfferState::InProgress,
        AnswerStatus::Accepted => OfferState::Accepted,
        AnswerStatus::Declined => OfferState::Declined,
        AnswerStatus::Completed => OfferState::Completed,
    }
}

/// The state an offer is in for everybody who looks, even before its own row has followed its request's head.
///
/// A loser is `withdrawn` from the moment that another offer won, and stays it when the winner gives the request back:
/// it is offered again, then. Every open offer is from the moment that the request was cancelled.
#[must_use]
pub fn effective_state(head: &Head, offer: &Offer) -> OfferState {
    let lost = head.mode == Mode::FirstAccept
        && (offer.round <= head.closed || head.winner.is_some_and(|winner| winner != offer.delivery_id));
    if (lost || head.cancelled_at.is_some()) && offer.state.can_be_withdrawn() {
        OfferState::Withdrawn
    } else {
        offer.state
    }
}

/// The same at this time: an open offer is `expired` from the moment that its time is over.
#[must_use]
pub fn state_at(head: &Head, offer: &Offer, now: Timestamp) -> OfferState {
    match effective_state(head, offer) {
        state if state.can_be_withdrawn() && offer.is_overdue(now) => OfferState::Expired,
        state => state,
    }
}

/// What a request has come to, derived when it is read.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestStatus {
    /// Accepted from the user, not routed yet.
    New,
    /// Offered; nobody has answered yet.
    Offered,
    /// At least one party works on it.
    InProgress,
    /// At least one party will fulfil it.
    Accepted,
    /// Every live offer is fulfilled.
    Completed,
    /// Nobody is left who would.
    Declined,
    /// Every offer was dead-lettered.
    Failed,
    /// Its time is over.
    Expired,
    /// Nobody was eligible.
    Unmatched,
    /// Taken back by its user.
    Cancelled,
}

impl RequestStatus {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Offered => "offered",
            Self::InProgress => "in-progress",
            Self::Accepted => "accepted",
            Self::Completed => "completed",
            Self::Declined => "declined",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Unmatched => "unmatched",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for RequestStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The request's own status: the one rule (DESIGN section 5).
///
/// An offer that came back counts as `pending` until others have been offered the request in its place.
#[must_use]
pub fn request_status(head: &Head, offers: &[Offer]) -> RequestStatus {
    if head.cancelled_at.is_some() {
        return RequestStatus::Cancelled;
    }
    let Some(routed) = &head.routed else {
        return RequestStatus::New;
    };
    if routed.offers == 0 {
        return RequestStatus::Unmatched;
    }
    let states = || offers.iter().map(|offer| effective_state(head, offer));
    let in_place = offers.iter().any(|offer| offer.vacant).then_some(OfferState::Pending);
    let live = || states().filter(|state| state.is_live()).chain(in_place);
    if live().next().is_none() {
        return nobody_is_left(states);
    }
    if live().all(|state| state == OfferState::Completed) {
        RequestStatus::Completed
    } else if live().any(|state| matches!(state, OfferState::Accepted | OfferState::Completed)) {
        RequestStatus::Accepted
    } else if live().any(|state| state == OfferState::InProgress) {
        RequestStatus::InProgress
    } else {
        RequestStatus::Offered
    }
}

fn nobody_is_left<I: Iterator<Item = OfferState>>(states: impl Fn() -> I) -> RequestStatus {
    if states().all(|state| state == OfferState::Failed) {
        RequestStatus::Failed
    } else if states().any(|state| state == OfferState::Expired) {
        RequestStatus::Expired
    } else {
        RequestStatus::Declined
    }
}

/// Whether a request has reached its end: every offer answered or ended and none to be offered again, or nobody
/// eligible, or cancelled.
#[must_use]
pub fn has_reached_its_end(head: &Head, offers: &[Offer]) -> bool {
    head.cancelled_at.is_some()
        || head.routed.as_ref().is_some_and(|routed| {
            let is_over = |offer: &Offer| !offer.vacant && effective_state(head, offer).is_answered_or_ended();
            routed.offers == 0 || offers.iter().all(is_over)
        })
}
