//! Whatever is asked, the answer is JSON with an id.

use axum::{
    body::{Body, to_bytes},
    http::{Method, StatusCode, header},
    routing::get,
};
use jiff::Timestamp;
use serde_json::Value;
use tower::ServiceExt;

use super::*;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

impl Randomness for Still {
    fn secret(&self) -> [u8; 32] {
        [7; 32]
    }

    fn uuid(&self, _: Timestamp) -> Uuid {
        Uuid::from_u128(7)
    }

    fn fraction(&self) -> f64 {
        0.5
    }
}

async fn broken() -> &'static str {
    panic!("the table of secrets")
}

async fn answered(method: Method, path: &str) -> (StatusCode, Response<Body>) {
    let routes = Router::new().route("/thing", get(|| async { "here" })).route("/broken", get(broken));
    let app = finish(routes, Arc::new(Still), Arc::new(Still));
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    (response.status(), response)
}

async fn problem(response: Response<Body>) -> Value {
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap()
}

#[tokio::test]
async fn an_answer_has_an_id() {
    let (status, response) = answered(Method::GET, "/thing").await;
    assert_eq!(status, 200);
    assert_eq!(response.headers()[REQUEST_ID], "00000000-0000-0000-0000-000000000007");
}

#[tokio::test]
async fn an_unknown_address_is_a_problem_with_an_id() {
    for path in ["/", "/things", "/thing/", "/%ff"] {
        let (status, response) = answered(Method::GET, path).await;
        assert_eq!(status, 404, "{path}");
        assert!(response.headers().contains_key(REQUEST_ID));
        assert_eq!(problem(response).await["status"], 404);
    }
}

#[tokio::test]
async fn an_unknown_method_is_a_problem_that_names_the_others() {
    let (status, response) = answered(Method::DELETE, "/thing").await;
    assert_eq!(status, 405);
    assert_eq!(response.headers()[header::ALLOW], "GET,HEAD");
    assert_eq!(problem(response).await["status"], 405);
}

#[tokio::test]
async fn a_panic_is_a_500_like_any_other() {
    let (status, response) = answered(Method::GET, "/broken").await;
    assert_eq!(status, 500);
    assert!(response.headers().contains_key(REQUEST_ID));
    assert!(!problem(response).await.to_string().contains("secrets"));
}
