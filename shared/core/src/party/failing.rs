//! Nothing but failures has come of attempts for so long that something follows for the party.

use event_schema::{id::Environment, third_party::ThirdPartyChange};

use super::{EnvironmentSettings, Party, decision::Alteration, fields};
use crate::health::{Failing, Warning};

impl Failing {
    /// Whether a party's contact was told as much already, or nothing is pushed there anyway.
    #[must_use]
    pub fn is_told(&self, settings: &EnvironmentSettings) -> bool {
        settings.paused.is_some() || settings.failing.is_some_and(|told| told.warning >= self.warning)
    }

    /// Notes that its contact is told, and pauses it if it is time.
    pub(super) fn alter(self, party: &mut Party, environment: Environment) -> Alteration {
        let settings = party.environment_mut(environment);
        settings.failing = Some(self);
        let (kind, field) = match self.warning {
            Warning::First => (ThirdPartyChange::Changed, fields::FAILING),
            Warning::Half => (ThirdPartyChange::Changed, fields::STILL_FAILING),
            Warning::Pause => {
                settings.paused = Some(format!("nothing but failures since {:.0}", self.since));
                (ThirdPartyChange::Paused, "state")
            }
        };
        (kind, Some(environment), vec![field.to_owned()])
    }
}

/// An attempt has succeeded.
pub(super) fn recover(party: &mut Party, environment: Environment) -> Alteration {
    party.environment_mut(environment).failing = None;
    (ThirdPartyChange::Changed, Some(environment), vec![fields::RECOVERED.to_owned()])
}
