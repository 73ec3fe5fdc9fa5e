//! Who may call what: every route with every kind of caller.

use std::{num::NonZeroU32, sync::Arc};

use event_schema::id::UserId;
use http_edge::rate_limit::RateLimiter;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::server::{Credential, Server};

/// Which callers a route is for.
struct Route {
    method: &'static str,
    path: &'static str,
    operator: bool,
    party: bool,
    user: bool,
}

const fn route(method: &'static str, path: &'static str, callers: &str) -> Route {
    let callers = callers.as_bytes();
    Route { method, path, operator: callers[0] == b'o', party: callers[1] == b'p', user: callers[2] == b'u' }
}

const ROUTES: [Route; 18] = [
    route("POST", "/v1/third-parties", "o--"),
    route("GET", "/v1/third-parties", "o--"),
    route("GET", "/v1/third-parties/books", "o--"),
    route("PATCH", "/v1/third-parties/books", "o--"),
    route("DELETE", "/v1/third-parties/unknown", "o--"),
    route("POST", "/v1/third-parties/books/keys", "o--"),
    route("DELETE", "/v1/third-parties/books/keys/key_00000000-0000-0000-0000-000000000000", "o--"),
    route("GET", "/v1/dead-letters", "o--"),
    route("POST", "/v1/dead-letters/replay", "o--"),
    route("PATCH", "/v1/users/usr_1", "o--"),
    route("GET", "/v1/me", "-p-"),
    route("PUT", "/v1/me/filter", "-p-"),
    route("PUT", "/v1/me/delivery", "-p-"),
    route("GET", "/v1/requests", "--u"),
    route("POST", "/v1/requests", "o-u"),
    route("POST", "/v1/requests/req_00000000-0000-0000-0000-000000000000/cancel", "o-u"),
    route("GET", "/v1/requests/req_00000000-0000-0000-0000-000000000000", "opu"),
    route("GET", "/v1/requests/nonsense", "opu"),
];

#[tokio::test]
async fn every_route_lets_in_its_own_callers_only() {
    let server = Server::start();
    let party = server.party("books").await;
    let (_, user) = server.user("ann", false).await;
    for Route { method, path, operator, party: for_parties, user: for_users } in ROUTES {
        let callers = [(Credential::Operator, operator), (party.clone(), for_parties), (user.clone(), for_users)];
        for (credential, welcome) in callers {
            let status = server.call(method, path, &credential, &Value::Null).await.status;
            let let_in = status != 401 && status != 403;
            assert_eq!(let_in, welcome, "{method} {path} with {credential:?}: {status}");
            assert!(welcome || status == 403, "{method} {path} with {credential:?}: {status}");
        }
        for bad in nobodys(&server) {
            let answer = server.call(method, path, &bad, &Value::Null).await;
            assert_eq!(answer.status, 401, "{method} {path} with {bad:?}");
            assert!(answer.headers.contains_key("www-authenticate"));
        }
    }
}

/// Credentials that prove nothing.
fn nobodys(server: &Server) -> Vec<Credential> {
    let ann: UserId = "usr_1".parse().unwrap();
    let long_ago = server.token_at(&ann, Timestamp::from_second(1_000_000_000).unwrap());
    let forged = match server.token_at(&ann, Timestamp::from_second(4_000_000_000).unwrap()) {
        Credential::Bearer(token) => {
            let (signed, _) = token.rsplit_once('.').unwrap();
            Credential::Bearer(format!("{signed}.{}", "A".repeat(86)))
        }
        other => other,
    };
    vec![
        Credential::Nothing,
        long_ago,
        forged,
        Credential::Bearer("the operator's toke".to_owned()),
        Credential::Bearer("a.b.c".to_owned()),
        Credential::Key(format!("mk_prod_{}", "0".repeat(64))),
        Credential::Key("nonsense".to_owned()),
        Credential::Key(String::new()),
    ]
}

#[tokio::test]
async fn a_credential_is_checked_before_the_body_is_read() {
    let server = Server::start();
    let answer = server.call_with("POST", "/v1/requests", &Credential::Nothing, &[], "nonsense").await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_disabled_partys_keys_open_nothing() {
    let server = Server::start();
    let prod = server.party("books").await;
    let test = server.key("books", "test").await;
    assert_eq!(server.get("/v1/me", &test).await.body()["environment"], "test");
    let answer = server.call("DELETE", "/v1/third-parties/books", &Credential::Operator, &Value::Null).await;
    assert_eq!(answer.status, 204);
    for key in [prod, test] {
        assert_eq!(server.get("/v1/me", &key).await.status, 401);
    }
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_and_the_others_still_do() {
    let server = Server::start();
    let first = server.party("books").await;
    let answer =
        server.post("/v1/third-parties/books/keys", &Credential::Operator, &json!({ "environment": "prod" })).await;
    let second = Credential::Key(answer.body()["api_key"].as_str().unwrap().to_owned());
    let path = format!("/v1/third-parties/books/keys/{}", answer.body()["key_id"].as_str().unwrap());
    // Not by way of another party.
    server.party("pens").await;
    let elsewhere = path.replace("books", "pens");
    assert_eq!(server.call("DELETE", &elsewhere, &Credential::Operator, &Value::Null).await.status, 404);
    assert_eq!(server.get("/v1/me", &second).await.status, 200);
    assert_eq!(server.call("DELETE", &path, &Credential::Operator, &Value::Null).await.status, 204);
    assert_eq!(server.get("/v1/me", &second).await.status, 401);
    assert_eq!(server.get("/v1/me", &first).await.status, 200);
    assert_eq!(server.call("DELETE", &path, &Credential::Operator, &Value::Null).await.status, 404);
}

#[tokio::test]
async fn health_is_open_to_all() {
    let server = Server::start();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.get(path, &Credential::Nothing).await.status, 200);
    }
}

#[tokio::test]
async fn a_server_that_cannot_work_says_so_and_not_why() {
    let broken = || Box::pin(async { Err("the disk /secret is gone".to_owned()) }) as _;
    let server = Server::start_with(None, Arc::new(broken));
    let answer = server.get("/readyz", &Credential::Nothing).await;
    assert_eq!(answer.status, 503);
    assert!(answer.headers.contains_key("retry-after") && !answer.text.contains("secret"));
    assert_eq!(server.get("/healthz", &Credential::Nothing).await.status, 200);
}

#[tokio::test]
async fn who_calls_too_often_waits_and_the_others_do_not() {
    let limit = |number| NonZeroU32::new(number).unwrap();
    let limiter = RateLimiter::new(limit(1), limit(3));
    let server = Server::start_with(Some(limiter), Arc::new(|| Box::pin(async { Ok(()) })));
    let (_, ann) = server.user("ann", false).await;
    let (_, bob) = server.user("bob", false).await;
    let mut answer = server.get("/v1/requests", &ann).await;
    assert_eq!(answer.status, 200);
    // However slow the machine, it makes more than one call a second.
    for _ in 0..100 {
        if answer.status == 429 {
            break;
        }
        answer = server.get("/v1/requests", &ann).await;
    }
    assert_eq!(answer.status, 429);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(server.get("/v1/requests", &bob).await.status, 200);
}
