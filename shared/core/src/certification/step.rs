//! What a party has to show, and what is told of each.

use event_schema::id::{DeliveryId, PartyId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Certification, CertificationState, Scene};

/// One thing that a party has to show.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// It acknowledges an offer in time: 2xx within 5 s, or by the inbox.
    Acknowledges,
    /// It answers an offer with a legal status.
    Answers,
    /// What it has answered arrives again, as though its 2xx had been lost: it acknowledges that, too.
    Retry,
    /// An offer that arrives twice at once is one offer: it is not answered twice.
    Duplicate,
    /// It lives with 409: what is refused it does not post again and again.
    Conflict,
    /// It acknowledges that an offer is taken back.
    Withdrawn,
    /// It refuses a message whose signature is wrong with 4xx, and does not answer it.
    BadSignature,
}

impl Step {
    /// Every step, in the order of the report.
    pub const ALL: [Self; 7] = [
        Self::Acknowledges,
        Self::Answers,
        Self::Retry,
        Self::Duplicate,
        Self::Conflict,
        Self::Withdrawn,
        Self::BadSignature,
    ];

    /// The scene in which it is shown.
    #[must_use]
    pub fn scene(self) -> Scene {
        match self {
            Self::Acknowledges | Self::Answers | Self::Retry => Scene::Offered,
            Self::Duplicate => Scene::Doubled,
            Self::Conflict | Self::Withdrawn => Scene::Cancelled,
            Self::BadSignature => Scene::Forged,
        }
    }
}

/// What is known of a step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Nothing yet.
    Waiting,
    /// It was shown.
    Passed,
    /// It was not, for this reason.
    Failed(String),
    /// There is nothing to show, for this reason.
    Skipped(&'static str),
}

/// Why messages that are not signed are not forged.
pub(super) const UNSIGNED: &str = "messages to you are not signed";

/// A step as it is told.
#[derive(Clone, Debug, Serialize)]
pub struct StepResult {
    name: Step,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    delivery_id: DeliveryId,
}

/// A certification as it is told.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    certification_id: event_schema::id::CertificationId,
    state: CertificationState,
    began_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    steps: Vec<StepResult>,
}

impl Report {
    /// Of a certification with what is known of its steps; of those that are not named, nothing is.
    #[must_use]
    pub fn new(run: &Certification, party: &PartyId, known: &[(Step, Verdict)]) -> Self {
        let told = |step: Step| {
            let verdict = known.iter().find(|(one, _)| *one == step).map_or(Verdict::Waiting, |(_, it)| it.clone());
            let (result, reason) = match verdict {
                Verdict::Waiting => ("waiting", None),
                Verdict::Passed => ("passed", None),
                Verdict::Failed(reason) => ("failed", Some(reason)),
                Verdict::Skipped(reason) => ("skipped", Some(reason.to_owned())),
            };
            StepResult { name: step, result, reason, delivery_id: run.delivery(party, step.scene()) }
        };
        Self {
            certification_id: run.id,
            state: run.state(),
            began_at: run.began_at,
            ended_at: run.ended.as_ref().map(|ended| ended.at),
            steps: Step::ALL.into_iter().map(told).collect(),
        }
    }

    /// Of one that has ended: what is kept of it says all that there is to know.
    #[must_use]
    pub fn ended(run: &Certification, party: &PartyId) -> Self {
        let faults = run.ended.as_ref().map(|ended| &*ended.faults).unwrap_or_default();
        let known = Step::ALL.map(|step| {
            let fault = faults.iter().find(|fault| fault.step == step);
            let verdict = match fault {
                Some(fault) => Verdict::Failed(fault.reason.clone()),
                None if step == Step::BadSignature && !run.signed => Verdict::Skipped(UNSIGNED),
                None => Verdict::Passed,
            };
            (step, verdict)
        });
        Self::new(run, party, &known)
    }
}
