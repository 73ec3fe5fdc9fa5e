//! What holds for all patterns and events.

use std::collections::BTreeMap;

use marketplace_core::pattern::{Asks, Fields, Finding, Pattern, PatternIndex};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::{generate, naive};

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

fn found(index: &PatternIndex<u8>, event: &Value) -> Vec<u8> {
    let mut keys = Vec::new();
    index.matches(&Fields::new(event), &mut keys);
    keys.sort_unstable();
    keys
}

/// An explanation comes to the engine's verdict, and each of its findings is what the condition says by itself.
fn explains(pattern: &Value, parsed: &Pattern, event: &Value) -> Result<(), TestCaseError> {
    let fields = Fields::new(event);
    let explanation = parsed.explain(&fields);
    prop_assert_eq!(explanation.matches, parsed.matches(&fields), "{} on {}", pattern, event);
    let outside = explanation.findings.iter().filter(|finding| !finding.pointer.contains("$or/"));
    let inherited = |finding: &&Finding| matches!(finding.asks, Asks::Field { .. });
    if explanation.matches {
        let failed: Vec<_> = outside.filter(|finding| !finding.holds && !inherited(finding)).collect();
        prop_assert!(failed.is_empty(), "{:?}: {} on {}", failed, pattern, event);
    } else {
        prop_assert!(outside.clone().any(|finding| !finding.holds), "{} on {}", pattern, event);
    }
    for finding in &explanation.findings {
        if let Asks::Field { path, .. } = &finding.asks {
            let conditions = pattern.pointer(&finding.pointer).expect("it points into the pattern").clone();
            let alone = path.split('.').rev().fold(conditions, |inner, name| json!({ name: inner }));
            prop_assert_eq!(finding.holds, naive::matches(&alone, event), "{} on {}", alone, event);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn the_engine_agrees_with_the_naive_evaluator(
        patterns in vec(generate::pattern(), 12),
        events in vec(generate::event(), 12),
    ) {
        for pattern in &patterns {
            // Two `$or`s may have conditions on one field, which is refused.
            let Ok(parsed) = Pattern::from_value(pattern) else { continue };
            for event in &events {
                let expected = naive::matches(pattern, event);
                let fields = Fields::new(event);
                prop_assert_eq!(parsed.matches(&fields), expected, "{} on {}", pattern, event);
                explains(pattern, &parsed, event)?;
            }
        }
    }
}

proptest! {
    #![proptest_config(config(1_000))]

    #[test]
    fn a_pattern_survives_being_written_and_read(pattern in generate::pattern()) {
        let Ok(parsed) = Pattern::from_value(&pattern) else {
            return Err(TestCaseError::reject("two `$or`s on one field"));
        };
        let written = serde_json::to_string(&parsed).expect("a pattern can be written");
        let read: Pattern = serde_json::from_str(&written).expect("what was written can be read");
        prop_assert_eq!(&read, &parsed);
        prop_assert_eq!(serde_json::to_value(&parsed).expect("a pattern is JSON"), pattern);
    }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn the_index_finds_what_matches_after_inserts_and_removes(
        changes in vec((0_u8..12, vec(generate::pattern(), 0..3), any::<bool>()), 1..30),
        events in vec(generate::event(), 12),
    ) {
        let mut index = PatternIndex::default();
        let mut entries: BTreeMap<u8, Vec<Pattern>> = BTreeMap::new();
        for (key, patterns, remove) in changes {
            if remove {
                prop_assert_eq!(index.remove(&key), entries.remove(&key).is_some());
            } else {
                let patterns: Vec<_> = patterns.iter().flat_map(Pattern::from_value).collect();
                index.insert(key, &patterns.iter().collect::<Vec<_>>());
                entries.insert(key, patterns);
            }
            prop_assert_eq!(index.len(), entries.len());
            for event in &events {
                let fields = Fields::new(event);
                let matching = entries.iter().filter(|(_, all)| all.iter().all(|one| one.matches(&fields)));
                let expected: Vec<u8> = matching.map(|(key, _)| *key).collect();
                prop_assert_eq!(found(&index, event), expected, "{}", event);
            }
        }
        for key in entries.keys() {
            index.remove(key);
        }
        prop_assert!(index.is_empty());
        prop_assert!(events.iter().all(|event| found(&index, event).is_empty()));
    }
}

/// Enough entries that sets become bits, blocks split and fields become common.
#[test]
fn a_large_index_finds_what_matches() {
    let mut runner = TestRunner::deterministic();
    let mut sample = |strategy: BoxedStrategy<Value>| {
        let tree = strategy.new_tree(&mut runner).expect("a value");
        tree.current()
    };
    let mut patterns = Vec::new();
    while patterns.len() < 400 {
        patterns.extend(Pattern::from_value(&sample(generate::pattern().boxed())));
    }
    let events: Vec<Value> = (0..150).map(|_| sample(generate::event().boxed())).collect();
    let mut index = PatternIndex::default();
    let mut entries: BTreeMap<usize, [&Pattern; 2]> = BTreeMap::new();
    for step in 0..4_000_usize {
        let key = step * 7_919 % 1_500;
        if step % 3 == 2 {
            assert_eq!(index.remove(&key), entries.remove(&key).is_some());
        } else {
            // Most entries differ from others in one of their two patterns only.
            let pair = [&patterns[step * 31 % 7], &patterns[step * 17 % 400]];
            index.insert(key, &pair);
            entries.insert(key, pair);
        }
    }
    assert!(entries.len() > 800, "{}", entries.len());
    let mut total = 0;
    for event in &events {
        let fields = Fields::new(event);
        let mut keys = Vec::new();
        index.matches(&fields, &mut keys);
        keys.sort_unstable();
        let matching = entries.iter().filter(|(_, pair)| pair.iter().all(|one| one.matches(&fields)));
        let expected: Vec<usize> = matching.map(|(key, _)| *key).collect();
        assert_eq!(keys, expected, "{event}");
        total += keys.len();
    }
    assert!(total > 1_000, "{total}");
}

/// Equality alone, so that large sets of satisfied rows meet large sets of doubtful ones.
#[test]
fn a_large_index_of_equalities_finds_what_matches() {
    let values = |number: usize| [json!(number % 2), json!(number % 7), json!(number % 90)];
    let mut index = PatternIndex::default();
    let mut entries = BTreeMap::new();
    for number in 0..3_000_usize {
        let [few, some, many] = values(number * 37);
        let pattern = match number % 4 {
            0 => json!({"few": [few], "some": [some], "many": [many]}),
            1 => json!({"few": [few, 5], "some": [some]}),
            2 => json!({"some": [some, 9], "many": [many, {"exists": false}]}),
            _ => json!({"few": [few, {"exists": true}], "many": [many]}),
        };
        let pattern = Pattern::from_value(&pattern).expect("a pattern");
        index.insert(number, &[&pattern]);
        entries.insert(number, pattern);
    }
    for key in (0..3_000).filter(|key| key % 5 == 1) {
        index.remove(&key);
        entries.remove(&key);
    }
    for number in 0..200_usize {
        let [few, some, many] = values(number);
        let event = match number % 5 {
            0 => json!({"few": few, "some": some}),
            1 => json!({"few": [few, 1], "some": [some, 3, 9], "many": many}),
            2 => json!({"some": some, "many": [many, 1, 2]}),
            3 => json!({"few": "x", "some": [0, 1, 2, 3], "many": []}),
            _ => json!({"few": few, "some": some, "many": many}),
        };
        let fields = Fields::new(&event);
        let mut keys = Vec::new();
        index.matches(&fields, &mut keys);
        keys.sort_unstable();
        let matching = entries.iter().filter(|(_, pattern)| pattern.matches(&fields));
        let expected: Vec<usize> = matching.map(|(key, _)| *key).collect();
        assert_eq!(keys, expected, "{event}");
    }
}
