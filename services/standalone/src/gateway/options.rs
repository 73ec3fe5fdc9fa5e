//! What tests set and configuration does not.

use std::time::Duration;

use marketplace_core::health::HealthRules;
use platform_embedded::bus::Mischief;
use webhook_sender::SenderConfig;

/// What tests set and configuration does not.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Has the bus repeat and reorder.
    pub mischief: Option<Mischief>,
    /// How long an attempt may take.
    pub attempt_timeout: Duration,
    /// When an endpoint counts as broken.
    pub health: HealthRules,
}

impl Default for Options {
    fn default() -> Self {
        let attempt_timeout = SenderConfig::default().timeout;
        Self { mischief: None, attempt_timeout, health: HealthRules::default() }
    }
}
