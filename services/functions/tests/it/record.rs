//! The recorder: dead letters as EventBridge writes them, and records of its log.

use aws_lambda_events::cloudwatch_logs::{AwsLogs, LogData, LogEntry, LogsEvent};
use event_schema::{id::DeliveryId, names};
use functions::record::{self, Answer, Deps, Wake};
use marketplace_core::{
    lifecycle::OfferState,
    ports::{Clock as _, RequestStore as _},
};
use platform_aws::outbox::Row;
use platform_aws::table::{Query, Range};
use serde_json::{Value, json};

use crate::{
    payload::{attribute, event, failed, sqs_with},
    world::{World, push},
};

const RULE: &str = "arn:aws:events:eu-central-1:123456789012:rule/marketplace/marketplace-to-books-prod";

async fn world() -> World {
    let world = World::new().await;
    world.join("books", &push("https://books.example/", &json!({ "transport": "managed" }))).await;
    world
}

fn deps(world: &World) -> Deps {
    let parts = world.parts();
    Deps { store: parts.store_without_secrets(), clock: parts.clock }
}

fn delivery(delivery: DeliveryId) -> String {
    let detail = json!({
        "delivery_id": delivery, "3rdparty": "books", "environment": "prod", "message": { "type": "offer.created" },
    });
    event(names::SOURCE_ROUTER, names::DELIVERY, &detail)
}

fn why(code: &str, exhausted: Option<&str>, retries: &str) -> Value {
    let mut attributes = json!({
        "RULE_ARN": attribute(RULE),
        "TARGET_ARN": attribute("arn:aws:events:eu-central-1:123456789012:api-destination/marketplace-to-books-prod/1"),
        "ERROR_CODE": attribute(code),
        "ERROR_MESSAGE": attribute("the endpoint said: hunter2"),
        "RETRY_ATTEMPTS": attribute(retries),
    });
    if let Some(exhausted) = exhausted {
        attributes["EXHAUSTED_RETRY_CONDITION"] = attribute(exhausted);
    }
    attributes
}

/// Goes the way that Lambda's payload goes.
async fn dead(world: &World, messages: &[(&str, Value)]) -> Vec<String> {
    let batch = sqs_with(messages.iter().map(|(body, attributes)| (*body, attributes.clone())));
    let wake: Wake = serde_json::from_str(&serde_json::to_string(&batch).unwrap()).unwrap();
    match record::handle(wake, &deps(world)).await.unwrap() {
        Answer::DeadLetters(response) => failed(&response).into_iter().map(str::to_owned).collect(),
        Answer::BusLog(()) => panic!("these were dead letters"),
    }
}

#[tokio::test]
async fn what_eventbridge_gives_up_is_dead_with_its_reason() {
    let world = world().await;
    let reasons = [
        ("ERROR_FROM_TARGET", Some("MaximumRetryAttempts"), "185", "attempts_exhausted", 186, "refused_by_status"),
        ("TIMEOUT", Some("MaximumEventAgeInSeconds"), "40", "max_age_reached", 41, "timeout"),
        ("SDK_CLIENT_ERROR", None, "0", "status_not_retried", 1, "refused_by_status"),
        ("NO_PERMISSIONS", None, "0", "route_broken", 1, "connect_failed"),
        ("CONNECTION_FAILURE", None, "none", "route_broken", 1, "connect_failed"),
    ];
    for (code, exhausted, retries, reason, attempts, outcome) in reasons {
        let id = world.offered("books", true).await;
        let letter = (&*delivery(id), why(code, exhausted, retries));
        for _ in 0..2 {
            assert!(dead(&world, std::slice::from_ref(&letter)).await.is_empty(), "{code}");
        }
        let offer = world.offer(id).await;
        let message = offer.message.unwrap();
        assert_eq!((offer.state, offer.attempts), (OfferState::Failed, attempts), "{code}");
        assert_eq!(message.dead.unwrap().reason, reason);
        assert_eq!(message.available_at, world.clock.now(), "the inbox has it");
        let record = world.store.request(id.request(), true).await.unwrap().unwrap();
        let [(_, attempt)] = record.attempts.as_slice() else { panic!("{:?}", record.attempts) };
        assert_eq!((attempt.outcome.as_str(), attempt.answer.as_deref()), (outcome, None));
    }
}

#[tokio::test]
async fn what_is_no_delivery_fails_alone() {
    let world = world().await;
    let id = world.offered("books", true).await;
    let (good, why) = (delivery(id), why("TIMEOUT", None, "0"));
    let other = event(names::SOURCE_REGISTRY, names::THIRD_PARTY, &json!({}));
    let unknown = delivery(DeliveryId([7; 26]));
    let letters = [("no event", why.clone()), (&*good, why.clone()), (&*other, why.clone()), (&*unknown, why)];
    assert_eq!(dead(&world, &letters).await, ["message-0", "message-2", "message-3"]);
    assert_eq!(world.offer(id).await.state, OfferState::Failed);
}

