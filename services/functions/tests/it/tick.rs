//! The clock's ticks, and parties' changes.

use event_schema::{id::Environment, names};
use functions::{
    config::Ticks,
    doorbell::{AlarmRing, BacklogRing, Ring},
    tick::{self, Answer, Deps, Wake},
    wiring,
};
use marketplace_core::lifecycle::OfferState;
use platform_aws::managed::buses::Buses;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    payload::{event, failed, sqs},
    world::{World, id, push},
};

fn deps(world: &World) -> Deps {
    let config = Ticks {
        table: "marketplace".to_owned(),
        secrets_key: "alias/marketplace".to_owned(),
        buses: Buses::ONE,
        doorbell: "https://sqs.example/doorbell".to_owned(),
        managed_role: "arn:aws:iam::123456789012:role/managed".to_owned(),
        managed_dead_letters: "arn:aws:sqs:eu-central-1:123456789012:managed".to_owned(),
    };
    wiring::clock_of(world.parts(), &config).unwrap()
}

async fn ticks(world: &World, every: &str) {
    let wake: Wake = serde_json::from_value(json!({ "tick": every })).unwrap();
    tick::handle(wake, &deps(world)).await.unwrap();
}

#[tokio::test]
async fn every_minute_what_the_stream_and_the_doorbell_missed_is_done() {
    let world = World::new().await;
    world.join("books", &push("https://books.example/", &json!({}))).await;
    world.join("pens", &json!({ "mode": "poll" })).await;
    world.offered("books", false).await;
    world.offered("pens", false).await;
    ticks(&world, "minute").await;
    assert!(world.cloud.events().is_empty(), "too young to have been missed");
    world.clock.pass(31);
    world.offered("books", true).await;
    ticks(&world, "minute").await;
    assert_eq!(world.cloud.events().len(), 6, "two joined; two requests, and their offers");
    let [batch] = world.cloud.calls("AmazonSQS.SendMessageBatch").try_into().unwrap();
    let [entry] = batch["Entries"].as_array().unwrap().as_slice() else { panic!("{batch}") };
    let ring: Ring = serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap();
    let all = BacklogRing { third_party: id("books"), environment: Environment::Prod, lease: None };
    assert_eq!(ring, Ring::Backlog(all), "one for all that is due to a party");
}

#[tokio::test]
async fn every_minute_it_is_rung_for_the_clocks_of_offers() {
    let world = World::new().await;
    world.join("pens", &json!({ "mode": "poll" })).await;
    let soon = world.offered_against_a_clock("pens", 100).await;
    let late = world.offered_against_a_clock("pens", 1_000).await;
    let rung = async || {
        ticks(&world, "minute").await;
        let calls = world.cloud.calls("AmazonSQS.SendMessageBatch");
        let entries = calls.iter().flat_map(|call| call["Entries"].as_array().cloned().unwrap());
        let ring = |entry: Value| {
            let AlarmRing { alarm } = serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap();
            (alarm, entry["DelaySeconds"].as_i64().unwrap())
        };
        entries.map(ring).collect::<Vec<_>>()
    };
    assert!(rung().await.is_empty(), "the next sweep is early enough");
    world.clock.pass(60);
    assert_eq!(rung().await, [(soon, 40)]);
    world.clock.pass(60);
    assert_eq!(rung().await.last(), Some(&(soon, 0)), "missed, so now");
    world.clock.pass(879);
    assert!(rung().await.contains(&(late, 1)));
}

#[tokio::test]
async fn the_outbox_is_swept_although_the_bus_is_in_trouble() {
    let world = World::new().await;
    world.asked().await;
    world.clock.pass(31);
    world.cloud.refuses(Some(|_| true));
    ticks(&world, "minute").await;
    assert!(world.cloud.events().is_empty());
    world.cloud.refuses(None);
    ticks(&world, "minute").await;
    assert_eq!(world.cloud.events().len(), 1);
}

#[tokio::test]
async fn every_hour_offers_that_nobody_fetched_are_given_up() {
    let world = World::new().await;
    world.join("pens", &json!({ "mode": "poll" })).await;
    let old = world.offered("pens", false).await;
    world.clock.pass(14 * 24 * 3_600 - 60);
    let young = world.offered("pens", false).await;
    ticks(&world, "hour").await;
    assert_eq!(world.offer(old).await.state, OfferState::Pending);
    world.clock.pass(61);
    ticks(&world, "hour").await;
    assert_eq!(world.offer(old).await.state, OfferState::Expired);
    assert_eq!(world.offer(young).await.state, OfferState::Pending);
}

pub(crate) fn changed(third_party: &str, environment: Option<&str>, change: &str, fields: &[&str]) -> String {
    let mut detail = json!({
        "metadata": {
            "event_id": Uuid::from_u128(5), "version": 1, "sequence": 1, "correlation_id": "c",
            "environment": "prod", "occurred_at": "2026-11-21T18:43:48Z",
        },
        "3rdparty": third_party, "change": change, "changed_fields": fields,
    });
    if let Some(environment) = environment {
        detail["environment"] = json!(environment);
    }
    event(names::SOURCE_REGISTRY, names::THIRD_PARTY, &detail)
}

pub(crate) async fn changes(world: &World, bodies: &[&str]) -> Vec<String> {
    let batch = serde_json::to_value(sqs(bodies)).unwrap();
    match tick::handle(serde_json::from_value(batch).unwrap(), &deps(world)).await.unwrap() {
        Answer::Changes(response) => failed(&response).into_iter().map(str::to_owned).collect(),
        Answer::Tick(()) => panic!("these were changes"),
    }
}

#[tokio::test]
async fn a_change_looks_after_the_partys_routes_and_others_do_not() {
    let world = World::new().await;
    world.join("pens", &json!({ "mode": "poll" })).await;
    let (filter, keys) =
        (changed("pens", Some("test"), "changed", &["filter"]), changed("pens", None, "changed", &["keys"]));
    assert_eq!(changes(&world, &[&filter, "{}", &keys]).await, ["message-1"]);
    assert!(world.cloud.names().is_empty(), "{:?}", world.cloud.names());
    let delivery = changed("pens", Some("test"), "changed", &["delivery"]);
    assert!(changes(&world, &[&delivery]).await.is_empty());
    let asked = world.cloud.calls("AWSEvents.DescribeRule");
    let rules: Vec<&Value> = asked.iter().map(|call| &call["Name"]).collect();
    assert_eq!(rules, ["marketplace-to-pens-test"]);
    assert!(changes(&world, &[&changed("pens", None, "disabled", &[])]).await.is_empty());
    assert_eq!(world.cloud.calls("AWSEvents.DescribeRule").len(), 4, "its three environments");
}
