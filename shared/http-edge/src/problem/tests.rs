//! What callers read when they are refused.

use std::io;

use axum::{
    body::to_bytes,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use marketplace_core::{
    command::Refusal,
    intake::IntakeError,
    ports::{StoreError, identity::IdentityError},
};
use serde_json::{Value, json};

use super::*;

async fn answer(problem: impl Into<Problem>) -> (StatusCode, HeaderMap, Value) {
    let response = problem.into().into_response();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    assert_eq!(parts.headers[header::CONTENT_TYPE], "application/problem+json");
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["status"], parts.status.as_u16());
    for member in ["type", "title", "detail"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    }
    (parts.status, parts.headers, body)
}

#[tokio::test]
async fn a_state_that_forbids_it_is_409_and_says_which() {
    let refusal = Refusal::State {
        current_status: "withdrawn",
        detail: "an offer that is withdrawn cannot become accepted".to_owned(),
    };
    let (status, _, body) = answer(StoreError::Refused(refusal)).await;
    assert_eq!(status, 409);
    assert_eq!(body["current_status"], "withdrawn");
    assert_eq!(body["detail"], "an offer that is withdrawn cannot become accepted");
}

#[tokio::test]
async fn what_is_not_there_is_404_and_says_nothing_else() {
    let (status, _, body) = answer(Refusal::NotFound).await;
    assert_eq!(status, 404);
    assert_eq!(body, answer(Problem::not_found()).await.2);
    assert_eq!(body.get("current_status"), None);
}

#[tokio::test]
async fn what_may_work_later_says_when() {
    for error in [StoreError::Conflict, StoreError::Unavailable("the disk is full")] {
        let (status, headers, body) = answer(error).await;
        assert_eq!(status, 503);
        assert_eq!(headers[header::RETRY_AFTER], "1");
        assert!(!body.to_string().contains("disk"), "{body}");
    }
    let retry_after = Duration::from_millis(2_001);
    let (status, headers, _) = answer(IdentityError::TooManyFailures { retry_after }).await;
    assert_eq!(status, 429);
    assert_eq!(headers[header::RETRY_AFTER], "3");
    let (_, headers, _) = answer(Problem::too_many("slower", Duration::ZERO)).await;
    assert_eq!(headers[header::RETRY_AFTER], "1");
}

#[tokio::test]
async fn what_nobody_foresaw_says_the_same_every_time() {
    let (status, _, first) = answer(StoreError::Unexpected("table `secret` is locked".into())).await;
    let (_, _, second) = answer(IdentityError::Unexpected(io::Error::other("no entropy").into())).await;
    assert_eq!(status, 500);
    assert_eq!(first, second);
    assert!(!first.to_string().contains("secret"), "{first}");
}

#[test]
fn the_log_gets_the_whole_chain() {
    let error = StoreError::Unexpected(io::Error::other("disk I/O error").into());
    assert_eq!(Causes(&error).to_string(), "the store failed: disk I/O error");
}

#[tokio::test]
async fn a_missing_credential_is_told_what_would_do() {
    for (challenge, expected) in [
        (Challenge::Any, r#"Bearer realm="marketplace", ApiKey realm="marketplace""#),
        (Challenge::BearerToken, r#"Bearer realm="marketplace", error="invalid_token""#),
        (Challenge::ApiKey, r#"ApiKey realm="marketplace""#),
    ] {
        let (status, headers, _) = answer(Problem::unauthorized(challenge, "who are you?")).await;
        assert_eq!(status, 401);
        assert_eq!(headers[header::WWW_AUTHENTICATE], expected);
    }
}

#[tokio::test]
async fn intake_is_400_413_or_422() {
    let (status, ..) = answer(IntakeError::Malformed("not JSON".to_owned())).await;
    assert_eq!(status, 400);
    let (status, ..) = answer(IntakeError::TooLarge).await;
    assert_eq!(status, 413);
    let faults = vec![Fault::new("/amount", "must be a number")];
    let (status, _, body) = answer(IntakeError::Invalid(faults)).await;
    assert_eq!(status, 422);
    assert_eq!(body["errors"], json!([{"pointer": "/amount", "detail": "must be a number"}]));
}
