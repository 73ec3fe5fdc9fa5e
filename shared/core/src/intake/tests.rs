//! What intake accepts and refuses, by example and by property.

use event_schema::{message, request::RequestDetail, validate, words::MessageType};
use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

const ARTICLE: &str = r#"{ "user_id": "123456789", "request_status": "new", "3rdparty": "3rdparty1", "requests1": "books", "requests2": "pens"}"#;

fn user() -> UserId {
    "usr_1".parse().unwrap()
}

fn api(body: &str) -> Result<NewRequest, IntakeError> {
    from_api(body.as_bytes(), user())
}

fn faults<T: std::fmt::Debug>(outcome: Result<T, IntakeError>) -> Vec<(String, String)> {
    match outcome {
        Err(IntakeError::Invalid(faults)) => faults.into_iter().map(|fault| (fault.pointer, fault.detail)).collect(),
        other => panic!("not refused for faults: {other:?}"),
    }
}

fn pointers<T: std::fmt::Debug>(outcome: Result<T, IntakeError>) -> Vec<String> {
    faults(outcome).into_iter().map(|(pointer, _)| pointer).collect()
}

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn the_articles_event_is_a_request_as_it_stands() {
    let request = from_event_detail(ARTICLE).unwrap();
    assert_eq!(
        request,
        NewRequest {
            user_id: "123456789".parse().unwrap(),
            environment: Environment::Prod,
            mode: Mode::All,
            addressed_to: Some("3rdparty1".into()),
            category: None,
            detail: r#"{"user_id":"123456789","request_status":"new","3rdparty":"3rdparty1","requests1":"books","requests2":"pens"}"#.into(),
        }
    );
    assert_eq!(from_event_detail(&request.detail), Ok(request));
}

#[test]
fn a_body_of_the_api_becomes_the_detail_of_an_event() {
    let request = api(r#"{"category":"stationery","region":"eu","amount":129.90,"items":[{"name":"pen","quantity":2}],
            "third_party":"books-and-more","mode":"first-accept","note":"Ring.","attributes":{"a":[1]},
            "environment":"test"}"#)
    .unwrap();
    assert_eq!(request.addressed_to.as_deref(), Some("books-and-more"));
    assert_eq!(request.category.as_deref(), Some("stationery"));
    assert_eq!(request.mode, Mode::FirstAccept);
    assert_eq!(request.environment, Environment::Test);
    assert_eq!(
        &*request.detail,
        r#"{"user_id":"usr_1","request_status":"new","category":"stationery","region":"eu","amount":129.90,"items":[{"name":"pen","quantity":2}],"3rdparty":"books-and-more","mode":"first-accept","note":"Ring.","attributes":{"a":[1]},"environment":"test"}"#
    );
}