/// What `CloudWatch` sends for these records (`CloudWatch` Logs User Guide, "Using subscription filters").
fn logged(world: &World, records: &[Value]) -> Value {
    let mut data = LogData::default();
    data.owner = "123456789012".to_owned();
    data.log_group = "/aws/vendedlogs/events/event-bus/marketplace".to_owned();
    data.message_type = "DATA_MESSAGE".to_owned();
    data.log_events = records.iter().map(|record| entry(world, record)).collect();
    let mut logs = AwsLogs::default();
    logs.data = data;
    let mut event = LogsEvent::default();
    event.aws_logs = logs;
    let mut event = serde_json::to_value(event).unwrap();
    // The crate leaves out the padding that CloudWatch writes.
    let mut packed = event["awslogs"]["data"].as_str().unwrap().to_owned();
    packed.extend(std::iter::repeat_n('=', packed.len().next_multiple_of(4) - packed.len()));
    event["awslogs"]["data"] = packed.into();
    event
}

fn entry(world: &World, record: &Value) -> LogEntry {
    let mut entry = LogEntry::default();
    entry.id = "31953106606966983378809025079804211143289615424298221568".to_owned();
    entry.timestamp = world.clock.now().as_millisecond();
    entry.message = record.to_string();
    entry
}

fn success(event_id: &str, rule: &str) -> Value {
    json!({
        "resource_arn": "arn:aws:events:eu-central-1:123456789012:event-bus/marketplace",
        "message_timestamp_ms": 1_763_750_000_000_u64,
        "event_bus_name": "marketplace",
        "request_id": "3a1b8a7e-1111-2222-3333-444455556666",
        "event_id": event_id,
        "invocation_id": "5f5b8a7e-1111-2222-3333-444455556666",
        "message_type": "INVOCATION_SUCCESS",
        "log_level": "INFO",
        "details": {
            "rule_arn": rule,
            "target_arn": "arn:aws:events:eu-central-1:123456789012:api-destination/marketplace-to-books-prod/1",
            "total_attempts": 3,
            "final_invocation_status": "SUCCESS",
            "target_duration_ms": 123,
        },
    })
}

async fn told(world: &World, logged: &Value) -> Result<(), String> {
    let wake: Wake = serde_json::from_str(&logged.to_string()).unwrap();
    assert!(logged["awslogs"]["data"].is_string(), "packed, as CloudWatch does");
    record::handle(wake, &deps(world)).await.map(drop).map_err(|error| error.to_string())
}

/// Puts a request's events on the bus; the id that the bus gave its delivery.
async fn published(world: &World, delivery: DeliveryId) -> String {
    let journal = Query::partition(format!("R#{}", delivery.request()), Range::Prefix("J#".to_owned()));
    let rows = world.parts().table.all(&journal).await.unwrap();
    let rows = rows.iter().filter_map(|row| Row::parse(row).unwrap()).collect();
    assert!(world.outbox().publish(rows).await.unwrap().is_empty());
    let events = world.cloud.events();
    let is_it = |entry: &&Value| entry["Detail"].as_str().unwrap().contains(&delivery.to_string());
    events.iter().find(is_it).unwrap()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_buss_log_is_evidence_of_what_arrived() {
    let world = world().await;
    let id = world.offered("books", true).await;
    let event_id = published(&world, id).await;
    let ours = "arn:aws:events:eu-central-1:123456789012:rule/marketplace/marketplace-Lake";
    told(&world, &logged(&world, &[success(&event_id, ours), json!("text")])).await.unwrap();
    assert_eq!(world.offer(id).await.state, OfferState::Sent, "our own rules prove nothing");
    for _ in 0..2 {
        told(&world, &logged(&world, &[success(&event_id, RULE)])).await.unwrap();
    }
    let offer = world.offer(id).await;
    assert_eq!((offer.state, offer.attempts), (OfferState::Delivered, 3));
    let record = world.store.request(id.request(), true).await.unwrap().unwrap();
    let [(_, attempt)] = record.attempts.as_slice() else { panic!("{:?}", record.attempts) };
    assert_eq!((attempt.outcome.as_str(), attempt.latency_us), ("delivered", 123_000));
}

#[tokio::test]
async fn a_record_that_comes_too_early_comes_again_and_a_strangers_does_not() {
    let world = world().await;
    let logged = logged(&world, &[success("not-known-yet", RULE)]);
    told(&world, &logged).await.unwrap_err();
    world.clock.pass(60);
    told(&world, &logged).await.unwrap();
}
