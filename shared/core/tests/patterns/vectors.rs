//! Every case of `tests/vectors/event-patterns.json`.

use std::path::Path;

use marketplace_core::pattern::{Fields, Pattern, PatternIndex};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Vector<'a> {
    #[serde(borrow)]
    pattern: &'a RawValue,
    valid: bool,
    #[serde(default)]
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    event: Value,
    matches: bool,
}

/// The file's text.
pub(crate) fn text() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/event-patterns.json");
    std::fs::read_to_string(path).expect("the vectors are in the repository")
}

#[test]
fn every_vector_is_answered_as_expected() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/event-patterns.json");
    let text = std::fs::read_to_string(path).expect("the vectors are in the repository");
    let vectors: Vec<Vector<'_>> = serde_json::from_str(&text).expect("the vectors are JSON");
    assert_eq!(vectors.len(), 350);
    let mut cases = 0;
    let mut refused = 0;
    for vector in &vectors {
        let source = vector.pattern.get();
        let parsed = Pattern::parse(source);
        let value: Value = serde_json::from_str(source).expect("JSON");
        let from_value = Pattern::from_value(&value);
        assert_eq!(parsed.is_ok(), vector.valid, "{source}: {parsed:?}");
        assert_eq!(from_value.is_ok(), vector.valid, "{source}: {from_value:?}");
        let (Ok(parsed), Ok(from_value)) = (parsed, from_value) else {
            refused += 1;
            continue;
        };
        let mut index = PatternIndex::default();
        index.insert((), &[&parsed]);
        for case in &vector.cases {
            cases += 1;
            let fields = Fields::new(&case.event);
            let place = || format!("{source} on {}", case.event);
            assert_eq!(parsed.matches(&fields), case.matches, "{}", place());
            assert_eq!(from_value.matches(&fields), case.matches, "{}", place());
            assert_eq!(parsed.explain(&fields).matches, case.matches, "{}", place());
            let mut keys = Vec::new();
            index.matches(&fields, &mut keys);
            assert_eq!(keys.len(), usize::from(case.matches), "{}", place());
        }
    }
    assert_eq!((cases, refused), (2_028, 12));
}
