//! What a party has set in one of its environments.

use super::AcceptanceClock;
use crate::{delivery::DeliverySettings, pattern::Pattern};

/// What a party has set in one environment.
#[derive(Clone, Debug)]
pub struct EnvironmentSettings {
    /// Whether the party may use it. Parties that an operator made are open in every environment.
    pub open: bool,
    /// Why nothing is pushed here for now, if so.
    pub paused: Option<String>,
    /// Narrows the scope; none means addressed requests only.
    pub filter: Option<Pattern>,
    /// How offers get to it.
    pub delivery: DeliverySettings,
    /// Whether the managed transport has a route that is made of these settings ([`concerns_routes`](super::concerns_routes)).
    pub route: bool,
    /// How long the party may take to answer; none: as long as offers wait in its inbox.
    pub acceptance: Vec<AcceptanceClock>,
}

impl EnvironmentSettings {
    /// An environment that is open, with nothing set: addressed requests only, into the inbox.
    #[must_use]
    pub fn new() -> Self {
        Self {
            open: true,
            paused: None,
            filter: None,
            delivery: DeliverySettings::Poll,
            route: false,
            acceptance: Vec::new(),
        }
    }
}

impl Default for EnvironmentSettings {
    fn default() -> Self {
        Self::new()
    }
}
