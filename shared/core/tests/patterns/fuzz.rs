//! No input whatever makes the parser panic: 120,000 of them, the same in every run.

use std::collections::BTreeMap;

use marketplace_core::pattern::Pattern;
use serde_json::Value;

use crate::vectors;

/// Marsaglia's xorshift: fast, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("below the limit")
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const PIECES: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "*",
    "$or",
    "\"a\"",
    "\"$or\":[",
    "{\"a\":[",
    "0",
    "-1",
    "1e999",
    "1e-999",
    "3.0e2",
    "null",
    "true",
    "false",
    "\"prefix\":",
    "\"suffix\":",
    "\"numeric\":[",
    "\"<=\"",
    "\"anything-but\":",
    "\"exists\":",
    "\"cidr\":\"::/0\"",
    "\"wildcard\":\"a*\"",
    "\"equals-ignore-case\":",
    "é",
    "书",
    "\u{0}",
    "\u{10ffff}",
    "\\ud800",
    "\\u0041",
    " ",
    "\n",
    "~",
    "/",
];

#[test]
fn no_text_makes_the_parser_panic() {
    let mut random = Random(1);
    for _ in 0..60_000 {
        let length = random.below(24);
        let text: String = (0..length).map(|_| random.pick(&PIECES)).collect();
        let _ = Pattern::parse(&text);
    }
}

#[test]
fn no_damage_to_a_pattern_makes_the_parser_panic() {
    let text = vectors::text();
    let sources: Vec<Value> = serde_json::from_str(&text).expect("the vectors are JSON");
    let sources: Vec<Vec<char>> =
        sources.iter().map(|vector| vector["pattern"].to_string().chars().collect()).collect();
    let mut random = Random(2);
    let mut valid = 0;
    for round in 0..40_000 {
        let mut text = sources[round % sources.len()].clone();
        for _ in 0..=random.below(3) {
            let place = random.below(text.len());
            let piece = random.pick(&PIECES).chars();
            match random.below(3) {
                0 => text.splice(place..place, piece),
                1 => text.splice(place..=place, piece),
                _ => text.splice(place..(place + random.below(9)).min(text.len()), "".chars()),
            };
        }
        valid += usize::from(Pattern::parse(&text.iter().collect::<String>()).is_ok());
    }
    // Some damage leaves a pattern: the parser was not turned away at the door each time.
    assert!(valid > 1_000, "{valid}");
}

#[test]
fn no_json_makes_the_parser_panic() {
    let mut random = Random(3);
    let mut valid = 0;
    for _ in 0..20_000 {
        let json = json(&mut random, 6);
        let parsed = Pattern::from_value(&json);
        assert_eq!(parsed, Pattern::parse(&json.to_string()), "{json}");
        valid += usize::from(parsed.is_ok());
    }
    assert!(valid > 50, "{valid}");
}

fn json(random: &mut Random, depth: usize) -> Value {
    const WORDS: [&str; 20] = [
        "$or",
        "a",
        "a.b",
        "b",
        "prefix",
        "suffix",
        "numeric",
        "anything-but",
        "exists",
        "cidr",
        "wildcard",
        "equals-ignore-case",
        "exactly",
        "=",
        "<",
        ">",
        "a*b",
        "10.0.0.0/8",
        "",
        "~/",
    ];
    let count = random.below(4);
    match random.below(if depth == 0 { 5 } else { 13 }) {
        0 => Value::Null,
        1 => Value::from(random.below(2) == 0),
        2 => Value::from(random.below(1_000)),
        3 => Value::from(0.25 - random.below(1_000) as f64),
        4 => Value::from(random.pick(&WORDS)),
        5..9 => (0..count).map(|_| json(random, depth - 1)).collect(),
        _ => {
            let members = (0..count).map(|_| (random.pick(&WORDS).to_owned(), json(random, depth - 1)));
            Value::Object(members.collect::<BTreeMap<_, _>>().into_iter().collect())
        }
    }
}
