//! The circuit breaker of one endpoint: closed, open, half-open.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Ended, HealthRules, HealthState};

/// Into how many parts the window is divided: one of them at a time falls out of it.
const PARTS: i64 = 6;

/// Whether attempts may be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admission {
    /// As many as there are.
    Attempts,
    /// One, to find out whether the endpoint works again.
    Probe,
    /// None before this time.
    Nothing(Timestamp),
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(super) enum Breaker {
    /// Attempts are made and counted.
    Closed {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        counts: Vec<Count>,
    },
    /// None is made until then; `waits` probes have failed.
    Open { until: Timestamp, waits: u32 },
    /// The probe is being made; after that time it is lost.
    HalfOpen { until: Timestamp, waits: u32 },
}

/// What came of the attempts in a part of the window.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Count {
    part: i64,
    all: u32,
    failed: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { counts: vec![] }
    }
}

impl Breaker {
    pub(super) fn admits(&self, now: Timestamp) -> Admission {
        match self {
            Self::Closed { .. } => Admission::Attempts,
            Self::Open { until, .. } | Self::HalfOpen { until, .. } if *until > now => Admission::Nothing(*until),
            Self::Open { .. } | Self::HalfOpen { .. } => Admission::Probe,
        }
    }

    pub(super) fn begin_probe(&mut self, now: Timestamp, rules: &HealthRules) {
        if let Self::Open { waits, .. } | Self::HalfOpen { waits, .. } = *self {
            *self = Self::HalfOpen { until: after(now, rules.probe), waits };
        }
    }

    /// While it is open or half-open only the probe counts: what else ends then began before.
    pub(super) fn record(&mut self, ended: &Ended, rules: &HealthRules) {
        match self {
            Self::Closed { counts } => {
                count(counts, ended, rules);
                if is_too_much(counts, rules) {
                    *self = open(0, ended, rules);
                }
            }
            Self::Open { .. } | Self::HalfOpen { .. } if !ended.probe => {}
            Self::Open { .. } | Self::HalfOpen { .. } if ended.well => *self = Self::default(),
            Self::Open { waits, .. } | Self::HalfOpen { waits, .. } => {
                *self = open(waits.saturating_add(1), ended, rules)
            }
        }
    }

    pub(super) fn is_shut(&self) -> bool {
        !matches!(self, Self::Closed { .. })
    }

    pub(super) fn is_untroubled(&self) -> bool {
        matches!(self, Self::Closed { counts } if counts.iter().all(|count| count.failed == 0))
    }

    pub(super) fn next_probe_at(&self) -> Option<Timestamp> {
        match self {
            Self::Closed { .. } => None,
            Self::Open { until, .. } | Self::HalfOpen { until, .. } => Some(*until),
        }
    }

    pub(super) fn state(&self) -> HealthState {
        match self {
            Self::Closed { .. } => HealthState::Closed,
            Self::Open { .. } => HealthState::Open,
            Self::HalfOpen { .. } => HealthState::HalfOpen,
        }
    }
}

/// Open for the first wait, doubled for each probe that failed, or for as long as the endpoint asked for; neither is
/// longer than the longest wait.
fn open(waits: u32, ended: &Ended, rules: &HealthRules) -> Breaker {
    let doubled = rules.first_wait.saturating_mul(1_i32.checked_shl(waits.min(30)).unwrap_or(i32::MAX));
    let latest = after(ended.at, rules.longest_wait);
    let until = after(ended.at, doubled).max(ended.not_before.unwrap_or(Timestamp::MIN)).min(latest);
    Breaker::Open { until, waits }
}

fn after(time: Timestamp, wait: SignedDuration) -> Timestamp {
    time.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

fn count(counts: &mut Vec<Count>, ended: &Ended, rules: &HealthRules) {
    let length = rules.window.as_millis().max(1) / i128::from(PARTS);
    let part = i64::try_from(i128::from(ended.at.as_millisecond()) / length.max(1)).unwrap_or(i64::MAX);
    counts.retain(|count| count.part > part - PARTS);
    let place = counts.iter().position(|count| count.part == part).unwrap_or_else(|| {
        counts.push(Count { part, all: 0, failed: 0 });
        counts.len() - 1
    });
    let count = &mut counts[place];
    count.all = count.all.saturating_add(1);
    count.failed = count.failed.saturating_add(u32::from(!ended.well));
}

fn is_too_much(counts: &[Count], rules: &HealthRules) -> bool {
    let sum = |number: fn(&Count) -> u32| counts.iter().map(|count| u64::from(number(count))).sum::<u64>();
    let (all, failed) = (sum(|count| count.all), sum(|count| count.failed));
    all >= u64::from(rules.least) && failed * 100 >= all * u64::from(rules.percent)
}
