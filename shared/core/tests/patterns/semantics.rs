//! What patterns mean, case by case, where the vectors say little.

use marketplace_core::pattern::{Asks, Fields, Pattern, PatternIndex};
use serde_json::{Value, json};

/// Asserts what a pattern answers to an event, alone and through an index.
#[track_caller]
fn assert_answer(pattern: &str, event: &Value, expected: bool) {
    let parsed = Pattern::parse(pattern).expect(pattern);
    let fields = Fields::new(event);
    assert_eq!(parsed.matches(&fields), expected, "{pattern} on {event}");
    let mut index = PatternIndex::default();
    index.insert("key", &[&parsed]);
    let mut keys = Vec::new();
    index.matches(&fields, &mut keys);
    assert_eq!(keys.len(), usize::from(expected), "{pattern} on {event}, indexed");
}

#[test]
fn numbers_are_equal_by_value_and_never_to_strings() {
    for number in ["300", "300.0", "3.0e2"] {
        let event = json!({"amount": serde_json::from_str::<Value>(number).expect("a number")});
        for asked in ["300", "300.0", "3e2"] {
            assert_answer(&format!(r#"{{"amount": [{asked}]}}"#), &event, true);
            assert_answer(&format!(r#"{{"amount": [{{"anything-but": {asked}}}]}}"#), &event, false);
            assert_answer(&format!(r#"{{"amount": [{{"numeric": ["=", {asked}]}}]}}"#), &event, true);
        }
        assert_answer(r#"{"amount": ["300"]}"#, &event, false);
        assert_answer(r#"{"amount": [{"prefix": "3"}]}"#, &event, false);
    }
    assert_answer(r#"{"amount": [{"numeric": [">", 1]}]}"#, &json!({"amount": "300"}), false);
    assert_answer(r#"{"id": [12345678901234567]}"#, &json!({"id": 12_345_678_901_234_568_u64}), false);
}

#[test]
fn an_array_offers_each_of_its_elements() {
    let event = json!({"tags": ["a", 1, null, ["deep"]], "none": []});
    for (pattern, expected) in [
        (r#"{"tags": ["a"]}"#, true),
        (r#"{"tags": [null]}"#, true),
        (r#"{"tags": ["deep"]}"#, true),
        (r#"{"tags": ["b"]}"#, false),
        (r#"{"tags": [{"anything-but": "a"}]}"#, true),
        (r#"{"none": [{"exists": true}]}"#, false),
        (r#"{"none": [{"exists": false}]}"#, true),
        (r#"{"none": [{"anything-but": "a"}]}"#, false),
    ] {
        assert_answer(pattern, &event, expected);
    }
}

#[test]
fn exists_asks_for_values_not_for_objects() {
    let event = json!({"a": {"b": null}, "c": {}});
    for (pattern, expected) in [
        (r#"{"a": [{"exists": true}]}"#, false),
        (r#"{"a": [{"exists": false}]}"#, true),
        (r#"{"a": {"b": [{"exists": true}]}}"#, true),
        (r#"{"c": [{"exists": false}]}"#, true),
        (r#"{"d": {"e": [{"exists": false}]}}"#, true),
        (r#"{"a": {"b": [{"exists": false}, null]}}"#, true),
    ] {
        assert_answer(pattern, &event, expected);
    }
}

#[test]
fn conditions_within_an_array_of_objects_are_met_by_one_element() {
    let event = json!({
        "employees": [
            {"first": "Anna", "last": "Smith", "left": 2020},
            {"first": "Peter", "last": "Jones", "phones": [{"kind": "home", "no": 1}, {"kind": "work", "no": 2}]},
        ],
        "teams": [[{"name": "x", "size": 1}], [{"name": "y", "size": 2}]],
    });
    for (pattern, expected) in [
        (r#"{"employees": {"first": ["Anna"], "last": ["Smith"]}}"#, true),
        (r#"{"employees": {"first": ["Anna"], "last": ["Jones"]}}"#, false),
        (r#"{"employees": {"first": ["Anna"]}, "teams": {"name": ["y"]}}"#, true),
        (r#"{"teams": {"name": ["y"], "size": [2]}}"#, true),
        (r#"{"teams": {"name": ["y"], "size": [1]}}"#, false),
        (r#"{"employees": {"phones": {"kind": ["work"], "no": [2]}, "first": ["Peter"]}}"#, true),
        (r#"{"employees": {"phones": {"kind": ["work"], "no": [1]}}}"#, false),
        (r#"{"employees": {"phones": {"kind": ["work"]}, "first": ["Anna"]}}"#, false),
        (r#"{"employees": {"first": ["Peter"], "left": [{"exists": false}]}}"#, true),
        (r#"{"employees": {"first": ["Anna"], "left": [{"exists": false}]}}"#, false),
        (r#"{"employees": {"first": ["Anna"], "phones": {"kind": [{"exists": false}]}}}"#, true),
        (r#"{"employees": {"$or": [{"first": ["Anna"]}, {"first": ["Peter"]}], "last": ["Jones"]}}"#, true),
        (r#"{"employees": {"$or": [{"first": ["Anna"]}, {"first": ["Paul"]}], "last": ["Jones"]}}"#, false),
    ] {
        // `$or` is written last, as it must be when fields around it are named within it.
        assert_answer(pattern, &event, expected);
    }
}

#[test]
fn every_or_takes_part_in_every_combination() {
    let pattern = r#"{"$or": [{"l": {"p": [1]}}, {"l": {"q": [1]}}],
        "l": {"$or": [{"a": [1]}, {"e": [1]}]}}"#;
    assert_answer(pattern, &json!({"l": [{"e": 1}, {"p": 1}, {"q": 1}, {"a": 1}]}), false);
    assert_answer(pattern, &json!({"l": [{"a": 1}, {"p": 1}, {"q": 1, "e": 1}]}), true);
}

#[test]
fn a_condition_inside_or_replaces_the_one_around_it() {
    let pattern = r#"{"a": ["1"], "$or": [{"a": ["2"]}, {"b": ["3"]}]}"#;
    assert_answer(pattern, &json!({"a": "2"}), true);
    assert_answer(pattern, &json!({"a": "1"}), false);
    assert_answer(pattern, &json!({"a": "1", "b": "3"}), true);
    assert_answer(pattern, &json!({"a": "9", "b": "3"}), false);
    let nested = r#"{"a": ["1"], "$or": [{"$or": [{"a": ["2"]}, {"b": ["3"]}]}, {"c": ["4"]}]}"#;
    assert_answer(nested, &json!({"a": "2"}), true);
    assert_answer(nested, &json!({"a": "1", "c": "4"}), true);
    assert_answer(nested, &json!({"a": "2", "c": "5"}), true);
    assert_answer(nested, &json!({"b": "3"}), false);
}

#[test]
fn dots_and_nesting_name_the_same_field() {
    for event in [json!({"a": {"b": {"c": 1}}}), json!({"a.b": {"c": 1}}), json!({"a": {"b.c": 1}})] {
        assert_answer(r#"{"a": {"b": {"c": [1]}}}"#, &event, true);
        assert_answer(r#"{"a.b.c": [1]}"#, &event, true);
        assert_answer(r#"{"a.b": {"d": [1]}}"#, &event, false);
    }
}

#[test]
fn an_empty_affix_asks_for_a_string() {
    for name in ["prefix", "suffix"] {
        let pattern = format!(r#"{{"a": [{{"{name}": ""}}]}}"#);
        assert_answer(&pattern, &json!({"a": ""}), true);
        assert_answer(&pattern, &json!({"a": 5}), false);
    }
}

#[test]
fn an_event_that_is_not_an_object_has_no_fields() {
    for event in [json!(null), json!("text"), json!([{"a": 1}])] {
        assert_answer(r#"{"a": [1]}"#, &event, false);
        assert_answer(r#"{"a": [{"exists": false}]}"#, &event, true);
    }
}

/// What does not hold, in the order in which it is said.
fn failing(pattern: &str, event: &Value) -> Vec<String> {
    let explanation = Pattern::parse(pattern).expect(pattern).explain(&Fields::new(event));
    let failing = explanation.findings.into_iter().filter(|finding| !finding.holds);
    failing.map(|finding| finding.pointer).collect()
}

#[test]
fn every_condition_is_explained_where_it_stands() {
    let pattern = r#"{"detail": {"a": [1], "x/y": [2], "$or": [{"b": [3]}, {"c": [4]}]}}"#;
    for (event, expected) in [
        (json!({"detail": {"a": 1, "x/y": 2, "b": 3, "c": 4}}), &[][..]),
        (json!({"detail": {"a": 0, "x/y": 2, "b": 3, "c": 4}}), &["/detail/a"]),
        (json!({"detail": {"a": 1, "b": 3, "c": 4}}), &["/detail/x~1y"]),
        (json!({"detail": {"a": 1, "x/y": 2, "b": 3}}), &["/detail/$or/1", "/detail/$or/1/c"]),
        (
            json!({"detail": {"a": 1, "x/y": 2, "b": 4}}),
            &["/detail/$or", "/detail/$or/0", "/detail/$or/0/b", "/detail/$or/1", "/detail/$or/1/c"],
        ),
    ] {
        assert_eq!(failing(pattern, &event), expected, "{event}");
    }
    let outside_and_inside = r#"{"a": [1], "$or": [{"a": [2]}, {"b": [3]}]}"#;
    assert_eq!(failing(outside_and_inside, &json!({"a": 2})), ["/$or/1", "/$or/1/b", "/a"], "the inner one counts");
}

#[test]
fn what_one_element_has_to_satisfy_together_is_told_apart() {
    let pattern = r#"{"l": {"a": [1], "b": [2]}}"#;
    assert_eq!(failing(pattern, &json!({"l": [{"a": 1}, {"b": 2}]})), [""]);
    assert_eq!(failing(pattern, &json!({"l": [{"a": 1}, {"b": 3}]})), ["/l/b"]);
    let pattern = Pattern::parse(pattern).expect("a pattern");
    let event = json!({"l": [{"a": 1}, {"b": 2}]});
    let last = pattern.explain(&Fields::new(&event)).findings.pop().expect("a finding");
    assert_eq!(last.asks, Asks::SameElement);
}

#[test]
fn what_was_found_is_said_as_json_has_it() {
    let pattern = Pattern::parse(r#"{"a": [{"exists": false}]}"#).expect("a pattern");
    let numbers: Value = (0..20).collect();
    for (value, expected) in [
        (json!("text"), json!(["text"])),
        (
            json!([null, true, 1.5, -7, 18_446_744_073_709_551_615_u64, [2], {"b": 3}]),
            json!([null, true, 1.5, -7, 18_446_744_073_709_551_615_u64, 2]),
        ),
        (json!({}), json!([])),
        (numbers, json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])),
    ] {
        let event = json!({"a": value});
        let finding = pattern.explain(&Fields::new(&event)).findings.remove(0);
        let Asks::Field { path, found } = finding.asks else { panic!("a field") };
        assert_eq!((&*path, json!(found)), ("a", expected), "{event}");
    }
}

#[test]
fn equality_is_about_meaning_and_the_source_is_kept() {
    let spaced = Pattern::parse("{ \"a\" : [ 1 ] }").expect("a pattern");
    let dense = Pattern::from_value(&json!({"a": [1]})).expect("a pattern");
    assert_eq!(spaced, dense);
    assert_eq!(spaced.source(), "{ \"a\" : [ 1 ] }");
    assert_eq!(dense.source(), r#"{"a":[1]}"#);
    assert_ne!(dense, Pattern::parse(r#"{"a":[2]}"#).expect("a pattern"));
    assert_eq!(serde_json::to_string(&spaced).expect("JSON"), r#"{"a":[1]}"#);
}

#[test]
fn scope_and_filter_are_both_needed() {
    let scope = Pattern::parse(r#"{"category": ["books", "toys"]}"#).expect("a pattern");
    let filter = Pattern::parse(r#"{"category": [{"anything-but": "books"}]}"#).expect("a pattern");
    let mut index = PatternIndex::default();
    index.insert("both", &[&scope, &filter]);
    index.insert("neither", &[]);
    for (category, expected) in [("books", 1), ("toys", 2), ("pens", 1)] {
        let mut keys = Vec::new();
        index.matches(&Fields::new(&json!({ "category": category })), &mut keys);
        assert_eq!(keys.len(), expected, "{category}");
    }
}

#[test]
fn more_combinations_than_an_index_keeps_apart_are_found_too() {
    let pattern = r#"{"kind": ["x"],
        "a": {"$or": [{"n": [1]}, {"n": [2], "m": ["y"]}, {"n": [3]}, {"n": [{"exists": false}]}]},
        "b": {"$or": [{"n": [1]}, {"n": [{"prefix": "p"}]}, {"m": [3]}, {"m": [4]}]},
        "c": {"$or": [{"n": [1]}, {"n": [2]}, {"n": [3]}, {"n": [{"anything-but": [3, 4, 5]}]}]}}"#;
    for (event, expected) in [
        (json!({"kind": "x", "a": {"n": 1}, "b": {"n": 1}, "c": {"n": 1}}), true),
        (json!({"kind": "x", "a": {"n": 2, "m": "y"}, "b": {"n": "pq"}, "c": {"n": 9}}), true),
        (json!({"kind": "x", "a": {"n": 2, "m": "z"}, "b": {"n": "pq"}, "c": {"n": 9}}), false),
        (json!({"kind": "x", "b": {"m": 4}, "c": {"n": 3}}), true),
        (json!({"kind": "x", "b": {"m": 4}, "c": {"n": 4}}), false),
        (json!({"kind": "x", "b": {"m": 5}, "c": {"n": 3}}), false),
        (json!({"kind": "w", "b": {"m": 4}, "c": {"n": 3}}), false),
    ] {
        assert_answer(pattern, &event, expected);
    }
}

#[test]
fn a_hostile_event_takes_little_time() {
    let side = |name: &str, odd: usize| -> Value {
        (0..2_000).map(|number| json!({ name: number % 2, "other": (number + odd) % 2 })).collect()
    };
    let event = json!({"p": side("x", 1), "q": side("x", 1), "r": side("x", 1), "s": side("x", 1)});
    let fields = Fields::new(&event);
    let one = r#"{"x": [1], "other": [1]}"#;
    let pattern = format!(r#"{{"p": {{"x": [1]}}, "q": {{"x": [1]}}, "r": {{"x": [1]}}, "s": {one}}}"#);
    let parsed = Pattern::parse(&pattern).expect("a pattern");
    // 1,000 to the 4th combinations of elements; this ends because they are never tried.
    assert!(!parsed.matches(&fields));
}
