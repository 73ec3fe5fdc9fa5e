//! What should exist on AWS for a route: decided from a party's settings alone, so that it can be tested without AWS.

use event_schema::names;
use marketplace_core::{
    delivery::{Auth, DeliverySettings, PushSettings},
    party::{Party, PartyState},
    retry,
    transport::Transport,
};
use serde_json::json;

use super::{
    buses::{self, Buses},
    route::Route,
};
use crate::outbox::HANDED_OVER;

/// Calls a second that an API destination makes unless the party wants fewer; AWS's quota for one destination.
const MAX_RATE: i32 = 300;

/// Everything that should exist for one route.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whose route it is.
    pub route: Route,
    /// The bus that has the rule.
    pub bus: u16,
    /// Whether the rule is on: a pause turns it off.
    pub enabled: bool,
    /// The rule's event pattern, JSON.
    pub pattern: String,
    /// The endpoint that the API destination calls.
    pub url: String,
    /// How many times a second it may be called.
    pub rate_per_second: i32,
    /// How EventBridge proves to the endpoint who it is.
    pub auth: Auth,
    /// The settings that all of this follows from.
    pub made_for: DeliverySettings,
    /// Changes whenever the credential does. AWS never tells a stored secret, so the connection's description carries
    /// this instead.
    pub credential_mark: String,
    /// How long an event is retried.
    pub max_age_seconds: i32,
    /// How often an event is retried.
    pub max_attempts: i32,
}

impl Plan {
    /// What a party's settings ask for; none unless offers are pushed there by the managed transport, at a rate that it
    /// can keep.
    ///
    /// `credential_mark` has to change whenever the credential does and must not give it away.
    #[must_use]
    pub fn of(party: &Party, route: &Route, credential_mark: &str, buses: Buses) -> Option<Self> {
        let settings = &party.environment(route.environment).delivery;
        let DeliverySettings::Push(push) = settings else {
            return None;
        };
        let wanted = push.transport == Transport::Managed && party.takes_offers(route.environment);
        rate(push).filter(|_| wanted).map(|rate_per_second| Self {
            route: route.clone(),
            bus: buses.of(route),
            enabled: party.state_in(route.environment) == PartyState::Active,
            pattern: pattern(route),
            url: push.url.to_string(),
            rate_per_second,
            auth: push.auth.clone(),
            made_for: settings.clone(),
            credential_mark: credential_mark.to_owned(),
            max_age_seconds: i32::try_from(push.max_age_hours.duration().as_secs()).unwrap_or(i32::MAX),
            max_attempts: i32::try_from(retry::MAX_ATTEMPTS).unwrap_or(i32::MAX),
        })
    }
}

/// Deliveries to this party and environment. Those of an archive's replay carry `replay-name`: what is played again
/// for our own consumers must not be sent to parties again.
fn pattern(route: &Route) -> String {
    json!({
        "source": [names::SOURCE_ROUTER],
        "detail-type": [names::DELIVERY],
        // Not what is replayed or was made while the route was closed: that we push.
        "resources": [HANDED_OVER],
        "detail": { "3rdparty": [route.party], "environment": [route.environment] },
        "replay-name": [{ "exists": false }],
    })
    .to_string()
}

/// What the main bus forwards to another: the deliveries whose publisher named that bus.
pub(super) fn forwarding_pattern(bus: u16) -> String {
    json!({
        "source": [names::SOURCE_ROUTER],
        "detail-type": [names::DELIVERY],
        "resources": [buses::name(bus)],
        "replay-name": [{ "exists": false }],
    })
    .to_string()
}

/// As an API destination counts: whole calls, from one to 300 a second. A party that wants another rate has no route; we
/// keep it.
#[expect(clippy::cast_possible_truncation, reason = "it is whole, and small")]
fn rate(push: &PushSettings) -> Option<i32> {
    let per_second = push.rate_limit_per_second.map_or(f64::from(MAX_RATE), |limit| limit.per_second());
    let is_kept = per_second.fract() == 0.0 && (1.0..=f64::from(MAX_RATE)).contains(&per_second);
    is_kept.then_some(per_second as i32)
}

