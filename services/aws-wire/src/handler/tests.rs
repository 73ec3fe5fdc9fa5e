//! Whole calls, signed as a client signs them, down to what reaches the sink and what the caller reads.

mod client;
mod support;

use axum::http::{Method, Request, StatusCode};
use futures::{FutureExt as _, poll};
use proptest::prelude::*;
use serde_json::json;
use tower::ServiceExt as _;

use super::*;
use support::{Sink, app_with, call, entry, signed, text_of};

const PUT: &str = "AWSEvents.PutEvents";
const TEST: &str = "AWSEvents.TestEventPattern";

#[tokio::test]
async fn a_request_event_is_put_as_it_is() {
    let sink = Sink::default();
    let detail =
        r#"{ "user_id": "123456789", "request_status": "new", "3rdparty": "3rdparty1", "requests1": "books" }"#;
    let mut event = entry(detail);
    event["Resources"] = json!(["arn:aws:s3:::a-bucket"]);
    event["Time"] = json!(1_735_689_600);
    let answer = call(&sink, PUT, &json!({ "Entries": [event] }).to_string()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/x-amz-json-1.1");
    assert!(answer.headers.contains_key(REQUEST_ID));
    let [accepted] = sink.accepted().try_into().expect("one event");
    let expected = json!({ "FailedEntryCount": 0, "Entries": [{ "EventId": accepted.event_id }] });
    assert_eq!(answer.body, expected);
    assert_eq!(accepted.detail, detail);
    assert_eq!(accepted.time.to_string(), "2025-01-01T00:00:00Z");
    assert_eq!(accepted.received_at, support::NOW);
    assert_eq!(accepted.resources, ["arn:aws:s3:::a-bucket"]);
}

#[tokio::test]
async fn every_entry_has_a_result_of_its_own_in_its_place() {
    let sink = Sink::default();
    let mut forged = entry("{}");
    forged["Source"] = json!("com.marketplace.3rdparty1");
    let mut elsewhere = entry("{}");
    elsewhere["EventBusName"] = json!("default");
    let entries = [
        entry(r#"{"n": 1}"#),
        forged,
        entry("{"),
        entry(r#"{"sink": "invalid"}"#),
        entry(r#"{"sink": "unavailable"}"#),
        entry(r#"{"sink": "unexpected"}"#),
        elsewhere,
        entry(r#"{"n": 2}"#),
    ];
    let answer = call(&sink, PUT, &json!({ "Entries": entries }).to_string()).await;
    assert_eq!(answer.body["FailedEntryCount"], 6);
    let results = answer.body["Entries"].as_array().expect("results");
    let codes: Vec<_> = results.iter().map(|result| result["ErrorCode"].as_str().unwrap_or("put")).collect();
    let expected = [
        "put",
        "NotAuthorizedForSourceException",
        "MalformedDetail",
        "InvalidArgument",
        "ThrottlingException",
        "InternalFailure",
        "InvalidArgument",
        "put",
    ];
    assert_eq!(codes, expected);
    assert_eq!(results[3]["ErrorMessage"], "Parameter Detail is not valid. Reason: no such thing");
    assert_eq!(results[5]["ErrorMessage"], "The event could not be stored.");
    let details: Vec<_> = sink.accepted().into_iter().map(|event| event.detail).collect();
    assert_eq!(details, [r#"{"n": 1}"#, r#"{"n": 2}"#]);
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_durable() {
    let sink = Sink::default();
    sink.hold();
    let body = json!({ "Entries": [entry("{}"), entry("{}")] }).to_string();
    let mut answer = Box::pin(call(&sink, PUT, &body));
    // Both entries are with the sink, which has not answered for either.
    assert!(poll!(answer.as_mut()).is_pending());
    assert_eq!(sink.waiting(), 2);
    sink.release(1);
    assert!(poll!(answer.as_mut()).is_pending());
    sink.release(1);
    assert_eq!(answer.await.body["FailedEntryCount"], 0);
}

#[tokio::test]
async fn a_call_that_is_not_signed_with_the_secret_changes_nothing() {
    let sink = Sink::default();
    let body = json!({ "Entries": [entry("{}")] }).to_string();
    let forged = signed("another secret", PUT, &body);
    let answer = support::send(app_with(&sink), forged).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.body["__type"], "InvalidSignatureException");
    assert_eq!(answer.headers[ERROR_TYPE], "InvalidSignatureException");

    let mut retargeted = signed(support::SECRET, TEST, &body);
    retargeted.headers_mut().insert(TARGET, HeaderValue::from_static(PUT));
    let answer = support::send(app_with(&sink), retargeted).await;
    assert_eq!(answer.body["__type"], "InvalidSignatureException");

    let unsigned = Request::builder().method(Method::POST).uri("/").body(Body::from(body)).expect("a request");
    let answer = support::send(app_with(&sink), unsigned).await;
    assert_eq!(
        answer.body,
        json!({ "__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token" })
    );
    assert_eq!(sink.accepted(), []);
}

#[tokio::test]
async fn a_body_is_read_only_for_a_caller_with_a_claim() {
    let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
    let request = Request::post("/").body(Body::from_stream(never)).expect("a request");
    let answer = support::send(app_with(&Sink::default()), request).now_or_never();
    assert_eq!(answer.expect("no waiting for the body").body["__type"], "MissingAuthenticationTokenException");
}

#[tokio::test]
async fn a_malformed_call_is_refused_as_a_whole() {
    let entries = |count: usize| json!({ "Entries": vec![entry("{}"); count] }).to_string();
    let mut long = entry(&format!("{{\"a\": \"{}\"}}", "x".repeat(MAX_TOTAL)));
    long["Detail"] = json!("x".repeat(MAX_TOTAL));
    const MAX_TOTAL: usize = crate::MAX_TOTAL_BYTES;
    let long = json!({ "Entries": [long] }).to_string();
    let endpoint = json!({ "Entries": [entry("{}")], "EndpointId": "abcde.veo" }).to_string();
    for (target, body, code, words) in [
        (PUT, "{", "SerializationException", "the body is not valid JSON, at line 1 column 1"),
        (PUT, "[]", "SerializationException", "a member has the wrong type"),
        (PUT, r#"{"Entries": [["com.marketplace.market"]]}"#, "SerializationException", "a member has the wrong type"),
        (PUT, r#"{"Entries": {}}"#, "SerializationException", "a member has the wrong type"),
        (PUT, r#"{"Entries": [{"Source": 1}]}"#, "SerializationException", "a member has the wrong type"),
        (PUT, "{}", "ValidationException", "Value null at 'entries'"),
        (PUT, &entries(0), "ValidationException", "greater than or equal to 1"),
        (PUT, &entries(11), "ValidationException", "less than or equal to 10"),
        (PUT, &long, "ValidationException", "Total size of the entries in the request is over the limit."),
        (PUT, &endpoint, "ValidationException", "EndpointId"),
        ("AWSEvents.PutRule", "{}", "UnknownOperationException", "not recognized"),
        ("PutEvents", "{}", "UnknownOperationException", "not recognized"),
    ] {
        let sink = Sink::default();
        let answer = call(&sink, target, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{words}");
        assert_eq!(answer.body["__type"], code, "{words}");
        let message = answer.body["message"].as_str().expect("a message");
        assert!(message.contains(words), "{message}");
        assert_eq!(sink.accepted(), []);
    }
    let answer = call(&Sink::default(), PUT, &" ".repeat(MAX_BODY_BYTES + 1)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.body["__type"], "RequestEntityTooLargeException");
    assert_eq!(call(&Sink::default(), PUT, &entries(10)).await.body["FailedEntryCount"], 0);
}

#[tokio::test]
async fn a_pattern_is_tried_on_an_event() {
    let event = json!({
        "id": "1", "account": "123456789012", "source": "com.marketplace.market", "time": "2025-01-01T00:00:00Z",
        "region": "eu-west-1", "detail-type": "marketplace requests", "detail": { "category": "books", "amount": 20 },
    });
    let try_on = async |pattern: &str, event: &Value| {
        let body = json!({ "EventPattern": pattern, "Event": event.to_string() }).to_string();
        call(&Sink::default(), TEST, &body).await.body
    };
    let matching = r#"{"source": ["com.marketplace.market"], "detail": {"amount": [{"numeric": [">", 10]}]}}"#;
    assert_eq!(try_on(matching, &event).await, json!({ "Result": true }));
    assert_eq!(try_on(r#"{"detail": {"category": ["pens"]}}"#, &event).await, json!({ "Result": false }));
    let refusal = try_on(r#"{"detail": {"category": "pens"}}"#, &event).await;
    assert_eq!(refusal["__type"], "InvalidEventPatternException");
    assert!(text_of(&refusal).starts_with("Event pattern is not valid. Reason: "), "{refusal}");
    let long = format!(r#"{{"source": ["{}"]}}"#, "x".repeat(5_000));
    assert_eq!(try_on(&long, &event).await["__type"], "InvalidEventPatternException");
    for field in ["id", "detail-type", "source", "account", "time", "region"] {
        let mut partial = event.clone();
        partial.as_object_mut().expect("an object").remove(field);
        let refusal = try_on(matching, &partial).await;
        assert_eq!(refusal, json!({ "__type": "ValidationException", "message": "Parameter Event is not valid." }));
    }
    assert_eq!(try_on(matching, &json!("text")).await["__type"], "ValidationException");
    let refusal = call(&Sink::default(), TEST, r#"{"Event": "{}"}"#).await.body;
    assert_eq!(text_of(&refusal).split(':').next(), Some("1 validation error detected"));
}

#[tokio::test]
async fn the_root_answers_nothing_but_posts() {
    let get = Request::get("/").body(Body::empty()).expect("a request");
    let answer = app_with(&Sink::default()).oneshot(get).await.expect("infallible");
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
}

/// Any JSON, with names in it that mean something, and texts with JSON in them.
fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "Entries",
        "EndpointId",
        "Source",
        "Detail",
        "EventPattern",
        "Event",
        "id",
        "detail-type",
        "$or",
        "prefix",
    ]);
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<f64>().prop_map(|value| json!(value)),
        any::<String>().prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(4, 20, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|values| json!(values)),
            prop::collection::hash_map(names.clone(), inner.clone(), 0..5).prop_map(|members| json!(members)),
            inner.prop_map(|value| json!(value.to_string())),
        ]
    })
}

/// A member that is as it should be more often than not.
fn mostly(good: Value) -> impl Strategy<Value = Value> {
    prop_oneof![9 => Just(good), 1 => any_json()]
}

/// Calls of both operations that are nearly right, any other JSON, and any other bytes.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let detail = any_json().prop_map(|value| json!(json!({ "a": value }).to_string()));
    let entry = (
        mostly(json!("com.marketplace.market")),
        mostly(json!("marketplace requests")),
        prop_oneof![9 => detail.boxed(), 1 => any_json().boxed()],
        mostly(json!("marketplace")),
        mostly(json!(1_735_689_600.5)),
    );
    let entry = entry.prop_map(|(source, detail_type, detail, bus, time)| {
        json!({
            "Source": source, "DetailType": detail_type, "Detail": detail, "EventBusName": bus, "Time": time,
        })
    });
    let put = prop::collection::vec(entry, 0..12).prop_map(|entries| json!({ "Entries": entries }));
    let event = json!({ "id": "1", "detail-type": "t", "source": "s", "account": "1", "time": "", "region": "" });
    let test = (any_json(), mostly(json!(event.to_string()))).prop_map(
        |(pattern, event)| json!({ "EventPattern": json!({ "source": pattern }).to_string(), "Event": event }),
    );
    let call = prop_oneof![put.boxed(), test.boxed(), any_json().boxed()];
    prop_oneof![9 => call.prop_map(|call| call.to_string().into_bytes()), 1 => any::<Vec<u8>>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn no_body_makes_an_operation_panic(body in bodies()) {
        let sink = Sink::default();
        let put = put_events::put_events(&body, &sink, &support::Counting::default(), support::NOW).now_or_never();
        let put = put.expect("the sink does not wait");
        // An answer counts its own faults, and only what was put reached the sink.
        if let Ok(answer) = put {
            let entries = answer["Entries"].as_array().expect("entries");
            let failed = entries.iter().filter(|entry| entry.get("ErrorCode").is_some()).count();
            prop_assert_eq!(&answer["FailedEntryCount"], &json!(failed));
            prop_assert_eq!(sink.accepted().len(), entries.len() - failed);
        }
        let _ = test_event_pattern::test_event_pattern(&body);
    }
}
