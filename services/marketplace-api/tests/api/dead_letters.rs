//! Dead letters: listed, counted and given another run.

use event_schema::{
    id::{DeliveryId, Environment},
    words::MessageType,
};
use marketplace_core::{
    command::push::{Disposition, RecordAttempt},
    offer::Attempt,
    ports::{Clock, RequestStore, Urgency},
};
use platform_base::clock::SystemClock;
use serde_json::{Value, json};

use crate::server::{Credential, Server};

const OPERATOR: Credential = Credential::Operator;

async fn die(server: &Server, delivery_id: DeliveryId) {
    let at = SystemClock.now();
    let attempt = Attempt {
        at,
        message: MessageType::OfferCreated,
        outcome: "http-status".to_owned(),
        status_code: Some(404),
        latency_us: 1_500,
        answer: None,
    };
    let disposition = Disposition::Dead("http-404".to_owned());
    let command = RecordAttempt { delivery_id, attempt, disposition, at };
    server.store.apply(command, Urgency::Ours, None).await.unwrap();
}

/// A server with a dead letter of `books` and, later, one of `pens`.
async fn with_two() -> (Server, Vec<DeliveryId>) {
    let server = Server::start();
    server.party("books").await;
    server.party("pens").await;
    let request = server.request(&OPERATOR, &json!({})).await;
    let ids = server.offer(request, &["books", "pens"], Environment::Prod).await;
    for id in &ids {
        die(&server, *id).await;
    }
    (server, ids)
}

async fn replay(server: &Server, body: Value) -> u64 {
    let answer = server.post("/v1/dead-letters/replay", &OPERATOR, &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.body()["count"].as_u64().unwrap()
}

async fn listed(server: &Server, query: &str) -> Vec<String> {
    let list = server.get(&format!("/v1/dead-letters{query}"), &OPERATOR).await.body();
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["third_party"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn dead_letters_are_listed_newest_first() {
    let (server, ids) = with_two().await;
    let list = server.get("/v1/dead-letters", &OPERATOR).await.body();
    assert_eq!(list["items"][1]["delivery_id"], ids[0].to_string());
    assert_eq!(list["items"][1]["reason"], "http-404");
    assert_eq!(listed(&server, "").await, ["pens", "books"]);
    assert_eq!(listed(&server, "?third_party=books").await, ["books"]);
    assert_eq!(listed(&server, "?limit=1").await, ["pens"]);
    assert!(listed(&server, "?since=2100-01-01T00:00:00Z").await.is_empty());
    assert_eq!(server.get("/v1/dead-letters?since=yesterday", &OPERATOR).await.pointers(), ["/since"]);
    assert_eq!(server.get("/v1/dead-letters?third_party=X", &OPERATOR).await.pointers(), ["/third_party"]);
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let (server, ids) = with_two().await;
    assert_eq!(replay(&server, json!({ "dry_run": true })).await, 2);
    assert_eq!(replay(&server, json!({ "dry_run": true, "ids": [ids[0]] })).await, 1);
    assert_eq!(listed(&server, "").await.len(), 2);
}

#[tokio::test]
async fn a_replay_takes_exactly_what_is_selected() {
    let (server, ids) = with_two().await;
    assert_eq!(replay(&server, json!({ "third_party": "pens", "ids": [ids[0]] })).await, 0);
    assert_eq!(replay(&server, json!({ "since": "2100-01-01T00:00:00Z" })).await, 0);
    let unknown = format!("dlv_{}", "0".repeat(52));
    assert_eq!(replay(&server, json!({ "ids": [ids[0], ids[0], unknown] })).await, 1);
    assert_eq!(listed(&server, "").await, ["pens"]);
    assert_eq!(replay(&server, json!({ "third_party": "pens" })).await, 1);
    assert_eq!(replay(&server, json!({})).await, 0);
    let answer = server.post("/v1/dead-letters/replay", &OPERATOR, &Value::Null).await;
    assert_eq!(answer.status, 400);
}
