//! What a mapping makes of messages and words, and which mappings are refused.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const OURS: &str = r#"{"type":"offer.created","timestamp":"2026-11-29T10:00:00Z","data":{"delivery_id":"dlv_1","third_party":"books","request":{"id":"req_1","amount":12.50,"big":123456789012345678901234567890,"a/b":{"~":"é"},"items":[{"name":"pen","quantity":2}]}}}"#;

fn mapping(value: Value) -> Mapping {
    serde_json::from_value(value).unwrap()
}

fn pointers(value: Value) -> Vec<String> {
    mapping(value).faults("").into_iter().map(|fault| fault.pointer).collect()
}

#[test]
fn fields_go_where_the_party_wants_them_exactly_as_they_were_written() {
    let mapping = mapping(json!({ "fields": [
        { "to": "/event", "from": "/type" },
        { "to": "/order/reference", "from": "/data/delivery_id" },
        { "to": "/order/price", "from": "/data/request/amount" },
        { "to": "/order/big", "from": "/data/request/big" },
        { "to": "/first~1item", "from": "/data/request/items/0/name" },
        { "to": "/odd", "from": "/data/request/a~1b/~0" },
        { "to": "/version", "default": 2 },
        { "to": "/nothing", "default": null },
        { "to": "/region", "from": "/data/request/region", "default": "everywhere" },
        { "to": "/note", "from": "/data/request/note" },
        { "to": "/second", "from": "/data/request/items/01/name" },
    ] }));
    assert_eq!(mapping.faults(""), []);
    let mapped = mapping.apply(OURS);
    let expected = r#"{"event":"offer.created","order":{"reference":"dlv_1","price":12.50,"big":123456789012345678901234567890},"first/item":"pen","odd":"é","version":2,"nothing":null,"region":"everywhere"}"#;
    assert_eq!(mapped.text, expected);
    assert_eq!(mapped.missing, ["/data/request/note", "/data/request/items/01/name"]);
}

#[test]
fn without_fields_a_message_stays_as_it_is() {
    let words = mapping(json!({ "statuses": { "shipped": "completed" } }));
    assert_eq!(Mapping::message(Some(&words), OURS.to_owned()), OURS);
    assert_eq!(Mapping::message(None, OURS.to_owned()), OURS);
}

#[test]
fn words_of_the_party_are_understood_and_ours_too() {
    let words = mapping(json!({ "statuses": { "shipped": "completed", "accepted": "accepted" } }));
    assert_eq!(words.faults(""), []);
    let status = |word| Mapping::status(Some(&words), word);
    assert_eq!(status("shipped"), Some(AnswerStatus::Completed));
    assert_eq!(status("declined"), Some(AnswerStatus::Declined));
    assert_eq!(status("Shipped"), None);
    assert_eq!(Mapping::status(None, "shipped"), None);
    assert_eq!(Mapping::status(None, "in-progress"), Some(AnswerStatus::InProgress));
}

#[test]
fn every_fault_is_named() {
    let whole = json!({ "to": "/offer", "from": "" });
    assert_eq!(pointers(json!({})), [""]);
    assert_eq!(pointers(json!({ "fields": [whole, { "to": "", "from": "/type" }] })), ["/fields/1/to"]);
    assert_eq!(pointers(json!({ "fields": [whole, { "to": "x", "from": "y" }] })), ["/fields/1/to", "/fields/1/from"]);
    assert_eq!(pointers(json!({ "fields": [whole, { "to": "/a" }] })), ["/fields/1"]);
    assert_eq!(pointers(json!({ "fields": [whole, { "to": "/a~2", "default": 1 }] })), ["/fields/1/to"]);
    let steps = "/x".repeat(STEPS + 1);
    assert_eq!(pointers(json!({ "fields": [whole, { "to": steps, "default": 1 }] })), ["/fields/1/to"]);
    let long = format!("/{}", "x".repeat(POINTER_CHARS));
    assert_eq!(pointers(json!({ "fields": [whole, { "to": long, "default": 1 }] })), ["/fields/1/to"]);
    for to in ["/offer", "/offer/a"] {
        assert_eq!(pointers(json!({ "fields": [whole, { "to": to, "default": 1 }] })), ["/fields/1/to"], "{to}");
    }
    let below = json!([{ "to": "/a/b", "from": "" }, { "to": "/a", "default": 1 }]);
    assert_eq!(pointers(json!({ "fields": below })), ["/fields/1/to"]);
    assert_eq!(pointers(json!({ "fields": [{ "to": "/a", "default": 1 }] })), ["/fields", "/fields"]);
    assert_eq!(pointers(json!({ "fields": [{ "to": "/a", "from": "/data" }] })), ["/fields"]);
    assert_eq!(
        pointers(json!({ "fields": [{ "to": "/a", "from": "/type" }, { "to": "/b", "from": "/data/delivery" }] })),
        ["/fields"]
    );
    let words = json!({ "": "accepted", "declined": "accepted", "a/b": "accepted" });
    assert_eq!(pointers(json!({ "statuses": words })), ["/statuses/", "/statuses/declined"]);
    let large = json!({ "to": "/b", "default": "x".repeat(MAPPING_BYTES) });
    assert_eq!(pointers(json!({ "fields": [whole, large] })), [""]);
    let many: Vec<_> = (0..=MOST_FIELDS).map(|each| json!({ "to": format!("/{each}"), "from": "" })).collect();
    assert_eq!(pointers(json!({ "fields": many })), ["/fields"]);
    let many: BTreeMap<_, _> = (0..=MOST_WORDS).map(|each| (each.to_string(), "accepted")).collect();
    assert_eq!(pointers(json!({ "statuses": many })), ["/statuses"]);
}

/// Documents with members whose names need escaping, in a pointer and in JSON.
fn document() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), "[a\"\\\\/~é]{0,4}".prop_map(Value::from)];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab/~\"é0]{0,2}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Every pointer into a document.
fn all(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    let below = |step: &str| {
        let mut pointer = at.to_owned();
        event_schema::fault::push_step(&mut pointer, step);
        pointer
    };
    match value {
        Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(place, entry)| all(entry, &below(&place.to_string()), found));
        }
        Value::Object(members) => members.iter().for_each(|(name, member)| all(member, &below(name), found)),
        _ => {}
    }
}

proptest! {
    /// An independent reader of pointers agrees, in what is read and in where it is put.
    #[test]
    fn whatever_a_pointer_names_arrives_where_it_is_sent(document in document(), to in "(/[ab~01]{1,2}){1,3}") {
        prop_assume!(Pointer::parse(&to).is_ok());
        let text = document.to_string();
        let mut from = vec![];
        all(&document, "", &mut from);
        for from in from {
            let field = MappedField { to: to.clone(), from: Some(from.clone()), default: None };
            let mapped = Mapping { fields: vec![field], statuses: BTreeMap::new() }.apply(&text);
            let result: Value = serde_json::from_str(&mapped.text).unwrap();
            prop_assert_eq!(result.pointer(&to), document.pointer(&from));
            prop_assert!(mapped.missing.is_empty());
        }
    }
}