#[cfg(test)]
mod tests {
    use event_schema::id::Environment;
    use marketplace_core::pattern::{Fields, Pattern};
    use serde_json::Value;

    use super::*;
    use crate::managed::tests::{party, push};

    fn route(party: &str, environment: Environment) -> Route {
        Route { party: party.parse().unwrap(), environment }
    }

    fn plan_of(delivery: &Value) -> Option<Plan> {
        let books = party("books", Environment::Prod, delivery);
        Plan::of(&books, &route("books", Environment::Prod), "m1", Buses::ONE)
    }

    #[test]
    fn only_managed_pushes_have_a_route() {
        assert!(plan_of(&json!({ "mode": "poll" })).is_none());
        assert!(plan_of(&push(&json!({ "transport": "direct" }))).is_none());
        assert!(plan_of(&push(&json!({}))).is_some());
        let mut books = party("books", Environment::Prod, &push(&json!({})));
        let prod = route("books", Environment::Prod);
        assert!(Plan::of(&books, &route("books", Environment::Dev), "m1", Buses::ONE).is_none(), "set for prod only");
        books.environments[0].paused = Some("410".into());
        assert!(!Plan::of(&books, &prod, "m1", Buses::ONE).unwrap().enabled, "paused");
        books.environments[0].open = false;
        assert!(Plan::of(&books, &prod, "m1", Buses::ONE).is_none(), "closed");
        books.environments[0].open = true;
        books.state = PartyState::Disabled;
        assert!(Plan::of(&books, &prod, "m1", Buses::ONE).is_none(), "disabled");
    }

    #[test]
    fn only_rates_that_a_destination_can_keep_have_a_route() {
        let rate = |settings: &Value| plan_of(&push(settings)).map(|plan| plan.rate_per_second);
        for kept in [1, 2, 300] {
            assert_eq!(rate(&json!({ "rate_limit_per_second": kept })), Some(kept));
        }
        for other in [0.01, 0.5, 1.9, 299.5, 301.0, 10_000.0] {
            assert_eq!(rate(&json!({ "rate_limit_per_second": other })), None, "{other}");
        }
        assert_eq!(rate(&json!({})), Some(300));
    }

    #[test]
    fn retries_end_when_the_party_says_and_at_the_latest_when_aws_does() {
        let plan = plan_of(&push(&json!({}))).unwrap();
        assert_eq!((plan.max_age_seconds, plan.max_attempts), (86_400, 185));
        assert_eq!(plan_of(&push(&json!({ "max_age_hours": 3 }))).unwrap().max_age_seconds, 10_800);
    }

    #[test]
    fn a_rule_takes_its_own_deliveries_only_and_none_twice() {
        let delivery = |party: &str, environment: &str| {
            json!({
                "source": "com.marketplace.router", "detail-type": "marketplace delivery",
                "resources": [HANDED_OVER, "marketplace-3"],
                "detail": { "3rdparty": party, "environment": environment },
            })
        };
        let replayed = |mut event: Value| {
            event["replay-name"] = "again".into();
            event
        };
        let takes = |pattern: &str, event: &Value| Pattern::parse(pattern).unwrap().matches(&Fields::new(event));
        let mine = pattern(&route("books", Environment::Prod));
        assert!(takes(&mine, &delivery("books", "prod")));
        assert!(!takes(&mine, &delivery("books", "test")));
        assert!(!takes(&mine, &delivery("books-2", "prod")));
        assert!(!takes(&mine, &replayed(delivery("books", "prod"))));
        let mut ours = delivery("books", "prod");
        ours["resources"] = json!([crate::outbox::DOORBELL]);
        assert!(!takes(&mine, &ours), "we push it");
        assert!(takes(&forwarding_pattern(3), &delivery("any", "dev")));
        assert!(!takes(&forwarding_pattern(2), &delivery("any", "dev")));
        assert!(!takes(&forwarding_pattern(3), &replayed(delivery("any", "dev"))));
    }
}
