//! What serde says about a body that is no `T`, turned into words for whoever sent it.

use event_schema::fault::{Fault, push_step};
use serde_path_to_error::{Error, Path, Segment};

/// The fault with its JSON pointer. The detail never repeats a value: bodies have passwords in them.
pub(super) fn of(error: &Error<serde_json::Error>) -> Fault {
    let mut pointer = pointer_of(error.path());
    let text = error.inner().to_string();
    let rule = text.rsplit_once(" at line ").map_or(text.as_str(), |(rule, _)| rule);
    if let Some(field) = between(rule, "missing field `", "`") {
        push_step(&mut pointer, field);
        return Fault::new(pointer, "is required");
    }
    let detail = if rule.starts_with("unknown field `") {
        "there is no such field".to_owned()
    } else if rule.starts_with("duplicate field `") {
        "is given twice".to_owned()
    } else if let Some((_, words)) = rule.split_once(", expected one of ").filter(|_| rule.starts_with("unknown variant")) {
        format!("must be one of {words}")
    } else if let Some((_, expected)) = rule.split_once(", expected ").filter(|_| names_a_value(rule)) {
        format!("must be {}", article(expected))
    } else {
        rule.to_owned()
    };
    Fault::new(pointer, detail)
}

/// Whether a message of serde's begins with what was found, value and all.
fn names_a_value(rule: &str) -> bool {
    ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "]
        .iter()
        .any(|beginning| rule.starts_with(beginning))
}

/// Serde names types as a programmer would.
fn article(expected: &str) -> &str {
    // A value may itself contain the words that separate it from what was expected.
    let expected = expected.rsplit_once(", expected ").map_or(expected, |(_, last)| last);
    match expected {
        "bool" | "a boolean" => "true or false",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a borrowed string" | "a string" | "str" => "a string",
        "a sequence" => "an array",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.split(after).next()
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
