//! The two numbers of a party's delivery settings, with their bounds.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// A number outside its bounds; the text says which ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct LimitFault(&'static str);

impl LimitFault {
    pub(crate) fn new(text: &'static str) -> Self {
        Self(text)
    }
}

/// How many hours after its first attempt a message is given up: 1 to 24 (EventBridge's maximum).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct MaxAge(u8);

impl MaxAge {
    /// The longest, and the default.
    pub const DAY: Self = Self(24);

    /// The same as a length of time.
    #[must_use]
    pub fn duration(self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.0))
    }
}

impl Default for MaxAge {
    fn default() -> Self {
        Self::DAY
    }
}

impl TryFrom<i64> for MaxAge {
    type Error = LimitFault;

    fn try_from(hours: i64) -> Result<Self, LimitFault> {
        u8::try_from(hours)
            .ok()
            .filter(|hours| (1..=24).contains(hours))
            .map(Self)
            .ok_or(LimitFault("must be a whole number of hours from 1 to 24"))
    }
}

impl From<MaxAge> for i64 {
    fn from(age: MaxAge) -> Self {
        Self::from(age.0)
    }
}

/// How many attempts a second an endpoint wants at most: 0.01 (one in 100 s) to 10,000.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct RateLimit(f64);

impl RateLimit {
    /// What holds on AWS while the party has set none (DESIGN section 6).
    pub const UNSET_ON_AWS: Self = Self(300.0);

    /// Attempts a second; finite and positive.
    #[must_use]
    pub fn per_second(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for RateLimit {
    type Error = LimitFault;

    fn try_from(per_second: f64) -> Result<Self, LimitFault> {
        if (0.01..=10_000.0).contains(&per_second) {
            Ok(Self(per_second))
        } else {
            Err(LimitFault("must be a number from 0.01 to 10000"))
        }
    }
}

impl From<RateLimit> for f64 {
    fn from(limit: RateLimit) -> Self {
        limit.0
    }
}
