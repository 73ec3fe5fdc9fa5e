//! What is malformed, wrong or huge is refused and changes nothing.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};

use crate::server::{Credential, Server};

#[tokio::test]
async fn a_bad_request_is_refused_with_its_fault() {
    let server = Server::start();
    let (_, user) = server.user("ann", false).await;
    for (text, status) in [
        ("", 400),
        ("{", 400),
        ("nonsense", 400),
        ("{} {}", 400),
        ("[]", 422),
        ("null", 422),
        (r#"{"colour": "red"}"#, 422),
        (r#"{"amount": "12"}"#, 422),
        (r#"{"user_id": "bob"}"#, 422),
        (r#"{"mode": "some"}"#, 422),
        (r#"{"environment": "live"}"#, 422),
    ] {
        let answer = server.call_with("POST", "/v1/requests", &user, &[], text).await;
        assert_eq!(answer.status, status, "{text}: {}", answer.text);
    }
    let huge = format!(r#"{{"note": "{}"}}"#, "x".repeat(64 * 1024));
    assert_eq!(server.call_with("POST", "/v1/requests", &user, &[], &huge).await.status, 413);
    let deep = format!(r#"{{"attributes": {}1{}}}"#, r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
    assert_eq!(server.call_with("POST", "/v1/requests", &user, &[], &deep).await.status.as_u16() / 100, 4);
    assert_eq!(server.get("/v1/requests", &user).await.body()["items"], json!([]));
}

#[tokio::test]
async fn every_body_has_a_limit_and_a_type() {
    let server = Server::start();
    let key = server.party("books").await;
    let huge = format!(r#"{{"pattern": "{}"}}"#, "x".repeat(256 * 1024));
    assert_eq!(server.call_with("PUT", "/v1/me/filter", &key, &[], &huge).await.status, 413);
    let Credential::Key(key) = key else { panic!("a party has a key") };
    let form = Request::put("/v1/me/filter")
        .header("x-api-key", &key)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("pattern=1"));
    assert_eq!(server.send(form.unwrap()).await.status, 415);
}

#[tokio::test]
async fn an_unknown_address_or_method_is_a_problem() {
    let server = Server::start();
    for (method, path, status) in [
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/requests/", 404),
        ("GET", "/v1/third-parties/%ff", 404),
        ("GET", "/v1/third-parties/NOT-A-SLUG", 404),
        ("DELETE", "/v1/requests", 405),
        ("PUT", "/v1/me", 405),
    ] {
        let answer = server.call(method, path, &Credential::Operator, &Value::Null).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
}
