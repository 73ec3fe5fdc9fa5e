//! What is not a pattern is refused, at the right place.

use marketplace_core::pattern::{MAX_DEPTH, MAX_FILTER_CHARS, MAX_PATH_BYTES, Pattern};
use serde_json::{Value, json};

#[test]
fn every_fault_is_named_with_its_place() {
    let cases = [
        ("", "", "EOF"),
        ("{", "", "EOF"),
        ("{} x", "", "trailing"),
        ("[]", "", "must be an object, not an array"),
        ("{}", "", "must not be empty"),
        (r#"{"a": {}}"#, "/a", "must not be empty"),
        (r#"{"a": []}"#, "/a", "must not be empty"),
        (r#"{"a": "x"}"#, "/a", "not a string"),
        (r#"{"a": null}"#, "/a", "not null"),
        (r#"{"a": [1], "a": [2]}"#, "/a", "twice"),
        (r#"{"a": {"b": [1]}, "a.b": [2]}"#, "/a.b", "constrained twice"),
        (r#"{"a": [1, ["x"]]}"#, "/a/1", "not an array"),
        (r#"{"a": [{}]}"#, "/a/0", "must name an operator"),
        (r#"{"a": [{"prefix": "x", "suffix": "y"}]}"#, "/a/0", "one operator"),
        (r#"{"a": [{"prefx": "x"}]}"#, "/a/0/prefx", "not an operator"),
        (r#"{"a": [{"prefix": 1}]}"#, "/a/0/prefix", "must be a string"),
        (r#"{"a": [{"prefix": {"suffix": "x"}}]}"#, "/a/0/prefix/suffix", "equals-ignore-case"),
        (r#"{"a": [{"suffix": {"equals-ignore-case": 1}}]}"#, "/a/0/suffix/equals-ignore-case", "string"),
        (r#"{"a": [{"exists": "yes"}]}"#, "/a/0/exists", "true or false"),
        (r#"{"a": [{"wildcard": "a**b"}]}"#, "/a/0/wildcard", "asterisks"),
        (r#"{"a": [{"wildcard": "a\\b"}]}"#, "/a/0/wildcard", "backslash"),
        (r#"{"a": [{"cidr": "10.0.0.0/33"}]}"#, "/a/0/cidr", "0 to 32"),
        (r#"{"a": [{"cidr": "10.0.0.0"}]}"#, "/a/0/cidr", "slash"),
        (r#"{"a": [{"numeric": 1}]}"#, "/a/0/numeric", "must be an array"),
        (r#"{"a": [{"numeric": []}]}"#, "/a/0/numeric", "one comparison"),
        (r#"{"a": [{"numeric": [1, ">"]}]}"#, "/a/0/numeric/0", "must be one of"),
        (r#"{"a": [{"numeric": [">", "1"]}]}"#, "/a/0/numeric/1", "must be a number"),
        (r#"{"a": [{"numeric": [">", 5, "<", 1]}]}"#, "/a/0/numeric", "less than"),
        (r#"{"a": [{"numeric": [">", 5, "<", 5]}]}"#, "/a/0/numeric", "less than"),
        (r#"{"a": [{"numeric": ["<", 5, ">", 1]}]}"#, "/a/0/numeric", "lower bound and then"),
        (r#"{"a": [{"numeric": ["=", 5, "<", 9]}]}"#, "/a/0/numeric", "lower bound and then"),
        (r#"{"a": [{"anything-but": []}]}"#, "/a/0/anything-but", "must not be empty"),
        (r#"{"a": [{"anything-but": ["x", 1]}]}"#, "/a/0/anything-but/1", "mixed"),
        (r#"{"a": [{"anything-but": true}]}"#, "/a/0/anything-but", "not a boolean"),
        (r#"{"a": [{"anything-but": [null]}]}"#, "/a/0/anything-but/0", "not null"),
        (r#"{"a": [{"anything-but": {"cidr": "::/8"}}]}"#, "/a/0/anything-but/cidr", "cannot contain"),
        (r#"{"a": [{"anything-but": {"prefix": ""}}]}"#, "/a/0/anything-but/prefix", "empty"),
        (r#"{"a": [{"anything-but": {"suffix": []}}]}"#, "/a/0/anything-but/suffix", "empty"),
        (r#"{"a": [{"anything-but": {"wildcard": ["*", "**"]}}]}"#, "/a/0/anything-but/wildcard/1", "asterisks"),
        (r#"{"$or": [{"a": [1]}]}"#, "/$or", "two or more"),
        (r#"{"$or": {"a": [1]}}"#, "/$or", "array of objects"),
        (r#"{"$or": [{"a": [1]}, 1]}"#, "/$or/1", "must be an object"),
        (r#"{"$or": [{"a": [1]}, {}]}"#, "/$or/1", "must not be empty"),
        (r#"{"$or": [{"a": [1]}, {"prefix": ["x"]}]}"#, "/$or/1/prefix", "reserved"),
        (r#"{"$or": [{"a": [1]}, {"b": [1]}], "a": [2]}"#, "/a", "overruled"),
        (r#"{"$or": [{"a.b": [1]}, {"c": [1]}], "a": {"$or": [{"b": [1]}, {"d": [1]}]}}"#, "", "two `$or`s"),
        (r#"{"x/y": {"~": [[]]}}"#, "/x~1y/~0/0", "not an array"),
    ];
    for (text, pointer, detail) in cases {
        let error = Pattern::parse(text).expect_err(text);
        assert_eq!(error.pointer, pointer, "{text}: {error}");
        assert!(error.detail.contains(detail), "{text}: {error}");
    }
}

#[test]
fn an_error_shows_its_place() {
    let error = Pattern::parse(r#"{"a": []}"#).expect_err("nothing in the array");
    assert_eq!(error.to_string(), "must not be empty (at /a)");
}

#[test]
fn deep_nesting_is_refused_and_never_overflows_the_stack() {
    for depth in [MAX_DEPTH, 127, 128, 129, 1_000, 200_000] {
        for (open, close) in [(r#"{"a":"#, "}"), ("[", "]"), (r#"{"$or":["#, "]}")] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            assert!(Pattern::parse(&text).is_err(), "{depth} {open}");
        }
    }
    let mut value = json!([1]);
    for _ in 0..MAX_DEPTH {
        value = json!({ "a": value });
    }
    let error = Pattern::from_value(&value).expect_err("too deep");
    assert!(error.detail.contains("nested deeper"), "{error}");
    assert_eq!(Pattern::parse(&value.to_string()).expect_err("too deep").pointer, "");
    assert!(Pattern::from_value(&value["a"]).is_ok());
    assert!(Pattern::parse(&value["a"].to_string()).is_ok());
}

#[test]
fn a_filter_has_at_most_4096_characters() {
    let short = "é".repeat(MAX_FILTER_CHARS);
    assert!(Pattern::check_length(&short).is_ok());
    let error = Pattern::check_length(&format!("{short}x")).expect_err("too long");
    assert!(error.detail.contains("4097 characters"), "{error}");
}

#[test]
fn at_most_1000_combinations_are_allowed() {
    let choice =
        |branches: usize| -> Value { (0..branches).map(|number| json!({ format!("field-{number}"): [1] })).collect() };
    let cube = |last: usize| json!({"a": {"$or": choice(10)}, "b": {"$or": choice(10)}, "c": {"$or": choice(last)}});
    assert!(Pattern::from_value(&cube(10)).is_ok());
    let error = Pattern::from_value(&cube(11)).expect_err("1,100 combinations");
    assert!(error.detail.contains("1000 combinations"), "{error}");
    // Many more than any counter can hold, in a text of 2,000 characters.
    let wide: serde_json::Map<String, Value> =
        (0..70).map(|number| (format!("f{number}"), json!({"$or": choice(2)}))).collect();
    assert!(Pattern::from_value(&Value::Object(wide)).is_err());
}

#[test]
fn the_path_of_a_field_has_at_most_1024_bytes() {
    let longest = "x".repeat(MAX_PATH_BYTES - 2);
    assert!(Pattern::from_value(&json!({"a": {&*longest: [1]}})).is_ok());
    let error = Pattern::from_value(&json!({"ab": {&*longest: [1]}})).expect_err("too long");
    assert!(error.pointer.starts_with("/ab/x"), "{error}");
}
