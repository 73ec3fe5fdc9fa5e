//! Routes as AWS has them: made, put right, changed, moved and taken away, through whatever gets in between.

mod world;

use std::num::NonZeroU16;

use aws_sdk_eventbridge::types::{RuleState, Target};
use event_schema::id::Environment;
use jiff::Timestamp;
use marketplace_core::{
    delivery::resolve,
    party::{EnvironmentSettings, Party},
    signing::Seed,
};
use platform_base::randomness::OsRandomness;
use serde_json::{Value, json};

use self::world::Eventbridge;
use super::*;

/// Of keys that sign messages.
const SEED: Seed = Seed { bits: [7; 32], at: Timestamp::UNIX_EPOCH };

/// A party with these delivery settings in one environment.
pub(crate) fn party(id: &str, environment: Environment, delivery: &Value) -> Party {
    let mut environments: [EnvironmentSettings; 3] = Default::default();
    let input = serde_json::from_value(delivery.clone()).unwrap();
    environments[environment as usize].delivery = resolve(input, None, false, &SEED).unwrap();
    let new = Party::new(id.parse().unwrap(), id.to_owned(), "a@example.com".to_owned(), Timestamp::UNIX_EPOCH);
    Party { environments, ..new }
}

/// Pushes to an endpoint, with more settings.
pub(crate) fn push(more: &Value) -> Value {
    let mut settings = json!({ "mode": "push", "url": "https://books.example/hook", "auth": { "type": "none" } });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

const NAME: &str = "marketplace-to-books-prod";

fn route() -> Route {
    Route { party: "books".parse().unwrap(), environment: Environment::Prod }
}

fn managed(aws: &Eventbridge, buses: u16) -> Managed {
    let place = Place {
        role_arn: "arn:aws:iam::123456789012:role/push".to_owned(),
        dead_letters_arn: "arn:aws:sqs:eu-west-1:123456789012:dead".to_owned(),
        buses: Buses::new(NonZeroU16::new(buses).unwrap()),
    };
    Managed::new(aws.client(), place, Arc::new(OsRandomness::new().unwrap()))
}

fn plan(more: &Value, mark: &str, buses: u16) -> Plan {
    let books = party("books", Environment::Prod, &push(more));
    Plan::of(&books, &route(), mark, Buses::new(NonZeroU16::new(buses).unwrap())).unwrap()
}

async fn make(managed: &Managed, plan: &Plan) -> bool {
    managed.reconcile(&route(), Some(plan)).await.unwrap()
}

fn changes(aws: &Eventbridge) -> Vec<&'static str> {
    std::mem::take(&mut aws.look().changes)
}

fn target(aws: &Eventbridge, bus: &str) -> Target {
    let rule = aws.look().rules[&(bus.to_owned(), NAME.to_owned())].clone();
    assert_eq!(rule.targets.len(), 1, "{rule:?}");
    rule.targets[0].clone()
}

#[tokio::test(start_paused = true)]
async fn of_two_who_make_a_route_at_once_neither_fails() {
    let aws = Eventbridge::new();
    let (one, other) = (managed(&aws, 1), managed(&aws, 1));
    let plan = plan(&json!({}), "a", 1);
    let route = route();
    let (one, other) = futures::join!(one.reconcile(&route, Some(&plan)), other.reconcile(&route, Some(&plan)));
    assert!(one.unwrap() || other.unwrap());
    let created = changes(&aws).into_iter().filter(|change| *change == "create connection").count();
    assert!(created <= 1, "{created}");
    assert!(!make(&managed(&aws, 1), &plan).await, "all of it is there");
}

