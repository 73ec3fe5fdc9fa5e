//! What is done to leased offers.

use event_schema::id::Environment;
use marketplace_core::{
    lifecycle::OfferState,
    ports::{Clock, RequestStore},
};
use platform_base::clock::SystemClock;
use serde_json::{Value, json};

use crate::server::{Answer, Server};

fn results(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.body();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let results = body["results"].as_array().unwrap().iter();
    results.map(|result| (text(&result["delivery_id"]), text(&result["result"]))).collect()
}

fn words(answer: &Answer) -> Vec<String> {
    results(answer).into_iter().map(|(_, word)| word).collect()
}

async fn leased(server: &Server, key: &str) -> usize {
    server.post("/v1/inbox/lease", key, &json!({})).await.body()["offers"].as_array().unwrap().len()
}

#[tokio::test]
async fn an_acknowledged_offer_is_delivered_and_never_handed_out_again() {
    let server = Server::start();
    let key = server.party("books").await;
    let pens = server.party("pens").await;
    let (request, ids) = server.offered("all", &["books", "pens"]).await;
    assert_eq!(leased(&server, &key).await, 1);
    let named = json!({ "delivery_ids": ["nonsense", ids[0], ids[1], format!("dlv_{}", "0".repeat(52))] });
    let answer = server.post("/v1/inbox/ack", &key, &named).await;
    let expected: Vec<(String, String)> = named["delivery_ids"]
        .as_array()
        .unwrap()
        .iter()
        .zip(["unknown", "acknowledged", "unknown", "unknown"])
        .map(|(id, word)| (id.as_str().unwrap().to_owned(), word.to_owned()))
        .collect();
    assert_eq!(results(&answer), expected);
    assert_eq!(words(&server.post("/v1/inbox/ack", &key, &json!({ "delivery_ids": [ids[0]] })).await), ["already"]);
    let record = server.store.request(request, false).await.unwrap().unwrap();
    let states: Vec<_> = record.offers.iter().map(|offer| (offer.party.as_str(), offer.state)).collect();
    assert_eq!(states, [("books", OfferState::Delivered), ("pens", OfferState::Pending)]);
    assert_eq!((leased(&server, &key).await, leased(&server, &pens).await), (0, 1));
}

#[tokio::test]
async fn a_released_offer_is_handed_out_again_at_once() {
    let server = Server::start();
    let key = server.party("books").await;
    let (_, ids) = server.offered("all", &["books"]).await;
    let release = json!({ "delivery_ids": ids });
    assert_eq!(words(&server.post("/v1/inbox/release", &key, &release).await), ["already"], "it is not leased");
    assert_eq!((leased(&server, &key).await, leased(&server, &key).await), (1, 0));
    assert_eq!(words(&server.post("/v1/inbox/release", &key, &release).await), ["released"]);
    assert_eq!(leased(&server, &key).await, 1);
}

#[tokio::test]
async fn a_lease_is_extended_while_it_lasts() {
    let server = Server::start();
    let key = server.party("books").await;
    let (request, ids) = server.offered("all", &["books"]).await;
    let extend = json!({ "delivery_ids": ids, "lease_seconds": 3_600 });
    assert_eq!(words(&server.post("/v1/inbox/extend", &key, &extend).await), ["already"], "it is not leased");
    leased(&server, &key).await;
    assert_eq!(words(&server.post("/v1/inbox/extend", &key, &extend).await), ["extended"]);
    let record = server.store.request(request, false).await.unwrap().unwrap();
    let until = record.offers[0].message.as_ref().unwrap().available_at;
    assert!(until.duration_since(SystemClock.now()).as_secs() > 3_500, "{until}");
    for (body, pointer) in [
        (json!({ "delivery_ids": ids }), "/lease_seconds"),
        (json!({ "delivery_ids": ids, "lease_seconds": 9 }), "/lease_seconds"),
        (json!({ "lease_seconds": 10 }), "/delivery_ids"),
        (json!({ "delivery_ids": [7], "lease_seconds": 10 }), "/delivery_ids/0"),
    ] {
        assert_eq!(server.post("/v1/inbox/extend", &key, &body).await.pointers(), [pointer]);
    }
}

#[tokio::test]
async fn an_environment_has_its_own_inbox() {
    let server = Server::start();
    let key = server.party("books").await;
    let in_test = server.key("books", Environment::Test).await;
    let (_, ids) = server.offered("all", &["books"]).await;
    assert_eq!(leased(&server, &in_test).await, 0);
    assert_eq!(words(&server.post("/v1/inbox/ack", &in_test, &json!({ "delivery_ids": ids })).await), ["unknown"]);
    assert_eq!(leased(&server, &key).await, 1);
}

#[tokio::test]
async fn many_are_acknowledged_in_one_call_in_their_order() {
    let server = Server::start();
    let key = server.party("books").await;
    let mut ids = Vec::new();
    for _ in 0..250 {
        ids.extend(server.offered("all", &["books"]).await.1);
    }
    ids.reverse();
    let answer = server.post("/v1/inbox/ack", &key, &json!({ "delivery_ids": ids })).await;
    let expected: Vec<_> = ids.iter().map(|id| (id.to_string(), "acknowledged".to_owned())).collect();
    assert_eq!(results(&answer), expected);
    let too_many = vec!["x"; 1_001];
    let answer = server.post("/v1/inbox/ack", &key, &json!({ "delivery_ids": too_many })).await;
    assert_eq!(answer.pointers(), ["/delivery_ids"]);
}

#[tokio::test]
async fn an_acknowledgement_with_a_key_is_answered_again() {
    let server = Server::start();
    let key = server.party("books").await;
    let (_, ids) = server.offered("all", &["books"]).await;
    let body = json!({ "delivery_ids": ids }).to_string();
    let headers = [("x-api-key", key.as_str()), ("idempotency-key", "k")];
    let first = server.post_with("/v1/inbox/ack", &headers, &body).await;
    let second = server.post_with("/v1/inbox/ack", &headers, &body).await;
    assert_eq!((words(&first), first.text), (vec!["acknowledged".to_owned()], second.text));
    assert_eq!(server.post_with("/v1/inbox/ack", &headers, r#"{"delivery_ids":[]}"#).await.status, 422);
}
