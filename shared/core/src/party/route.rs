//! Whether EventBridge has a route to a party's endpoint, made of its present settings: only then are offers handed
//! over to it.
//!
//! A route is made after the settings were answered, and takes a while. What is on the bus before that, no rule
//! catches. So the mark [`EnvironmentSettings::route`](super::EnvironmentSettings::route) is set once the route is
//! there, and falls in the same commit as a change that makes another route necessary; until then we push.

use event_schema::{id::Environment, third_party::ThirdPartyChange};

use super::{Party, decision::Alteration};
use crate::delivery::DeliverySettings;

/// The name, in an event's `changed_fields`, of what routes are made of.
pub(super) const DELIVERY: &str = "delivery";

/// The name of whether an environment is open, which decides whether there is a route.
pub(super) const OPEN: &str = "open";

/// The name of a mapping. What EventBridge sends is part of the event, which has our names.
pub(super) const MAPPING: &str = "mapping";

/// Whether a change of these fields (none: of everything) makes another route necessary. Filters, keys and names do not.
#[must_use]
pub fn concerns_routes(change: ThirdPartyChange, fields: &[String]) -> bool {
    change != ThirdPartyChange::Changed
        || fields.is_empty()
        || fields.iter().any(|field| [DELIVERY, MAPPING, OPEN].contains(&&**field))
}

/// Sets the mark of an environment.
pub(super) fn mark(party: &mut Party, environment: Environment) -> Alteration {
    party.environment_mut(environment).route = true;
    (ThirdPartyChange::Changed, Some(environment), vec!["route".to_owned()])
}

/// Takes the marks of one environment, or of all.
pub(super) fn unmark(party: &mut Party, environment: Option<Environment>) {
    for each in Environment::ALL {
        if environment.is_none_or(|one| one == each) {
            party.environment_mut(each).route = false;
        }
    }
}

/// Whether a route that was made for these settings is news, and still what the party asks for. A party with a mapping of
/// fields is pushed to by us.
pub(super) fn is_wanted(party: &Party, environment: Environment, made_for: &DeliverySettings) -> bool {
    let settings = party.environment(environment);
    let mapped = settings.mapping.as_ref().is_some_and(|mapping| !mapping.fields.is_empty());
    !settings.route && !mapped && party.takes_pushes(environment) && settings.delivery == *made_for
}

#[cfg(test)]
mod tests {
    use event_schema::id::{KeyId, PartyId};
    use jiff::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::party::{ApiKey, Known, PartyCommand, PartyDecision, PartyPatch, PartyState};

    const PROD: Environment = Environment::Prod;

    fn id() -> PartyId {
        "books".parse().unwrap()
    }

    fn settings(url: &str) -> DeliverySettings {
        let push = json!({ "mode": "push", "url": url, "transport": "managed", "signed": false,
            "auth": { "type": "none" }, "max_age_hours": 24 });
        serde_json::from_value(push).unwrap()
    }

    fn decided(command: &PartyCommand, party: &Party) -> PartyDecision {
        let key = ApiKey::new(KeyId(Uuid::nil()), id(), PROD, [0; 32], Timestamp::UNIX_EPOCH);
        let known = Known { party: Some(party), keys: &[key] };
        command.decide(&id(), known, "test", Timestamp::UNIX_EPOCH).unwrap()
    }

    /// A party after these commands.
    fn after(commands: &[PartyCommand]) -> Party {
        let mut party = Party::new(id(), "Books".to_owned(), "books@example.com".to_owned(), Timestamp::UNIX_EPOCH);
        for command in commands {
            party = decided(command, &party).party;
        }
        party
    }

    fn wants(url: &str) -> PartyCommand {
        PartyCommand::SetDelivery(PROD, Box::new(settings(url)))
    }

    fn made(url: &str) -> PartyCommand {
        PartyCommand::RouteMade(PROD, Box::new(settings(url)))
    }

    fn state(state: PartyState, environment: Option<Environment>) -> PartyCommand {
        PartyCommand::Patch(PartyPatch { state: Some(state), environment, ..PartyPatch::default() })
    }

    fn opens(environment: Environment) -> PartyCommand {
        let open = PartyPatch { open: Some(true), environment: Some(environment), ..PartyPatch::default() };
        PartyCommand::Patch(open)
    }

    const A: &str = "https://a.example/";
    const B: &str = "https://b.example/";

    #[test]
    fn a_route_counts_only_for_the_settings_that_it_was_made_for() {
        assert!(!after(&[wants(A)]).environment(PROD).route);
        let routed = after(&[wants(A), made(A)]);
        assert!(routed.environment(PROD).route && !routed.environment(Environment::Test).route);
        assert!(!after(&[wants(A), wants(B), made(A)]).environment(PROD).route);
        assert!(!after(&[wants(A), PartyCommand::Pause(PROD, "holidays".to_owned()), made(A)]).environment(PROD).route);
        // Said again, it is no news: an hourly repair changes no party.
        assert!(decided(&made(A), &routed).fact.is_none());
    }

    #[test]
    fn the_mark_falls_with_every_change_that_makes_another_route_necessary_and_with_no_other() {
        let pause = || PartyCommand::Pause(PROD, "holidays".to_owned());
        let rename = PartyPatch { name: Some("Pens".to_owned()), ..PartyPatch::default() };
        let cases = [
            (wants(B), false),
            (wants(A), false),
            (pause(), false),
            (state(PartyState::Paused, None), false),
            (state(PartyState::Paused, Some(PROD)), false),
            (state(PartyState::Paused, Some(Environment::Test)), true),
            (state(PartyState::Active, None), false),
            (PartyCommand::Disable, false),
            (opens(PROD), false),
            (opens(Environment::Test), true),
            (PartyCommand::SetFilter(PROD, None), true),
            (PartyCommand::RevokeKey(KeyId(Uuid::nil())), true),
            (PartyCommand::Patch(rename), true),
        ];
        for (command, kept) in cases {
            let text = format!("{command:?}");
            let route = after(&[wants(A), made(A), command]).environment(PROD).route;
            assert_eq!(route, kept, "{text}");
        }
        let resumed = after(&[wants(A), made(A), pause(), state(PartyState::Active, Some(PROD))]);
        assert!(!resumed.environment(PROD).route, "its rule is off until it is made anew");
    }
}
