//! Leasing: at once, after a wait, and not at all.

use std::time::{Duration, Instant};

use marketplace_core::{
    command::inbox::{InboxAction, UseInbox},
    ports::{Clock, RequestStore, Urgency},
};
use platform_base::clock::SystemClock;
use serde_json::{Value, json};

use crate::server::{Answer, Server};

const LEASE: &str = "/v1/inbox/lease";

fn offers(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body()["offers"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_lease_hands_out_the_message_that_a_push_would_send() {
    let server = Server::start();
    let key = server.party("books").await;
    let (request, ids) = server.offered("all", &["books"]).await;
    let before = SystemClock.now();
    // No body at all is every default.
    let answer = server.post_with(LEASE, &[("x-api-key", &key)], "").await;
    let leased = offers(&answer);
    assert_eq!(leased.len(), 1);
    assert_eq!(leased[0]["delivery_id"], ids[0].to_string());
    let expires: jiff::Timestamp = leased[0]["lease_expires_at"].as_str().unwrap().parse().unwrap();
    assert!((59..=61).contains(&expires.duration_since(before).as_secs()), "{expires}");
    let message = &leased[0]["message"];
    assert_eq!(message["type"], "offer.created");
    assert_eq!(message["data"]["delivery_id"], ids[0].to_string());
    assert_eq!(message["data"]["third_party"], "books");
    assert_eq!(message["data"]["environment"], "prod");
    assert_eq!(message["data"]["request"]["id"], request.to_string());
    assert_eq!(message["data"]["request"]["category"], "books");
    // Nobody gets it a second time while it is leased.
    assert!(offers(&server.post(LEASE, &key, &json!({})).await).is_empty());
}

#[tokio::test]
async fn a_lease_takes_the_oldest_and_says_when_to_come_back() {
    let server = Server::start();
    let key = server.party("books").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.extend(server.offered("all", &["books"]).await.1);
    }
    let answer = server.post(LEASE, &key, &json!({ "max": 2 })).await;
    let leased: Vec<_> =
        offers(&answer).iter().map(|offer| offer["delivery_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(leased, [ids[0].to_string(), ids[1].to_string()]);
    assert_eq!(answer.body()["next_poll_after_seconds"], 0, "there may be more");
    let answer = server.post(LEASE, &key, &json!({ "max": 2 })).await;
    assert_eq!((offers(&answer).len(), &answer.body()["next_poll_after_seconds"]), (1, &json!(1)));
    let answer = server.post(LEASE, &key, &json!({ "max": 2 })).await;
    assert_eq!((offers(&answer).len(), &answer.body()["next_poll_after_seconds"]), (0, &json!(5)));
}

#[tokio::test]
async fn who_waits_gets_what_comes_as_soon_as_it_comes() {
    let server = Server::start();
    let key = server.party("books").await;
    let mut fastest = Duration::MAX;
    for _ in 0..10 {
        let body = json!({ "wait_seconds": 20 });
        let waiting = async {
            let answer = server.post(LEASE, &key, &body).await;
            (answer, Instant::now())
        };
        let coming = async {
            tokio::task::yield_now().await;
            let (_, ids) = server.offered("all", &["books"]).await;
            (ids, Instant::now())
        };
        let ((answer, answered), (ids, came)) = tokio::join!(waiting, coming);
        assert_eq!(offers(&answer)[0]["delivery_id"], ids[0].to_string());
        fastest = fastest.min(answered.saturating_duration_since(came));
    }
    // It was woken: who only looks again from time to time takes up to half a second.
    assert!(fastest < Duration::from_millis(250), "{fastest:?}");
}

#[tokio::test]
async fn who_waits_in_vain_is_answered_in_time() {
    let server = Server::start();
    let key = server.party("books").await;
    let began = Instant::now();
    let answer = server.post(LEASE, &key, &json!({ "wait_seconds": 1 })).await;
    assert_eq!((offers(&answer).len(), &answer.body()["next_poll_after_seconds"]), (0, &json!(1)));
    let took = began.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(5)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_server_may_let_nobody_wait() {
    let server = Server::start_with(Duration::ZERO);
    let key = server.party("books").await;
    let began = Instant::now();
    assert!(offers(&server.post(LEASE, &key, &json!({ "wait_seconds": 20 })).await).is_empty());
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_server_that_stops_answers_who_waits() {
    let server = Server::start();
    let key = server.party("books").await;
    let began = Instant::now();
    let body = json!({ "wait_seconds": 20 });
    let stop = async {
        tokio::task::yield_now().await;
        server.closing.send(true).unwrap();
    };
    let (answer, ()) = tokio::join!(server.post(LEASE, &key, &body), stop);
    assert!(offers(&answer).is_empty());
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn who_hangs_up_while_waiting_has_leased_nothing() {
    let server = Server::start();
    let key = server.party("books").await;
    let body = json!({ "wait_seconds": 20 });
    let waiting = server.post(LEASE, &key, &body);
    assert!(tokio::time::timeout(Duration::from_millis(50), waiting).await.is_err());
    server.offered("all", &["books"]).await;
    assert_eq!(offers(&server.post(LEASE, &key, &json!({})).await).len(), 1);
}

#[tokio::test]
async fn a_lease_that_ran_out_is_handed_out_again() {
    let server = Server::start();
    let key = server.party("books").await;
    let (_, ids) = server.offered("all", &["books"]).await;
    assert_eq!(offers(&server.post(LEASE, &key, &json!({})).await).len(), 1);
    // As if the minute were nearly over.
    let now = SystemClock.now();
    let soon = now + jiff::SignedDuration::from_millis(300);
    let command = UseInbox {
        delivery_id: ids[0],
        party: "books".parse().unwrap(),
        environment: event_schema::id::Environment::Prod,
        action: InboxAction::Extend(soon),
        at: now,
    };
    server.store.apply(command, Urgency::Ours, None).await.unwrap();
    let answer = server.post(LEASE, &key, &json!({ "wait_seconds": 20 })).await;
    assert_eq!(offers(&answer)[0]["delivery_id"], ids[0].to_string());
    // An acknowledgement after the end of the first lease still counts.
    let acknowledged = server.post("/v1/inbox/ack", &key, &json!({ "delivery_ids": ids })).await;
    assert_eq!(acknowledged.body()["results"][0]["result"], "acknowledged");
}

#[tokio::test]
async fn bounds_are_named() {
    let server = Server::start();
    let key = server.party("books").await;
    for (body, pointers) in [
        (json!({ "max": 0 }), &["/max"][..]),
        (json!({ "max": 101, "wait_seconds": 21, "lease_seconds": 9 }), &["/max", "/wait_seconds", "/lease_seconds"]),
        (json!({ "max": "10" }), &["/max"]),
        (json!({ "max": 1.5 }), &["/max"]),
        (json!({ "wait": 1 }), &["/wait"]),
    ] {
        assert_eq!(server.post(LEASE, &key, &body).await.pointers(), pointers, "{body}");
    }
}
