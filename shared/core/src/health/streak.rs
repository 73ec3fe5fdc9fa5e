//! For how long nothing but failures has come of attempts, and what follows: warnings, and in the end a pause.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::HealthRules;
use crate::delivery::LimitFault;

/// Fewer failures than this are no reason to warn anybody, however far apart they are.
const LEAST: u32 = 5;

/// Failures with no success between them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Streak {
    /// When the first of them ended.
    pub since: Timestamp,
    failures: u32,
}

/// How bad it has become.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Warning {
    /// It has been failing for some time.
    First,
    /// Half the time is over after which it is paused.
    Half,
    /// It is paused.
    Pause,
}

/// What the contact of a party was warned of: it is failing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Failing {
    /// Since when.
    pub since: Timestamp,
    /// How bad it has become.
    pub warning: Warning,
}

impl Streak {
    pub(super) fn since(since: Timestamp) -> Self {
        Self { since, failures: 0 }
    }

    pub(super) fn add(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    pub(super) fn warning(self, now: Timestamp, pause_after: SignedDuration, rules: &HealthRules) -> Option<Failing> {
        if self.failures < LEAST {
            return None;
        }
        let failing = now.duration_since(self.since);
        let warning =
            [(Warning::Pause, pause_after), (Warning::Half, pause_after / 2), (Warning::First, rules.warn_after)]
                .into_iter()
                .find(|(_, after)| failing >= *after)?;
        Some(Failing { since: self.since, warning: warning.0 })
    }
}

/// After how many hours of nothing but failures an environment is paused: 1 to 720.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct PauseAfter(u16);

impl PauseAfter {
    /// The same as a length of time.
    #[must_use]
    pub fn duration(self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.0))
    }
}

impl TryFrom<i64> for PauseAfter {
    type Error = LimitFault;

    fn try_from(hours: i64) -> Result<Self, LimitFault> {
        u16::try_from(hours)
            .ok()
            .filter(|hours| (1..=720).contains(hours))
            .map(Self)
            .ok_or(LimitFault::new("must be a whole number of hours from 1 to 720"))
    }
}

impl From<PauseAfter> for i64 {
    fn from(after: PauseAfter) -> Self {
        Self::from(after.0)
    }
}