#[test]
fn an_empty_body_asks_for_nothing_in_particular() {
    let request = api("{}").unwrap();
    assert_eq!(&*request.detail, r#"{"user_id":"usr_1","request_status":"new"}"#);
    assert_eq!((request.environment, request.mode), (Environment::Prod, Mode::All));
}

#[test]
fn null_is_as_good_as_absent() {
    let body = r#"{"category":null,"amount":null,"items":null,"mode":null,"third_party":null}"#;
    assert_eq!(api(body), api("{}"));
    let detail = r#"{"user_id":"u","request_status":"new","category":null,"mode":null,"x":null}"#;
    let request = from_event_detail(detail).unwrap();
    assert_eq!((request.category, request.mode), (None, Mode::All));
    assert_eq!(&*request.detail, detail, "what somebody else wrote is passed on");
}

#[test]
fn numbers_and_escapes_stay_as_they_were_written() {
    for amount in ["0.1", "1E2", "-0", "100.00", "12345678901234567890123.4500", "1e-400"] {
        let request = api(&format!(r#"{{"amount":{amount}}}"#)).unwrap();
        assert!(request.detail.ends_with(&format!(r#""amount":{amount}}}"#)), "{amount}");
    }
    let request = api(r#"{"attributes":{"z":1.0,"a":"\u00e9\/"}}"#).unwrap();
    assert!(request.detail.ends_with(r#"{"z":1.0,"a":"\u00e9\/"}}"#));
}

#[test]
fn a_number_that_no_double_holds_is_refused() {
    assert_eq!(pointers(api(r#"{"amount":1e400}"#)), ["/amount"]);
    assert_eq!(pointers(api(r#"{"items":[{"name":"a","quantity":1e400}]}"#)), ["/items/0/quantity"]);
    assert_eq!(pointers(api(r#"{"attributes":{"a":[0,-1e999]}}"#)), ["/attributes/a/1"]);
    let detail = r#"{"user_id":"u","request_status":"new","weight":{"kg":1e400}}"#;
    assert_eq!(pointers(from_event_detail(detail)), ["/weight/kg"]);
}

#[test]
fn every_fault_is_named_at_once_and_where_it_is() {
    let body = r#"{"category":"","region":7,"amount":"12","mode":"some","environment":"live","note":[],
        "third_party":{},"attributes":[],"colour":"red","a/b~c":1,"items":[{"name":""},{"quantity":0},7]}"#;
    assert_eq!(
        pointers(api(body)),
        [
            "/category",
            "/region",
            "/amount",
            "/mode",
            "/environment",
            "/note",
            "/third_party",
            "/attributes",
            "/colour",
            "/a~1b~0c",
            "/items/0/name",
            "/items/1/quantity",
            "/items/1/name",
            "/items/2",
        ]
    );
}

#[test]
fn faults_name_the_rule_and_never_repeat_what_was_sent() {
    let body = r#"{"mode":"s3cret","category":["s3cret"],"amount":"s3cret"}"#;
    let expected = ["must be one of `all`, `first-accept`", "must be a string", "must be a number"];
    let details: Vec<String> = faults(api(body)).into_iter().map(|(_, detail)| detail).collect();
    assert_eq!(details, expected);
    assert_eq!(
        IntakeError::Invalid(vec![Fault::new("/a", "is required")]).to_string(),
        "the request breaks the rules: /a: is required"
    );
}

#[test]
fn the_number_of_reported_faults_is_bounded() {
    let unknown: Vec<String> = (0..5_000).map(|i| format!(r#""f{i}":1"#)).collect();
    assert_eq!(faults(api(&format!("{{{}}}", unknown.join(",")))).len(), MAX_FAULTS);
    let items = format!(r#"{{"items":[{}]}}"#, vec!["{}"; 900].join(","));
    assert_eq!(faults(api(&items)).len(), MAX_FAULTS);
}

#[test]
fn a_field_that_the_api_does_not_have_is_refused() {
    for name in ["user_id", "request_status", "3rdparty", "metadata", "id", "documents", "requests1"] {
        assert_eq!(pointers(api(&format!(r#"{{"{name}":"new"}}"#))), [format!("/{name}")]);
    }
    assert_eq!(pointers(api(r#"{"items":[{"name":"a","sku":"b"}]}"#)), ["/items/0/sku"]);
}

#[test]
fn a_name_given_twice_is_refused_wherever_it_is() {
    let twice = |pointer: &str| vec![(pointer.to_owned(), "is given twice".to_owned())];
    assert_eq!(faults(api(r#"{"category":"a","category":"b"}"#)), twice("/category"));
    assert_eq!(faults(api(r#"{"category":"a","c\u0061tegory":"b"}"#)), twice("/category"));
    assert_eq!(faults(api(r#"{"attributes":{"a":[{"b":1,"b":2}]}}"#)), twice("/attributes/a/0/b"));
    assert_eq!(faults(api(r#"{"items":[{"name":"a","name":"b"}]}"#)), twice("/items/0/name"));
    let event = |extra: &str| from_event_detail(&format!(r#"{{"user_id":"u","request_status":"new",{extra}}}"#));
    assert_eq!(faults(event(r#""x":1,"x":1,"x":1"#)), twice("/x"));
    assert_eq!(faults(event(r#""x":{"y":1,"y":1}"#)), twice("/x/y"));
}

#[test]
fn sizes_are_held_to_their_bounds_and_not_a_character_less() {
    let text = |field: &str, length: usize| format!(r#"{{"{field}":"{}"}}"#, "é".repeat(length));
    for (field, most) in [("category", 128), ("region", 128), ("third_party", 128), ("note", 4_096)] {
        assert!(api(&text(field, most)).is_ok(), "{field}");
        assert_eq!(pointers(api(&text(field, most + 1))), [format!("/{field}")]);
    }
    let items = |count| format!(r#"{{"items":[{}]}}"#, vec![r#"{"name":"a"}"#; count].join(","));
    assert!(api(&items(1_000)).is_ok());
    assert_eq!(pointers(api(&items(1_001))), ["/items"]);
    let named = |length| format!(r#"{{"items":[{{"name":"{}"}}]}}"#, "a".repeat(length));
    assert!(api(&named(256)).is_ok());
    assert_eq!(pointers(api(&named(257))), ["/items/0/name"]);
}

#[test]
fn a_request_is_at_most_64_kib() {
    let body = |bytes: usize| format!(r#"{{"attributes":{{"a":"{}"}}}}"#, "x".repeat(bytes - 23));
    assert_eq!(body(65_536).len(), 65_536);
    assert!(api(&body(65_536)).is_ok());
    assert_eq!(api(&body(65_537)), Err(IntakeError::TooLarge));
    assert_eq!(from_event_detail(&body(65_537)), Err(IntakeError::TooLarge));
}

#[test]
fn nesting_is_bounded_so_that_the_message_can_still_be_read() {
    let deepest = api(&format!(r#"{{"attributes":{{"a":{}}}}}"#, nested(62))).unwrap();
    let request_id = event_schema::id::RequestId(Uuid::from_u128(1));
    let pushed = message::render(
        MessageType::OfferCreated,
        Timestamp::UNIX_EPOCH,
        event_schema::id::DeliveryId::new(request_id, [0; 10]),
        &"party".parse().unwrap(),
        Environment::Prod,
        request_id,
        &deepest.detail,
    );
    assert!(serde_json::from_str::<Value>(&pushed).is_ok());

    let too_deep = format!(r#"{{"attributes":{{"a":{}}}}}"#, nested(63));
    assert_eq!(
        faults(api(&too_deep)),
        [(format!("/attributes/a{}", "/0".repeat(62)), "is nested in more than 64 levels".to_owned())]
    );
    let hostile = format!(r#"{{"attributes":{}}}"#, nested(30_000));
    assert_eq!(pointers(api(&hostile)), ["/attributes"]);
    let hostile = format!(r#"{{"user_id":"u","request_status":"new","x":{}}}"#, nested(30_000));
    assert_eq!(pointers(from_event_detail(&hostile)).len(), 1);
}

#[test]
fn what_is_not_json_is_told_from_what_is_not_a_request() {
    for malformed in ["", "{", "{]", r#"{"a":}"#, r#"{"a":1}x"#, r#"{"a":01}"#, "[1,", "\u{feff}{}", "'a'"] {
        assert!(matches!(api(malformed), Err(IntakeError::Malformed(_))), "{malformed}");
        assert!(matches!(from_event_detail(malformed), Err(IntakeError::Malformed(_))), "{malformed}");
    }
    assert!(matches!(from_api(b"{\"note\":\"\xff\"}", user()), Err(IntakeError::Malformed(_))));
    for other in ["[]", "null", "7", r#""new""#, "[{}]"] {
        assert_eq!(pointers(api(other)), [""], "{other}");
    }
}

#[test]
fn an_escape_that_is_no_character_is_refused() {
    assert_eq!(pointers(api(r#"{"note":"\ud800"}"#)), ["/note"]);
    assert_eq!(pointers(api(r#"{"attributes":{"a":{"b":"\ud800"}}}"#)), ["/attributes/a/b"]);
    let detail = r#"{"user_id":"u","request_status":"new","x":"\udc00"}"#;
    assert_eq!(pointers(from_event_detail(detail)), ["/x"]);
}

#[test]
fn an_event_says_who_asks_and_that_it_is_new() {
    assert_eq!(pointers(from_event_detail("{}")), ["/user_id", "/request_status"]);
    let wrong = r#"{"user_id":123,"request_status":"old","environment":"live"}"#;
    assert_eq!(pointers(from_event_detail(wrong)), ["/user_id", "/request_status", "/environment"]);
    let control = r#"{"user_id":"a\nb","request_status":"new"}"#;
    assert_eq!(pointers(from_event_detail(control)), ["/user_id"]);
}

#[test]
fn an_event_keeps_what_is_unknown_and_loses_what_is_ours_to_write() {
    let detail = r#"{"id":"req_forged","metadata":{"event_id":"x"},"user_id":"u","\u0069d":7,"request_status":"new","b\"\n":1,"documents":["d"],"environment":"dev","items":[{"name":"a","sku":9}]}"#;
    assert_eq!(pointers(from_event_detail(detail)), ["/id"], "given twice, in two spellings");
    let request = from_event_detail(&detail.replace(r#""\u0069d":7,"#, "")).unwrap();
    assert_eq!(
        &*request.detail,
        r#"{"user_id":"u","request_status":"new","b\"\n":1,"documents":["d"],"environment":"dev","items":[{"name":"a","sku":9}]}"#
    );
    assert_eq!(request.environment, Environment::Dev);
    let escaped = from_event_detail(r#"{"\u0069d":7,"user_id":"u","request_status":"new"}"#).unwrap();
    assert_eq!(&*escaped.detail, r#"{"user_id":"u","request_status":"new"}"#);
}

#[test]
fn a_user_id_from_outside_is_written_as_json() {
    let user_id: UserId = r#"a"b\é"#.parse().unwrap();
    let request = from_api(b"{}", user_id.clone()).unwrap();
    let typed: RequestDetail = serde_json::from_str(&request.detail).unwrap();
    assert_eq!(typed.request.user_id, user_id);
}

#[test]
fn filters_see_the_event_as_eventbridge_shows_it() {
    let request = from_event_detail(ARTICLE).unwrap();
    let time = "2026-01-02T03:04:05.678Z".parse().unwrap();
    let mut event = request_event(Uuid::from_u128(9), time, &request.detail, None).unwrap();
    assert_eq!(
        event,
        json!({
            "version": "0", "id": "00000000-0000-0000-0000-000000000009",
            "detail-type": "marketplace requests", "source": "com.marketplace.market",
            "account": "000000000000", "time": "2026-01-02T03:04:05Z", "region": "local",
            "resources": [],
            "detail": {
                "user_id": "123456789", "request_status": "new", "3rdparty": "3rdparty1",
                "requests1": "books", "requests2": "pens",
            },
        })
    );
    let metadata = Metadata {
        event_id: Uuid::from_u128(9),
        version: Metadata::VERSION,
        sequence: 1,
        correlation_id: "c".into(),
        causation_id: None,
        environment: Environment::Prod,
        occurred_at: time,
    };
    let ours = request_event(Uuid::from_u128(9), time, &request.detail, Some(&metadata)).unwrap();
    event["detail"]["metadata"] = serde_json::to_value(&metadata).unwrap();
    assert_eq!(ours, event);
}

/// Any JSON, small, with numbers of every kind.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[a-z]{1,140}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any_name(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,4}", Just("name".to_owned()), Just("quantity".to_owned()), ".{0,3}"]
}

/// A value that its field may well accept.
fn likely(name: &'static str) -> BoxedStrategy<Value> {
    let quantity = prop_oneof![Just(json!(0)), Just(json!(0.5)), Just(json!(-1)), Just(Value::Null)];
    let item = (".{0,3}", quantity).prop_map(|(name, n)| json!({ "name": name, "quantity": n }));
    let words = |words: &'static [&'static str]| prop::sample::select(words).prop_map(Value::from);
    match name {
        "request_status" => words(&["new", "new", "old"]).boxed(),
        "mode" => words(&["all", "first-accept", "one"]).boxed(),
        "environment" => words(&["prod", "test", "dev", "live"]).boxed(),
        "amount" => any::<f64>().prop_map(Value::from).boxed(),
        "items" => prop::collection::vec(item, 0..4).prop_map(Value::from).boxed(),
        "documents" => prop::collection::vec(any_json(), 0..3).prop_map(Value::from).boxed(),
        "attributes" => prop::collection::btree_map("[a-z]{1,3}", any_json(), 0..4)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
            .boxed(),
        _ => {
            let lengths = prop_oneof![0..3_usize, 126..131_usize, 4_094..4_099_usize];
            (".", lengths).prop_map(|(text, times)| text.repeat(times).into()).boxed()
        }
    }
}

/// An object that is a request more often than not.
fn nearly_a_request(names: &'static [&'static str]) -> impl Strategy<Value = Map<String, Value>> {
    let known = prop::sample::select(names).prop_flat_map(|name| {
        let value = prop_oneof![9 => likely(name), 1 => any_json()];
        (Just(name.to_owned()), value)
    });
    let extra = (any_name(), any_json());
    let members = prop::collection::vec(prop_oneof![5 => known, 1 => extra], 0..8);
    members.prop_map(|members| members.into_iter().collect())
}

const EVENT_FIELDS: &[&str] = &[
    "user_id",
    "request_status",
    "3rdparty",
    "category",
    "region",
    "amount",
    "items",
    "mode",
    "documents",
    "note",
    "attributes",
    "environment",
];
const API_FIELDS: &[&str] =
    &["third_party", "category", "region", "amount", "items", "mode", "note", "attributes", "environment"];

fn schema_accepts(detail: &Value) -> bool {
    validate::check(names::REQUESTS, detail).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn an_event_is_accepted_when_and_only_when_its_schema_says_so(
        mut detail in nearly_a_request(EVENT_FIELDS),
        complete in prop::bool::weighted(0.8),
    ) {
        if complete {
            detail.insert("user_id".into(), json!("u"));
            detail.insert("request_status".into(), json!("new"));
        }
        let value = Value::Object(detail);
        let outcome = from_event_detail(&value.to_string());
        prop_assert_eq!(outcome.is_ok(), schema_accepts(&value), "{:?} {}", outcome, value);
        if let Ok(request) = outcome {
            let mut kept = value;
            let members = kept.as_object_mut().unwrap();
            members.remove("id");
            let again: Value = serde_json::from_str(&request.detail).unwrap();
            prop_assert_eq!(again, kept);
        }
    }

    #[test]
    fn what_the_api_accepts_is_valid_and_complete(body in nearly_a_request(API_FIELDS)) {
        let body = Value::Object(body);
        if let Ok(request) = from_api(body.to_string().as_bytes(), user()) {
            let detail: Value = serde_json::from_str(&request.detail).unwrap();
            prop_assert!(schema_accepts(&detail), "{}", detail);
            let mut expected = body;
            let members = expected.as_object_mut().unwrap();
            members.retain(|_, value| !value.is_null());
            if let Some(party) = members.remove("third_party") {
                prop_assert_eq!(Some(party.as_str().unwrap()), request.addressed_to.as_deref());
                members.insert("3rdparty".into(), party);
            }
            members.insert("user_id".into(), json!("usr_1"));
            members.insert("request_status".into(), json!("new"));
            prop_assert_eq!(&detail, &expected);
            prop_assert_eq!(from_event_detail(&request.detail), Ok(request));
        }
    }
}

/// What damage is done with.
const NOISE: &[u8] = b"{}[]\",:\\u0e-\xff\x00 ";

/// Bytes that are nearly JSON find more than bytes that are not: 100,000 damaged bodies.
#[test]
fn damaged_bodies_never_panic_and_never_pass_what_is_invalid() {
    let bodies = [
        r#"{"category":"a","amount":1.5e3,"items":[{"name":"pen","quantity":2}],"attributes":{"a":[1,{"b":"\u00e9"}]}}"#,
        ARTICLE,
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let mut accepted = 0_u32;
    for round in 0..100_000 {
        let mut body = bodies[round % 2].as_bytes().to_vec();
        for _ in 0..=next(3) {
            let at = next(body.len().max(1));
            match next(4) {
                _ if body.len() < 2 => {}
                0 => drop(body.remove(at)),
                1 => body.insert(at, NOISE[next(NOISE.len())]),
                2 => body[at] = u8::try_from(next(256)).unwrap(),
                _ => body.truncate(at.max(1)),
            }
        }
        let through_api = from_api(&body, user());
        let through_bus = std::str::from_utf8(&body).map(from_event_detail);
        for request in [through_api.ok(), through_bus.ok().and_then(Result::ok)].into_iter().flatten() {
            let detail: Value = serde_json::from_str(&request.detail).unwrap();
            assert!(schema_accepts(&detail), "{detail}");
            accepted += 1;
        }
    }
    assert!(accepted > 1_000, "the damage was too great to prove anything: {accepted}");
}