#[tokio::test(start_paused = true)]
async fn a_route_is_made_whole_and_then_left_alone() {
    let (aws, plan) = (Eventbridge::new(), plan(&json!({ "rate_limit_per_second": 5, "max_age_hours": 2 }), "m1", 1));
    let managed = managed(&aws, 1);
    assert!(make(&managed, &plan).await);
    assert_eq!(changes(&aws), ["create connection", "create destination", "put rule", "put target"]);
    assert!(!make(&managed, &plan).await, "there was nothing to do");
    assert_eq!(changes(&aws), [""; 0]);

    let destination = aws.look().destinations[NAME].clone();
    assert_eq!(destination.invocation_endpoint(), Some("https://books.example/hook"));
    assert_eq!(destination.invocation_rate_limit_per_second(), Some(5));
    let target = target(&aws, "marketplace");
    assert_eq!(target.arn(), destination.api_destination_arn().unwrap());
    assert_eq!(target.role_arn(), Some("arn:aws:iam::123456789012:role/push"));
    assert_eq!(target.input_path(), Some("$.detail.message"));
    let headers = target.http_parameters().unwrap().header_parameters().unwrap();
    assert_eq!(headers["webhook-id"], "$.detail.message_id");
    assert_eq!(headers["webhook-timestamp"], "$.detail.message_timestamp");
    let retry = target.retry_policy().unwrap();
    assert_eq!(retry.maximum_event_age_in_seconds(), Some(7_200));
    assert_eq!(retry.maximum_retry_attempts(), Some(185));
    assert_eq!(target.dead_letter_config().unwrap().arn(), Some("arn:aws:sqs:eu-west-1:123456789012:dead"));
}

#[tokio::test(start_paused = true)]
async fn every_way_to_prove_who_we_are_becomes_a_connection() {
    let aws = Eventbridge::new();
    let managed = managed(&aws, 1);
    let oauth = json!({
        "type": "oauth-client-credentials", "token_url": "https://id.example/token",
        "client_id": "market", "client_secret": "s3cret", "scope": "offers",
    });
    let ways = [
        (json!({ "type": "none" }), "marketplace"),
        (json!({ "type": "api-key", "name": "x-key", "value": "k3y" }), "k3y"),
        (json!({ "type": "basic", "username": "market", "password": "p4ss" }), "p4ss"),
        (oauth, "s3cret"),
    ];
    // From each to each, itself too.
    for (number, (from, _)) in ways.iter().enumerate() {
        for (to, secret) in &ways {
            make(&managed, &plan(&json!({ "auth": from }), &format!("m{number}"), 1)).await;
            changes(&aws);
            let plan = plan(&json!({ "auth": to }), "mark", 1);
            assert!(make(&managed, &plan).await);
            assert_eq!(changes(&aws), ["update connection"], "{from} to {to}");
            assert_eq!(aws.look().connections[NAME].secret, *secret);
            assert!(!make(&managed, &plan).await);
        }
    }
    let shown = aws.look().connections[NAME].shown.clone();
    let oauth = shown.auth_parameters().unwrap().o_auth_parameters().unwrap();
    let fields: Vec<_> =
        oauth.o_auth_http_parameters().unwrap().body_parameters().iter().map(|field| field.key()).collect();
    assert_eq!(fields, [Some("grant_type"), Some("scope")]);
}

