//! Statuses: taken, repeated, refused.

use event_schema::id::Environment;
use marketplace_core::{fact::Fact, ports::RequestStore};
use serde_json::{Value, json};

use crate::server::{OPERATOR_TOKEN, Server};

#[tokio::test]
async fn a_status_is_taken_by_delivery_and_by_request() {
    let server = Server::start();
    let key = server.party("books").await;
    let (request, ids) = server.offered("all", &["books"]).await;
    let expected = |status: &str| json!({ "request_id": request, "delivery_id": ids[0], "third_party": "books", "status": status });
    let by_delivery = format!("/v1/deliveries/{}/status", ids[0]);
    let by_request = format!("/v1/requests/{request}/status");
    for (path, status) in [(&by_delivery, "in-progress"), (&by_request, "accepted"), (&by_delivery, "completed")] {
        let answer = server.post(path, &key, &json!({ "status": status, "details": { "by": path } })).await;
        assert_eq!((answer.status.as_u16(), answer.body()), (200, expected(status)));
    }
    // The same again is 200 and changes nothing.
    let again = server.post(&by_request, &key, &json!({ "status": "completed" })).await;
    assert_eq!((again.status.as_u16(), again.body()), (200, expected("completed")));

    let late = server.post(&by_request, &key, &json!({ "status": "declined" })).await;
    assert_eq!((late.status.as_u16(), &late.body()["current_status"]), (409, &json!("completed")));
    let record = server.store.request(request, false).await.unwrap().unwrap();
    let answers = record.journal.iter().filter(|entry| matches!(entry.fact, Fact::OfferAnswered { .. }));
    assert_eq!(answers.count(), 3);
}

#[tokio::test]
async fn one_of_two_wins_and_the_other_is_told_so() {
    let server = Server::start();
    let (books, pens) = (server.party("books").await, server.party("pens").await);
    for _ in 0..20 {
        let (_, ids) = server.offered("first-accept", &["books", "pens"]).await;
        let accepted = json!({ "status": "accepted" });
        let paths = ids.iter().map(|id| format!("/v1/deliveries/{id}/status")).collect::<Vec<_>>();
        let (one, other) =
            tokio::join!(server.post(&paths[0], &books, &accepted), server.post(&paths[1], &pens, &accepted));
        let (winner, loser) = if one.status == 200 { (one, other) } else { (other, one) };
        assert_eq!(winner.status, 200, "{}", winner.text);
        assert_eq!((loser.status.as_u16(), &loser.body()["current_status"]), (409, &json!("withdrawn")));
    }
}

#[tokio::test]
async fn what_is_not_the_partys_is_not_there() {
    let server = Server::start();
    let (books, pens) = (server.party("books").await, server.party("pens").await);
    let books_in_test = server.key("books", Environment::Test).await;
    let (request, ids) = server.offered("all", &["books"]).await;
    let body = json!({ "status": "accepted" });
    let unknown = server.post(&format!("/v1/deliveries/dlv_{}/status", "0".repeat(52)), &books, &body).await;
    assert_eq!(unknown.status, 404);
    for key in [&pens, &books_in_test] {
        for path in [format!("/v1/deliveries/{}/status", ids[0]), format!("/v1/requests/{request}/status")] {
            let answer = server.post(&path, key, &body).await;
            assert_eq!((answer.status.as_u16(), &answer.text), (404, &unknown.text));
        }
    }
    for path in ["/v1/deliveries/nonsense/status", "/v1/requests/nonsense/status"] {
        assert_eq!(server.post(path, &books, &body).await.status, 404);
    }
    let record = server.store.request(request, false).await.unwrap().unwrap();
    assert_eq!(record.offers[0].state.as_str(), "pending");
}

#[tokio::test]
async fn only_third_parties_may() {
    let server = Server::start();
    let (request, ids) = server.offered("all", &[]).await;
    assert!(ids.is_empty());
    let bearer = format!("Bearer {OPERATOR_TOKEN}");
    for path in [
        format!("/v1/requests/{request}/status").as_str(),
        "/v1/inbox/lease",
        "/v1/inbox/ack",
        "/v1/inbox/extend",
        "/v1/inbox/release",
    ] {
        assert_eq!(server.post_with(path, &[], "{}").await.status, 401, "{path}");
        assert_eq!(server.post_with(path, &[("authorization", &bearer)], "{}").await.status, 403, "{path}");
        assert_eq!(server.post(path, &format!("mk_prod_{}", "0".repeat(64)), &json!({})).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn a_bad_status_is_named_and_changes_nothing() {
    let server = Server::start();
    let key = server.party("books").await;
    let (request, _) = server.offered("all", &["books"]).await;
    let path = format!("/v1/requests/{request}/status");
    for (body, pointer) in [
        (json!({}), "/status"),
        (json!({ "status": "done" }), "/status"),
        (json!({ "status": 1 }), "/status"),
        (json!({ "status": "accepted", "reason": "x".repeat(1_025) }), "/reason"),
        (json!({ "status": "accepted", "colour": "red" }), "/colour"),
        (json!({ "status": "accepted", "details": "x".repeat(40_000) }), "/details"),
    ] {
        assert_eq!(server.post(&path, &key, &body).await.pointers(), [pointer], "{body:.100}");
    }
    for (text, status) in [("", 400), ("{", 400), (r#"{"status": "accepted"}x"#, 400), ("[]", 422)] {
        assert_eq!(server.post_with(&path, &[("x-api-key", &key)], text).await.status, status, "{text}");
    }
    let record = server.store.request(request, false).await.unwrap().unwrap();
    assert_eq!(record.journal.len(), 2, "made and offered, and nothing else: {:?}", record.journal);
}

#[tokio::test]
async fn a_status_with_a_key_is_answered_again() {
    let server = Server::start();
    let key = server.party("books").await;
    let (request, _) = server.offered("all", &["books"]).await;
    let path = format!("/v1/requests/{request}/status");
    let headers = [("x-api-key", key.as_str()), ("idempotency-key", "k")];
    let first = server.post_with(&path, &headers, r#"{"status":"in-progress"}"#).await;
    server.post(&path, &key, &json!({ "status": "accepted" })).await;
    let second = server.post_with(&path, &headers, r#"{"status":"in-progress"}"#).await;
    assert_eq!((first.status, &first.text), (second.status, &second.text));
    assert_eq!(second.headers["idempotency-replayed"], "true");
    assert_eq!(first.body()["status"], "in-progress");
    let other = server.post_with(&path, &headers, r#"{"status":"declined"}"#).await;
    assert_eq!((other.status.as_u16(), &other.body()["errors"]), (422, &Value::Null));
}
