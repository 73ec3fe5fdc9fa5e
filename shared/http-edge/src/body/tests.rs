//! Which bodies are read, and what the others are answered.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use event_schema::id::RequestId;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only whether it can be read matters")]
struct Order {
    name: String,
    count: Option<u8>,
    kind: Option<Kind>,
    request: Option<RequestId>,
    #[serde(default)]
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only whether it can be read matters")]
struct Line {
    price: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Small,
    Large,
    Huge,
}

fn body(text: &str) -> JsonBody {
    JsonBody(Bytes::copy_from_slice(text.as_bytes()))
}

fn refusal(text: &str) -> (StatusCode, Vec<(String, String)>) {
    let problem = body(text).parse::<Order>().unwrap_err();
    let faults = problem.errors().iter();
    (problem.status(), faults.map(|fault| (fault.pointer.clone(), fault.detail.clone())).collect())
}

#[test]
fn a_fault_is_named_with_its_place() {
    let cases = [
        ("{}", "/name", "is required"),
        (r#"{"name": 7}"#, "/name", "must be a string"),
        (r#"{"name": "a", "count": 256}"#, "/count", "must be a whole number, not negative"),
        (r#"{"name": "a", "count": -1}"#, "/count", "must be a whole number, not negative"),
        (r#"{"name": "a", "colour": "red"}"#, "/colour", "there is no such field"),
        (r#"{"name": "a", "a/b~": 1}"#, "/a~1b~0", "there is no such field"),
        (r#"{"name": "a", "name": "b"}"#, "/name", "is given twice"),
        (r#"{"name": "a", "kind": "tiny"}"#, "/kind", "must be one of `small`, `large`, `huge`"),
        (r#"{"name": "a", "request": "7"}"#, "/request", "not a valid request id: `req_` and a lower-case UUID"),
        (r#"{"name": "a", "lines": [{"price": 1}, {}]}"#, "/lines/1/price", "is required"),
        (r#"{"name": "a", "lines": [{"price": 1}, {"price": "x"}]}"#, "/lines/1/price", "must be a number"),
        (r#"{"name": "a", "lines": [{"prize": 1}]}"#, "/lines/0/prize", "there is no such field"),
        (r#"{"name": "a", "lines": {}}"#, "/lines", "must be an array"),
        (r#"{"name": "a", "kind": 7}"#, "/kind", "is not what belongs here"),
        (r#"["a", 1, "small", null, []]"#, "", "must be an object"),
        (" 7", "", "must be an object"),
    ];
    for (text, pointer, detail) in cases {
        let expected = vec![(pointer.to_owned(), detail.to_owned())];
        assert_eq!(refusal(text), (StatusCode::UNPROCESSABLE_ENTITY, expected), "{text}");
    }
}

#[test]
fn a_value_is_never_repeated() {
    for text in [
        r#"{"name": "a", "count": "s3cret"}"#,
        r#"{"name": "a", "kind": "s3cret, expected one of s3cret"}"#,
        r#"{"name": "a", "count": "x, expected s3cret"}"#,
        r#"{"name": "a", "request": "s3cret"}"#,
    ] {
        let (_, faults) = refusal(text);
        assert!(!faults[0].1.contains("s3cret"), "{faults:?}");
    }
}

#[test]
fn what_is_not_json_is_400_even_after_a_fault() {
    for text in [
        "",
        "{",
        "nonsense",
        r#"{"name": "a"} {}"#,
        r#"{"name": 7"#,
        r#"{"colour": 1,, }"#,
        "\u{feff}{}",
        "{\"name\": \"\n\"}",
    ] {
        assert_eq!(refusal(text).0, StatusCode::BAD_REQUEST, "{text:?}");
    }
    let not_utf8 = JsonBody(Bytes::from_static(b"{\"name\": \"\xff\"}"));
    assert_eq!(not_utf8.parse::<Order>().unwrap_err().status(), StatusCode::BAD_REQUEST);
}

#[test]
fn depth_is_refused_and_not_followed() {
    let deep = format!("{{\"name\": {}", "[".repeat(100_000));
    assert_eq!(refusal(&deep).0, StatusCode::BAD_REQUEST);
    let closed = format!(r#"{{"name": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(refusal(&closed).0, StatusCode::UNPROCESSABLE_ENTITY);
    let unknown = format!(r#"{{"x": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let expected = vec![("/x".to_owned(), "there is no such field".to_owned())];
    assert_eq!(refusal(&unknown), (StatusCode::UNPROCESSABLE_ENTITY, expected));
}

#[test]
fn an_empty_body_is_an_empty_object_only_where_that_was_agreed() {
    assert!(body("").parse_optional::<Order>().is_err_and(|problem| problem.status() == 422));
    assert!(body(r#"{"name": "a"}"#).parse_optional::<Order>().is_ok());
    assert!(body(" ").parse_optional::<Order>().is_err_and(|problem| problem.status() == 400));
}

async fn received(headers: &[(&str, &str)], body: Body) -> Result<usize, StatusCode> {
    let mut request = Request::builder().method(Method::POST);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).unwrap();
    let body = JsonBody::from_request(request, &()).await;
    body.map(|body| body.bytes().len()).map_err(|problem| problem.status())
}

#[tokio::test]
async fn the_limit_is_exact() {
    let text = |length: usize| Body::from("x".repeat(length));
    assert_eq!(received(&[], text(MAX_BYTES)).await, Ok(MAX_BYTES));
    assert_eq!(received(&[], text(MAX_BYTES + 1)).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
    let promised = [("expect", "100-continue"), ("content-length", "300000")];
    assert_eq!(received(&promised, Body::empty()).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
}

#[tokio::test]
async fn only_json_is_read() {
    for accepted in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
        assert_eq!(received(&[("content-type", accepted)], Body::from("{}")).await, Ok(2), "{accepted}");
    }
    for refused in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=json", "json"] {
        let answer = received(&[("content-type", refused)], Body::from("{}")).await;
        assert_eq!(answer, Err(StatusCode::UNSUPPORTED_MEDIA_TYPE), "{refused}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let body = JsonBody(bytes.into());
        if let Err(problem) = body.parse::<Order>() {
            prop_assert!(problem.status().is_client_error());
        }
    }

    #[test]
    fn any_json_is_read_or_refused(text in r#"\{("(name|count|kind|lines|x)": ?("[a-z]{0,3}"|-?[0-9]{1,4}|null|\[\]|\[\{"price": ?[0-9]\}\]),? ?){0,4}\}?"#) {
        if let Err(problem) = body(&text).parse::<Order>() {
            let valid = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            prop_assert_eq!(problem.status() == 422, valid, "{}", text);
        }
    }
}
