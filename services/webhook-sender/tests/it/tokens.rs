//! Access tokens: fetched once for many attempts, replaced when refused, and nobody else's problem.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::join_all;
use marketplace_core::transport::{Failure, Outcome};

use crate::stub::{Received, Reply, Stub, oauth, send, sender};

/// Hands out `token-0`, `token-1` and so on, good for an hour.
async fn token_server() -> Stub {
    Stub::start(|number, _| token(number, 3_600)).await
}

fn token(number: usize, expires_in: u32) -> Reply {
    let answer = format!(r#"{{"access_token": "token-{number}", "token_type": "Bearer", "expires_in": {expires_in}}}"#);
    Reply::with(200, "content-type: application/json\r\n", &answer)
}

fn bearer(request: &Received) -> &str {
    request.header("authorization").unwrap().strip_prefix("Bearer ").unwrap()
}

#[tokio::test]
async fn a_token_is_asked_for_as_the_rfc_says_and_used_again() {
    let (stub, tokens) = (Stub::always(200).await, token_server().await);
    let sender = sender(true, 5_000);
    let endpoint = sender.endpoint(&oauth(&stub, &tokens)).unwrap();
    for _ in 0..10 {
        assert_eq!(send(&sender, &endpoint).await.status_code(), Some(200));
    }
    assert!(stub.received().iter().all(|request| bearer(request) == "token-0"));
    let [asked] = &tokens.received()[..] else { panic!("one token is enough") };
    assert_eq!(asked.line, "POST /token HTTP/1.1");
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(asked.header("accept"), Some("application/json"));
    // `market+place:s3cret%2F%2B%25`, each part form-encoded (RFC 6749, 2.3.1).
    let basic = "Basic bWFya2V0K3BsYWNlOnMzY3JldCUyRiUyQiUyNQ==";
    assert_eq!(asked.header("authorization"), Some(basic));
    assert_eq!(asked.body, "grant_type=client_credentials&scope=offers%3Awrite+offers%3Aread");
    assert_eq!(asked.header("webhook-id"), None);
}

#[tokio::test]
async fn many_attempts_at_once_ask_for_one_token() {
    let (stub, tokens) = (Stub::always(200).await, token_server().await);
    let sender = sender(true, 5_000);
    let endpoint = sender.endpoint(&oauth(&stub, &tokens)).unwrap();
    let reports = join_all((0..50).map(|_| send(&sender, &endpoint))).await;
    assert!(reports.iter().all(|report| report.status_code() == Some(200)));
    assert_eq!(tokens.received().len(), 1);
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_within_the_attempt() {
    for refusal in [401, 407] {
        let tokens = token_server().await;
        let stub = Stub::start(move |number, request| match (number, bearer(request)) {
            (0, _) | (_, "token-1") => Reply::status(200),
            _ => Reply::status(refusal),
        });
        let stub = stub.await;
        let sender = sender(true, 5_000);
        let endpoint = sender.endpoint(&oauth(&stub, &tokens)).unwrap();
        for _ in 0..3 {
            assert_eq!(send(&sender, &endpoint).await.status_code(), Some(200));
        }
        let used: Vec<_> = stub.received().iter().map(|request| bearer(request).to_owned()).collect();
        assert_eq!(used, ["token-0", "token-0", "token-1", "token-1"]);
        assert_eq!(tokens.received().len(), 2);
        let ids: Vec<_> =
            stub.received().iter().map(|request| request.header("webhook-id").map(str::to_owned)).collect();
        assert!(ids.iter().all(|id| *id == ids[0]));
    }
}

#[tokio::test]
async fn many_attempts_that_are_refused_at_once_share_the_new_token() {
    let tokens = token_server().await;
    let stub = Stub::start(|_, request| match bearer(request) {
        "token-0" => Reply::status(401),
        _ => Reply::status(200),
    });
    let stub = stub.await;
    let sender = sender(true, 5_000);
    let endpoint = sender.endpoint(&oauth(&stub, &tokens)).unwrap();
    let reports = join_all((0..50).map(|_| send(&sender, &endpoint))).await;
    assert!(reports.iter().all(|report| report.status_code() == Some(200)));
    assert_eq!(tokens.received().len(), 2);
}

#[tokio::test]
async fn a_second_refusal_is_the_outcome() {
    let (stub, tokens) = (Stub::always(401).await, token_server().await);
    let sender = sender(true, 5_000);
    let endpoint = sender.endpoint(&oauth(&stub, &tokens)).unwrap();
    assert_eq!(send(&sender, &endpoint).await.status_code(), Some(401));
    assert_eq!((stub.received().len(), tokens.received().len()), (2, 2));
}

#[tokio::test]
async fn other_refusals_do_not_cost_a_token() {
    let (stub, tokens) = (Stub::always(403).await, token_server().await);
    let sender = sender(true, 5_000);
    let endpoint = sender.endpoint(&oauth(&stub, &tokens)).unwrap();
    for _ in 0..2 {
        assert_eq!(send(&sender, &endpoint).await.status_code(), Some(403));
    }
    assert_eq!((stub.received().len(), tokens.received().len()), (2, 1));
}

#[tokio::test]
async fn a_token_that_has_expired_is_replaced_beforehand() {
    let tokens = Stub::start(|number, _| token(number, 0)).await;
    let stub = Stub::always(200).await;
    let sender = sender(true, 5_000);
    let endpoint = sender.endpoint(&oauth(&stub, &tokens)).unwrap();
    for _ in 0..3 {
        assert_eq!(send(&sender, &endpoint).await.status_code(), Some(200));
    }
    let used: Vec<_> = stub.received().iter().map(|request| bearer(request).to_owned()).collect();
    assert_eq!(used, ["token-0", "token-1", "token-2"]);
}

#[tokio::test]
async fn no_token_is_an_outcome_of_its_own_and_the_endpoint_is_not_called() {
    let huge = format!(r#"{{"access_token": "{}"}}"#, "x".repeat(70_000));
    let answers: Vec<fn(&str) -> Reply> = vec![
        |_| Reply::with(401, "", r#"{"error": "invalid_client"}"#),
        |_| Reply::with(302, "location: http://127.0.0.1:9/\r\n", ""),
        |_| Reply::status(500),
        |_| Reply::with(200, "", "<html>"),
        |_| Reply::with(200, "", r#"{"token_type": "bearer"}"#),
        |_| Reply::with(200, "", r#"{"access_token": "t", "token_type": "mac"}"#),
        |_| Reply::with(200, "", r#"{"access_token": "t\r\nx-admin: yes"}"#),
        |huge| Reply::with(200, "", huge),
        |_| Reply::Close(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec()),
        |_| Reply::Close(Vec::new()),
        |_| Reply::Reset,
        |_| Reply::Send(b"not http\r\n\r\n".to_vec()),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let huge = huge.clone();
        let tokens = Stub::start(move |_, _| answer(&huge)).await;
        let stub = Stub::always(200).await;
        let sender = sender(true, 5_000);
        let endpoint = sender.endpoint(&oauth(&stub, &tokens)).unwrap();
        let report = send(&sender, &endpoint).await;
        assert_eq!(report.outcome, Outcome::Failed(Failure::TokenFailed), "{number} {report:?}");
        let detail = report.detail.unwrap();
        assert!(detail.starts_with("the token endpoint: "), "{detail}");
        assert!(stub.received().is_empty());
    }
}

#[tokio::test]
async fn a_token_endpoint_that_is_silent_costs_no_more_than_the_attempts_time() {
    let tokens = Stub::start(|_, _| Reply::Stall(Vec::new())).await;
    let stub = Stub::always(200).await;
    let sender = sender(true, 300);
    let endpoint = Arc::new(sender.endpoint(&oauth(&stub, &tokens)).unwrap());
    let began = Instant::now();
    let reports = join_all((0..20).map(|_| send(&sender, &endpoint))).await;
    assert!(reports.iter().all(|report| report.outcome == Outcome::Failed(Failure::TokenFailed)));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn attempts_that_wait_for_the_same_token_share_its_failure() {
    let tokens = Stub::always(500).await;
    let stub = Stub::always(200).await;
    let sender = sender(true, 5_000);
    let endpoint = sender.endpoint(&oauth(&stub, &tokens)).unwrap();
    let reports = join_all((0..50).map(|_| send(&sender, &endpoint))).await;
    assert!(reports.iter().all(|report| report.outcome == Outcome::Failed(Failure::TokenFailed)));
    assert_eq!(tokens.received().len(), 1);
    assert_eq!(send(&sender, &endpoint).await.outcome, Outcome::Failed(Failure::TokenFailed));
    assert_eq!(tokens.received().len(), 2);
}
