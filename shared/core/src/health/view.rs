//! What a party sees of its endpoint's health.

use jiff::Timestamp;
use serde::Serialize;

/// Whether attempts are made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthState {
    /// As messages fall due.
    Closed,
    /// None: too many have failed.
    Open,
    /// One is being made, to find out whether the endpoint works again.
    HalfOpen,
}

/// An endpoint's health.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct HealthView {
    /// Whether attempts are made.
    pub state: HealthState,
    /// Since when nothing but failures has come of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// When the next one may be made, if they have stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_probe_at: Option<Timestamp>,
}
