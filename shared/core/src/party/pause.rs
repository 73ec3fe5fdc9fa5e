//! Pushes to one environment stop and go on again: at the party's word, at its endpoint's (410), or at an operator's.

use event_schema::id::Environment;

use super::Party;
use crate::command::Refusal;

/// The reason of an operator's pause, which only an operator ends.
pub(super) const OPERATOR: &str = "operator";

/// The reason of a pause that an endpoint asked for.
pub const GONE: &str = "the endpoint answered 410";

/// The longest reason that a party gives for its own pause, in characters.
pub const LONGEST_REASON: usize = 200;

/// The reason of a pause that the party asked for itself, with what it said about it.
#[must_use]
pub fn own_reason(said: Option<&str>) -> String {
    said.map_or_else(|| "party".to_owned(), |said| format!("party: {said}"))
}

/// Whether the party may have pushes go on in this environment.
///
/// # Errors
/// [`Refusal::State`] when an operator paused it.
pub(super) fn may_resume(party: &Party, environment: Environment) -> Result<(), Refusal> {
    if party.environment(environment).paused.as_deref() == Some(OPERATOR) {
        let detail = "an operator paused this environment, and only an operator resumes it".to_owned();
        return Err(Refusal::State { current_status: "paused", detail });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use event_schema::{id::PartyId, third_party::ThirdPartyChange};
    use jiff::Timestamp;

    use super::*;
    use crate::{
        fact::Fact,
        party::{Known, PartyCommand, PartyDecision, PartyPatch, PartyState},
    };

    const PROD: Environment = Environment::Prod;

    fn party() -> Party {
        let id: PartyId = "books".parse().unwrap();
        Party::new(id, "Books".to_owned(), "books@example.com".to_owned(), Timestamp::UNIX_EPOCH)
    }

    fn decided(party: &Party, command: &PartyCommand) -> Result<PartyDecision, Refusal> {
        command.decide(&party.id, Known { party: Some(party), keys: &[] }, "test", Timestamp::UNIX_EPOCH)
    }

    fn change(decision: &PartyDecision) -> Option<ThirdPartyChange> {
        match &decision.fact {
            Some(Fact::PartyChanged { change, fields, .. }) => {
                assert!(fields.iter().all(|field| field == "state"), "no words of anybody are told: {fields:?}");
                Some(*change)
            }
            _ => None,
        }
    }

    #[test]
    fn a_pause_is_told_once_and_so_is_its_end() {
        let (pause, resume) = (PartyCommand::Pause(PROD, own_reason(Some("stocktaking"))), PartyCommand::Resume(PROD));
        let paused = decided(&party(), &pause).unwrap();
        assert_eq!(change(&paused), Some(ThirdPartyChange::Paused));
        assert_eq!(paused.party.environment(PROD).paused.as_deref(), Some("party: stocktaking"));
        assert_eq!(paused.party.state_in(Environment::Test), PartyState::Active);
        assert_eq!(change(&decided(&paused.party, &pause).unwrap()), None);
        let resumed = decided(&paused.party, &resume).unwrap();
        assert_eq!(
            (change(&resumed), resumed.party.environment(PROD).paused.as_deref()),
            (Some(ThirdPartyChange::Resumed), None)
        );
        assert_eq!(change(&decided(&resumed.party, &resume).unwrap()), None);
    }

    #[test]
    fn only_an_operator_ends_an_operators_pause() {
        let state = |state| {
            PartyCommand::Patch(PartyPatch { state: Some(state), environment: Some(PROD), ..PartyPatch::default() })
        };
        let paused = decided(&party(), &state(PartyState::Paused)).unwrap().party;
        let refused = decided(&paused, &PartyCommand::Resume(PROD));
        assert!(matches!(refused, Err(Refusal::State { current_status: "paused", .. })), "{refused:?}");
        assert!(decided(&paused, &PartyCommand::Resume(Environment::Dev)).is_ok());
        let resumed = decided(&paused, &state(PartyState::Active)).unwrap().party;
        assert_eq!(resumed.state_in(PROD), PartyState::Active);
        // What a party says cannot be taken for an operator's word.
        assert_ne!(own_reason(Some(OPERATOR)), OPERATOR);
    }

    #[test]
    fn an_environment_that_is_closed_is_offered_nothing() {
        let open = |open| {
            PartyCommand::Patch(PartyPatch { open: Some(open), environment: Some(PROD), ..PartyPatch::default() })
        };
        let closed = decided(&party(), &open(false)).unwrap();
        assert!(matches!(&closed.fact, Some(Fact::PartyChanged { fields, .. }) if fields == &["open"]));
        assert!(!closed.party.takes_offers(PROD) && !closed.party.takes_pushes(PROD));
        assert!(closed.party.takes_offers(Environment::Test));
        assert!(decided(&closed.party, &open(true)).unwrap().party.takes_offers(PROD));
    }
}
