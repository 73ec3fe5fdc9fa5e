//! What serde says about a body that is no `T`, turned into words for whoever sent it.

use event_schema::fault::{Fault, push_step};
use serde_path_to_error::{Error, Path, Segment};

/// The fault with its JSON pointer. The detail never repeats a value: bodies have passwords in them.
pub(super) fn of(error: &Error<serde_json::Error>) -> Fault {
    let mut pointer = pointer_of(error.path());
    let text = error.inner().to_string();
    let rule = text.rsplit_once(" at line ").map_or(text.as_str(), |(rule, _)| rule);
    if let Some(field) = quoted(rule, "missing field `") {
        push_step(&mut pointer, field);
        return Fault::new(pointer, "is required");
    }
    if let Some(field) = quoted(rule, "duplicate field `") {
        push_step(&mut pointer, field);
        return Fault::new(pointer, "is given twice");
    }
    if rule.starts_with("unknown field `") {
        return Fault::new(pointer, "there is no such field");
    }
    Fault::new(pointer, expectation(rule))
}

/// Messages of serde's that begin with what was found, value and all.
const FOUND: [&str; 4] = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "];

/// What should have been there. Other messages are those of our own types, which repeat nothing.
fn expectation(rule: &str) -> String {
    if rule == "expected value" {
        return "is not what belongs here".to_owned();
    }
    if rule == "recursion limit exceeded" {
        return "is nested too deeply".to_owned();
    }
    if !FOUND.iter().any(|found| rule.starts_with(found)) {
        return rule.to_owned();
    }
    // From the right, because a value may itself contain these words.
    if let Some((_, words)) = rule.rsplit_once(", expected one of ") {
        return format!("must be one of {words}");
    }
    rule.rsplit_once(", expected ").map_or_else(
        || "is not what belongs here".to_owned(),
        |(_, expected)| format!("must be {}", in_terms_of_json(expected)),
    )
}

/// Serde names types as a programmer would.
fn in_terms_of_json(expected: &str) -> &str {
    match expected {
        "bool" | "a boolean" => "true or false",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a borrowed string" | "str" => "a string",
        "a sequence" => "an array",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

/// What stands between this beginning and the next backtick.
fn quoted<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    text.strip_prefix(beginning)?.split('`').next()
}

fn pointer_of(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push_step(&mut pointer, &index.to_string()),
            Segment::Map { key } => push_step(&mut pointer, key),
            // A variant's name is no place in the document, and what is unknown cannot be pointed at.
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}
