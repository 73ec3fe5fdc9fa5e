//! What an operator changes of a party.

use event_schema::{id::Environment, third_party::ThirdPartyChange};

use super::{
    AcceptanceClock, EnvironmentSettings, Party, PartyState, decision::Alteration, pause::OPERATOR,
    refusals::unapproved, route::OPEN,
};
use crate::{command::Refusal, pattern::Pattern};

/// An operator's change to a party: what is given changes.
#[derive(Clone, Debug, Default)]
pub struct PartyPatch {
    /// A new name.
    pub name: Option<String>,
    /// A new contact.
    pub contact_email: Option<String>,
    /// A new scope; `Some(None)` lifts it.
    pub scope: Option<Option<Pattern>>,
    /// A new state, of the whole party or of one environment.
    pub state: Option<PartyState>,
    /// Opens the environment to it, or closes it.
    pub open: Option<bool>,
    /// New clocks, in place of all that there are.
    pub acceptance: Option<Vec<AcceptanceClock>>,
    /// Restricts `state` and `acceptance` to one environment; `open` is always about one.
    pub environment: Option<Environment>,
}

impl PartyPatch {
    /// Whether it may be made of this party: who has signed up takes part by being approved, and not by being resumed.
    ///
    /// # Errors
    /// [`Refusal::State`] when it is no such party.
    pub(super) fn admit(&self, party: &Party) -> Result<(), Refusal> {
        let takes_part = !matches!(party.state, PartyState::Unconfirmed | PartyState::Pending);
        let only_disables = self.state.is_none_or(|state| state == PartyState::Disabled);
        if takes_part || only_disables { Ok(()) } else { Err(unapproved(party.state)) }
    }

    pub(super) fn alter(&self, party: &mut Party) -> Alteration {
        let mut fields = Vec::new();
        if let Some(name) = &self.name {
            party.name.clone_from(name);
            fields.push("name".to_owned());
        }
        if let Some(contact) = &self.contact_email {
            party.contact_email.clone_from(contact);
            fields.push("contact_email".to_owned());
        }
        if let Some(scope) = &self.scope {
            party.scope.clone_from(scope);
            fields.push("scope".to_owned());
        }
        if let (Some(open), Some(environment)) = (self.open, self.environment) {
            let settings = party.environment_mut(environment);
            (settings.open, settings.shut) = (open, !open);
            fields.push(OPEN.to_owned());
        }
        if let Some(acceptance) = &self.acceptance {
            let wanted = |environment: &Environment| self.environment.is_none_or(|only| only == *environment);
            for environment in Environment::ALL.into_iter().filter(wanted) {
                party.environment_mut(environment).acceptance.clone_from(acceptance);
            }
            fields.push("acceptance".to_owned());
        }
        let kind = self.state.map_or(ThirdPartyChange::Changed, |state| self.set_state(party, state, &mut fields));
        (kind, self.environment, fields)
    }

    fn set_state(&self, party: &mut Party, state: PartyState, fields: &mut Vec<String>) -> ThirdPartyChange {
        fields.push("state".to_owned());
        match (state, self.environment) {
            (PartyState::Paused, Some(environment)) => {
                party.environment_mut(environment).paused = Some(OPERATOR.to_owned());
                ThirdPartyChange::Paused
            }
            (PartyState::Active, Some(environment)) => {
                party.environment_mut(environment).resume();
                ThirdPartyChange::Resumed
            }
            (PartyState::Active, None) => {
                party.state = PartyState::Active;
                party.environments.iter_mut().for_each(EnvironmentSettings::resume);
                ThirdPartyChange::Resumed
            }
            (PartyState::Paused, None) => {
                party.state = PartyState::Paused;
                ThirdPartyChange::Paused
            }
            // The last two are no wishes: nobody can ask for them.
            (PartyState::Disabled | PartyState::Unconfirmed | PartyState::Pending, _) => {
                party.state = PartyState::Disabled;
                ThirdPartyChange::Disabled
            }
        }
    }
}
