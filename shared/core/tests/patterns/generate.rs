//! Random patterns and events over so few names and values that they often have to do with each other.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// What fields of patterns are called, and what objects around them are; events mix the two.
const FIELDS: [&str; 3] = ["a", "b", "c"];
const OBJECTS: [&str; 2] = ["x", "y"];
const NAMES: [&str; 5] = ["a", "b", "c", "x", "y"];
const TEXTS: [&str; 16] = [
    "",
    "a",
    "ab",
    "abc",
    "AB",
    "b",
    "ba",
    "bab",
    "é",
    "aÉ",
    "straße",
    "STRASSE",
    "10.0.0.1",
    "10.0.1.1",
    "2001:db8::1",
    "1",
];
const NUMBERS: [&str; 8] = ["0", "1", "1.0", "10", "1e1", "-2.5", "2.25", "18446744073709551615"];
const WILDCARDS: [&str; 10] = ["*", "a*", "*b", "a*b", "*a*", "*b*a*", "ab", "", r"\*a", "*aba*abc*"];
const BLOCKS: [&str; 5] = ["10.0.0.0/24", "10.0.1.1/32", "0.0.0.0/0", "2001:db8::/32", "10.0.0.9/16"];

fn text() -> impl Strategy<Value = Value> {
    select(&TEXTS[..]).prop_map(Value::from)
}

fn number() -> impl Strategy<Value = Value> {
    select(&NUMBERS[..]).prop_map(|text| serde_json::from_str(text).expect("a number"))
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![4 => text(), 2 => number(), 1 => any::<bool>().prop_map(Value::from), 1 => Just(Value::Null)]
}

/// An event: names from the same few as patterns', arrays of anything among the values.
pub(crate) fn event() -> impl Strategy<Value = Value> {
    let value = scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => object(inner),
        ]
    });
    object(value)
}

fn object(member: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    btree_map(select(&NAMES[..]), member, 0..4).prop_map(members)
}

fn members(members: std::collections::BTreeMap<&'static str, Value>) -> Value {
    let members = members.into_iter().map(|(name, member)| (name.to_owned(), member));
    Value::Object(members.collect::<Map<_, _>>())
}

/// A pattern, valid but for a few in which two `$or`s have conditions on one field.
pub(crate) fn pattern() -> impl Strategy<Value = Value> {
    let fields = || btree_map(select(&FIELDS[..]), conditions(), 1..3).prop_map(members);
    fields().prop_recursive(3, 12, 3, move |inner| {
        let nested = (fields(), select(&OBJECTS[..]), inner.clone());
        let branches = (fields(), any::<bool>(), vec(inner, 2..4));
        prop_oneof![
            nested.prop_map(|(mut object, name, inner)| {
                object[name] = inner;
                object
            }),
            branches.prop_map(|(object, keep, branches)| {
                let mut object = if keep { object } else { json!({}) };
                object["$or"] = Value::from(branches);
                object
            }),
        ]
    })
}

fn conditions() -> impl Strategy<Value = Value> {
    vec(prop_oneof![1 => scalar(), 2 => operator()], 1..4).prop_map(Value::from)
}

fn operator() -> impl Strategy<Value = Value> {
    let texts = || prop_oneof![text(), vec(text(), 1..4).prop_map(Value::from)];
    let filled = || texts().prop_filter("an affix", |value| !has_empty(value));
    let numbers = || prop_oneof![number(), vec(number(), 1..4).prop_map(Value::from)];
    let wildcard = || select(&WILDCARDS[..]).prop_map(Value::from);
    let wildcards = prop_oneof![wildcard(), vec(wildcard(), 1..3).prop_map(Value::from)];
    prop_oneof![
        2 => any::<bool>().prop_map(|exists| json!({"exists": exists})),
        1 => text().prop_map(|text| json!({"prefix": text})),
        1 => text().prop_map(|text| json!({"suffix": text})),
        1 => text().prop_map(|text| json!({"equals-ignore-case": text})),
        1 => text().prop_map(|text| json!({"prefix": {"equals-ignore-case": text}})),
        1 => text().prop_map(|text| json!({"suffix": {"equals-ignore-case": text}})),
        1 => wildcard().prop_map(|text| json!({"wildcard": text})),
        2 => numeric(),
        1 => select(&BLOCKS[..]).prop_map(|block| json!({"cidr": block})),
        2 => texts().prop_map(|texts| json!({"anything-but": texts})),
        1 => numbers().prop_map(|numbers| json!({"anything-but": numbers})),
        1 => filled().prop_map(|texts| json!({"anything-but": {"prefix": texts}})),
        1 => filled().prop_map(|texts| json!({"anything-but": {"suffix": texts}})),
        1 => texts().prop_map(|texts| json!({"anything-but": {"equals-ignore-case": texts}})),
        1 => wildcards.prop_map(|texts| json!({"anything-but": {"wildcard": texts}})),
    ]
}

fn has_empty(value: &Value) -> bool {
    value == "" || value.as_array().is_some_and(|items| items.iter().any(|item| item == ""))
}

fn numeric() -> impl Strategy<Value = Value> {
    let sign = select(&["=", "<", "<=", ">", ">="][..]);
    let bounds = (select(&[">", ">="][..]), -3..10, select(&["<", "<="][..]), 1..5);
    prop_oneof![
        (sign, number()).prop_map(|(sign, number)| json!({"numeric": [sign, number]})),
        bounds.prop_map(|(above, low, below, width)| { json!({"numeric": [above, low, below, low + width]}) }),
    ]
}