#[tokio::test(start_paused = true)]
async fn what_a_token_is_asked_for_with_is_a_part_of_the_connection() {
    let aws = Eventbridge::new();
    let managed = managed(&aws, 1);
    let mut oauth = json!({
        "type": "oauth-client-credentials", "token_url": "https://id.example/token",
        "client_id": "market", "client_secret": "s3cret",
    });
    for (name, value) in [("scope", "a"), ("scope", "b"), ("client_id", "c"), ("token_url", "https://id.example/t")] {
        oauth[name] = value.into();
        let plan = plan(&json!({ "auth": oauth }), "m1", 1);
        assert!(make(&managed, &plan).await, "{name} {value}");
        assert!(!make(&managed, &plan).await);
    }
    assert_eq!(changes(&aws).iter().filter(|change| **change == "update connection").count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_settings_touches_only_what_it_concerns() {
    let aws = Eventbridge::new();
    let managed = managed(&aws, 1);
    let mut plan = plan(&json!({}), "m1", 1);
    make(&managed, &plan).await;
    let expect = async |plan: &Plan, expected: &[&'static str]| {
        changes(&aws);
        assert!(make(&managed, plan).await);
        assert_eq!(changes(&aws), expected);
    };
    plan.url = "https://books.example/other".to_owned();
    expect(&plan, &["update destination"]).await;
    plan.rate_per_second = 7;
    expect(&plan, &["update destination"]).await;
    plan.credential_mark = "m2".to_owned();
    expect(&plan, &["update connection"]).await;
    plan.max_age_seconds = 3_600;
    expect(&plan, &["put target"]).await;
    plan.enabled = false;
    expect(&plan, &["put rule"]).await;
    assert_eq!(aws.look().rules.values().next().unwrap().state, RuleState::Disabled);
    plan.enabled = true;
    expect(&plan, &["put rule"]).await;
}

/// What somebody does to it by hand.
type Mischief<'a> = &'a dyn Fn(&mut world::World);

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_by_hand_is_put_right() {
    let aws = Eventbridge::new();
    let (managed, plan) = (managed(&aws, 1), plan(&json!({}), "m1", 1));
    make(&managed, &plan).await;
    let was = target(&aws, "marketplace");
    let key = ("marketplace".to_owned(), NAME.to_owned());
    let mischief: [(&str, Mischief<'_>); 7] = [
        ("the connection is gone", &|world| drop(world.connections.remove(NAME))),
        ("the endpoint is another", &|world| {
            world.destinations.get_mut(NAME).unwrap().invocation_endpoint = Some("https://evil.example".to_owned());
        }),
        ("the destination is gone", &|world| drop(world.destinations.remove(NAME))),
        ("the rule takes everything", &|world| world.rules.get_mut(&key).unwrap().pattern = "{}".to_owned()),
        ("the rule is gone", &|world| drop(world.rules.remove(&key))),
        ("the target has no dead letters", &|world| {
            world.rules.get_mut(&key).unwrap().targets[0].dead_letter_config = None;
        }),
        ("there is a second target", &|world| {
            let stray = Target::builder().id("stray").arn("arn:aws:sqs:eu-west-1:1:stray").build().unwrap();
            world.rules.get_mut(&key).unwrap().targets.push(stray);
        }),
    ];
    for (what, mischief) in mischief {
        mischief(&mut aws.look());
        assert!(make(&managed, &plan).await, "{what}");
        assert!(!make(&managed, &plan).await, "{what}: it is right now");
        let (target, world) = (target(&aws, "marketplace"), aws.look());
        assert_eq!(world.rules[&key].pattern, plan.pattern, "{what}");
        let destination = &world.destinations[NAME];
        assert_eq!(destination.invocation_endpoint(), Some(plan.url.as_str()), "{what}");
        assert_eq!(destination.connection_arn(), world.connections[NAME].shown.connection_arn(), "{what}");
        assert_eq!(target.arn(), destination.api_destination_arn().unwrap(), "{what}");
        assert_eq!(target.dead_letter_config(), was.dead_letter_config(), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_is_removed_from_the_rule_on_and_only_once() {
    let (aws, plan) = (Eventbridge::new(), plan(&json!({}), "m1", 1));
    let managed = managed(&aws, 1);
    assert!(!managed.reconcile(&route(), None).await.unwrap(), "there was none");
    make(&managed, &plan).await;
    changes(&aws);
    assert!(managed.reconcile(&route(), None).await.unwrap());
    assert_eq!(changes(&aws), ["remove target", "delete rule", "delete destination", "delete connection"]);
    assert!(!managed.reconcile(&route(), None).await.unwrap());
    assert!(managed.existing().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_destination_waits_for_its_connection() {
    let (aws, plan) = (Eventbridge::new(), plan(&json!({}), "m1", 1));
    aws.look().looks = 5;
    make(&managed(&aws, 1), &plan).await;
    assert!(aws.look().destinations.contains_key(NAME));
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_make_no_destination_and_are_tried_again() {
    let (aws, plan) = (Eventbridge::new(), plan(&json!({}), "m1", 1));
    let managed = managed(&aws, 1);
    aws.look().refuses = true;
    let error = managed.reconcile(&route(), Some(&plan)).await.unwrap_err();
    assert!(matches!(&error, ManagedError::NotAuthorized { reason, .. } if reason == "invalid_client"), "{error:?}");
    assert!(aws.look().destinations.is_empty() && aws.look().rules.is_empty());
    aws.look().refuses = false;
    assert!(make(&managed, &plan).await);
    assert!(aws.look().destinations.contains_key(NAME));

    // One that never ends is given up in the end.
    aws.look().looks = usize::MAX;
    aws.look().connections.remove(NAME);
    let error = managed.reconcile(&route(), Some(&plan)).await.unwrap_err();
    assert!(matches!(error, ManagedError::NotAuthorized { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn throttling_and_colliding_are_waited_out_and_all_else_is_an_error() {
    let (aws, plan) = (Eventbridge::new(), plan(&json!({}), "m1", 1));
    for code in ["ThrottlingException", "ConcurrentModificationException", "InternalException"] {
        let managed = managed(&aws, 1);
        aws.look().faults = (5, code);
        assert!(make(&managed, &plan).await, "{code}");
        aws.look().faults = (5, code);
        assert!(managed.reconcile(&route(), None).await.unwrap(), "{code}");
    }
    for code in ["AccessDeniedException", "LimitExceededException"] {
        aws.look().faults = (1, code);
        let error = managed(&aws, 1).reconcile(&route(), Some(&plan)).await.unwrap_err();
        assert!(matches!(error, ManagedError::Refused { action: "describe a connection", .. }), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_keep_the_pace_of_the_account() {
    let aws = Eventbridge::new();
    let (managed, plan) = (Arc::new(managed(&aws, 1)), plan(&json!({}), "m1", 1));
    make(&managed, &plan).await;
    let started = tokio::time::Instant::now();
    let runs: Vec<_> = (0..10)
        .map(|_| {
            let (managed, plan) = (managed.clone(), plan.clone());
            tokio::spawn(async move { make(&managed, &plan).await })
        })
        .collect();
    for run in runs {
        assert!(!run.await.unwrap());
    }
    // Five calls each: connection twice, destination, rule, targets.
    let took = started.elapsed().as_millis();
    assert!((49 * 40..51 * 41).contains(&took), "{took} ms for 50 calls");
}

#[tokio::test(start_paused = true)]
async fn with_more_buses_a_route_moves_and_leaves_nothing_behind() {
    let aws = Eventbridge::new();
    make(&managed(&aws, 1), &plan(&json!({}), "m1", 1)).await;
    for count in 2..40 {
        let (managed, plan) = (managed(&aws, count), plan(&json!({}), "m1", count));
        make(&managed, &plan).await;
        assert!(!make(&managed, &plan).await, "{count}");
        let world = aws.look();
        let rules: Vec<_> = world.rules.keys().filter(|key| key.1 == NAME).collect();
        let bus = buses::name(plan.bus);
        assert_eq!(rules, [&(bus.clone(), NAME.to_owned())], "{count} buses");
        if plan.bus > 0 {
            let forward = &world.rules[&("marketplace".to_owned(), format!("marketplace-forward-{}", plan.bus))];
            assert!(forward.targets[0].arn().ends_with(&bus) && forward.pattern.contains(&bus));
        }
    }
    assert!(aws.look().buses.len() > 1, "it has moved");
    let last = managed(&aws, 39);
    assert_eq!(last.existing().await.unwrap(), BTreeSet::from([route()]));
    last.reconcile(&route(), None).await.unwrap();
    assert!(aws.look().rules.keys().all(|key| key.1 != NAME));
}

#[tokio::test(start_paused = true)]
async fn every_route_is_listed_and_nothing_else() {
    let aws = Eventbridge::new();
    let managed = managed(&aws, 1);
    let mut expected = BTreeSet::new();
    for id in ["books", "pens", "ink"] {
        for environment in [Environment::Prod, Environment::Dev] {
            let party = party(id, environment, &push(&json!({})));
            let route = Route { party: party.id.clone(), environment };
            let plan = Plan::of(&party, &route, "m", Buses::ONE).unwrap();
            managed.reconcile(&route, Some(&plan)).await.unwrap();
            expected.insert(route);
        }
    }
    // Half removed: the rule is gone, the rest is not.
    aws.look().rules.pop_first();
    let foreign = aws.look().connections[NAME].clone();
    aws.look().connections.insert("marketplace-to-nowhere".to_owned(), foreign);
    assert_eq!(managed.existing().await.unwrap(), expected);
}
