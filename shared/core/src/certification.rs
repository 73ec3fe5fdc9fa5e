//! A party shows in `test` that it can take offers, before `prod` opens: it is played a script of offers and faults, and
//! judged by what is recorded of each.
//!
//! A certification keeps nothing but when it began and how it ended: what was done and what came of it stands in the
//! requests that it made ([`Scene`]), so that who goes on with it, or does so twice, finds what there is. [`review`] is
//! the judge, and says what is to be done next; it is a function of those records and the time.

mod evidence;
mod judge;
mod records;
mod review;
mod step;

use event_schema::id::{CertificationId, DeliveryId, Environment, PartyId, RequestId, UserId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

pub use self::{
    records::plays,
    review::{Action, Plays, Review, review},
    step::{Report, Step, StepResult, Verdict},
};
use crate::{
    command::route::FIRST_ROUND,
    delivery::DeliverySettings,
    intake::{self, IntakeError, NewRequest},
    offer::delivery_id,
    party::{Party, PartyState},
};

/// Where it takes place.
pub const ENVIRONMENT: Environment = Environment::Test;

/// Whose requests those are.
pub const USER: &str = "certification";

/// What has not been shown by then has not been shown.
pub const LIMIT: SignedDuration = SignedDuration::from_secs(120);

/// How long a party is watched after something that it should not react to, or once at most.
pub const QUIET: SignedDuration = SignedDuration::from_secs(3);

/// How long after its limit somebody would have ended it: one that has not been is given up.
const LOST: SignedDuration = SignedDuration::from_mins(10);

/// One offer of the script.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scene {
    /// An offer like any other; once it is answered it is sent again, as though we had not heard that it arrived.
    Offered,
    /// An offer that arrives twice at once.
    Doubled,
    /// An offer that is taken back before it arrives: every answer to it is 409.
    Cancelled,
    /// An offer that is only told of with a signature by nobody's key.
    Forged,
}

impl Scene {
    /// Every scene.
    pub const ALL: [Self; 4] = [Self::Offered, Self::Doubled, Self::Cancelled, Self::Forged];
}

/// A party's certification, as it is kept with the party's settings.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Certification {
    /// Its id.
    pub id: CertificationId,
    /// When it began.
    pub began_at: Timestamp,
    /// Whether messages to the party are signed, so that it has to refuse those whose signature is wrong.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
    /// How it ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// How a certification ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// What was not shown; nothing, if it was passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// What a party has not shown, and why we think so.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Fault {
    /// Which step.
    pub step: Step,
    /// A sentence.
    pub reason: String,
}

/// Whether a certification is over, and how.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CertificationState {
    /// It is under way.
    Running,
    /// Everything was shown.
    Passed,
    /// Something was not.
    Failed,
}

/// A party's certification, if it is not over.
#[must_use]
pub fn under_way(party: &Party) -> Option<&Certification> {
    let run = party.environment(ENVIRONMENT).certification.as_deref();
    run.filter(|run| run.ended.is_none() && party.state != PartyState::Disabled)
}

impl Certification {
    /// One that begins now, for a party with these settings.
    #[must_use]
    pub fn new(id: CertificationId, party: &Party, now: Timestamp) -> Self {
        let signed = match &party.environment(ENVIRONMENT).delivery {
            DeliverySettings::Push(push) => push.signing.current().is_some(),
            DeliverySettings::Poll => false,
        };
        Self { id, began_at: now, signed, ended: None }
    }

    /// Whether it is over, and how.
    #[must_use]
    pub fn state(&self) -> CertificationState {
        match &self.ended {
            None => CertificationState::Running,
            Some(ended) if ended.faults.is_empty() => CertificationState::Passed,
            Some(_) => CertificationState::Failed,
        }
    }

    /// Whether it keeps another from beginning.
    #[must_use]
    pub fn is_under_way(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now.duration_since(self.began_at) < LIMIT + LOST
    }

    /// The request of one of its scenes; derived, so that a scene is played once.
    #[must_use]
    pub fn request(&self, scene: Scene) -> RequestId {
        let mut bytes = *self.id.0.as_bytes();
        // The last byte is random, and says nothing of time or version.
        bytes[15] ^= 1 + scene as u8;
        RequestId(Uuid::from_bytes(bytes))
    }

    /// Whether it made this request.
    #[must_use]
    pub fn made(&self, request: RequestId) -> bool {
        Scene::ALL.into_iter().any(|scene| self.request(scene) == request)
    }

    /// The offer of one of its scenes.
    #[must_use]
    pub fn delivery(&self, party: &PartyId, scene: Scene) -> DeliveryId {
        delivery_id(self.request(scene), party, ENVIRONMENT, FIRST_ROUND)
    }

    /// What is asked for in a scene: the same in each, so that nobody can tell which is which.
    ///
    /// # Errors
    /// None: it is a request as any.
    pub fn asks(&self, party: &PartyId) -> Result<NewRequest, IntakeError> {
        let user: UserId = USER.parse().map_err(|_| IntakeError::Malformed(USER.to_owned()))?;
        let body = json!({
            "environment": ENVIRONMENT, "third_party": party, "category": "certification", "amount": 10,
            "items": [{ "name": "Certification", "quantity": 1 }],
            "attributes": { "certification_id": self.id },
        });
        intake::from_api(body.to_string().as_bytes(), user)
    }
}

#[cfg(test)]
mod tests;
