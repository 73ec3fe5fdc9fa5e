//! A job that sends many of a party's offers again, a step at a time.

use event_schema::id::{Environment, PartyId, ReplayId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    lifecycle::{OfferState, state_at},
    ports::{OfferRecord, Window},
};

/// The states in which an offer can be chosen: whatever has been sent before, and has not ended.
pub const CHOOSABLE: [OfferState; 4] =
    [OfferState::Delivered, OfferState::InProgress, OfferState::Accepted, OfferState::Failed];

/// How long a job can be asked about.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Which of a party's offers are sent again.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Selection {
    /// Made at this time or later.
    pub since: Timestamp,
    /// And before this.
    pub until: Timestamp,
    /// In one of these states.
    pub states: Vec<OfferState>,
}

/// A job, and how far it has come.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ReplayJob {
    /// Its id.
    pub id: ReplayId,
    /// Whose offers.
    pub party: PartyId,
    /// In which environment.
    pub environment: Environment,
    /// Which of them.
    pub selection: Selection,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// How it went so far.
    pub progress: Progress,
}

/// How far a job has come.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Progress {
    /// Steps that were taken.
    pub steps: u64,
    /// Where the next step begins; none for the newest offer.
    pub cursor: Option<String>,
    /// Offers that were chosen.
    pub matched: u64,
    /// Those that were sent again.
    pub replayed: u64,
    /// Those that could not be.
    pub refused: u64,
    /// When all of them were seen to.
    pub finished_at: Option<Timestamp>,
}

/// What came of one step.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Step {
    /// Offers that were sent again.
    pub replayed: u64,
    /// Those that could not be.
    pub refused: u64,
}

impl Selection {
    /// When its offers were made.
    #[must_use]
    pub fn window(&self) -> Window {
        Window { from: self.since, to: self.until }
    }

    /// Whether it chooses an offer that was made then.
    #[must_use]
    pub fn chooses(&self, record: &OfferRecord, now: Timestamp) -> bool {
        self.states.contains(&state_at(&record.head, &record.offer, now))
    }
}

impl ReplayJob {
    /// Whether there may be more to do.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.progress.finished_at.is_none()
    }

    /// The job after a step, which goes on from `cursor` if it does.
    #[must_use]
    pub fn after(&self, step: Step, cursor: Option<String>, now: Timestamp) -> Self {
        let before = &self.progress;
        let progress = Progress {
            steps: before.steps + 1,
            matched: before.matched + step.replayed + step.refused,
            replayed: before.replayed + step.replayed,
            refused: before.refused + step.refused,
            finished_at: cursor.is_none().then_some(now),
            cursor,
        };
        Self { progress, ..self.clone() }
    }

    /// From when on it need not be known any more.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.started_at.checked_add(KEPT).unwrap_or(self.started_at)
    }
}
