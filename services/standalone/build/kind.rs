//! What a value may be, in a few words.

use yaml_serde::Value;

use crate::{
    description::{Description, elements, text},
    prose::{code, escaped},
};

/// Which values a schema admits, without its fields.
pub(crate) fn kind(description: &Description, schema: &Value) -> String {
    let mut words = vec![nature(description, schema)];
    words.extend(limits(schema));
    words.retain(|word| !word.is_empty());
    words.join(", ")
}

fn nature(description: &Description, schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let link = description.link(reference);
        return format!("<a href=\"#{}\">{}</a>", link.id, escaped(&link.name));
    }
    if !schema["const"].is_null() {
        return literal(&schema["const"]);
    }
    if schema["enum"].is_sequence() {
        return elements(&schema["enum"]).map(literal).collect::<Vec<_>>().join(" or ");
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        if schema[choice].is_sequence() {
            let words = elements(&schema[choice]).map(|one| kind(description, one));
            return words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" or ");
        }
    }
    let types = match &schema["type"] {
        Value::Sequence(types) => types.iter().map(text).collect(),
        one => vec![text(one)],
    };
    types.into_iter().map(|name| typed(description, schema, name)).collect::<Vec<_>>().join(" or ")
}

fn typed(description: &Description, schema: &Value, name: &str) -> String {
    match (name, text(&schema["format"])) {
        ("string", "date-time") => "time (RFC 3339)".to_owned(),
        ("string", "uri" | "uri-reference") => "URI".to_owned(),
        ("string", "email") => "e-mail address".to_owned(),
        ("string", "uuid") => "UUID".to_owned(),
        ("string", _) => "text".to_owned(),
        ("integer", _) => "whole number".to_owned(),
        ("array", _) if schema["items"].is_mapping() => format!("list of {}", kind(description, &schema["items"])),
        ("array", _) => "list".to_owned(),
        ("", _) if !schema["properties"].is_mapping() => "any JSON".to_owned(),
        ("" | "object", _) => "object".to_owned(),
        (other, _) => other.to_owned(),
    }
}

fn limits(schema: &Value) -> Vec<String> {
    let pairs = [
        ("minimum", "at least ", ""),
        ("exclusiveMinimum", "more than ", ""),
        ("maximum", "at most ", ""),
        ("minLength", "at least ", " characters"),
        ("maxLength", "at most ", " characters"),
        ("minItems", "at least ", " items"),
        ("maxItems", "at most ", " items"),
        ("minProperties", "at least ", " fields"),
        ("default", "default ", ""),
    ];
    let mut limits = Vec::new();
    for (name, before, after) in pairs {
        if !schema[name].is_null() {
            limits.push(format!("{before}{}{after}", literal(&schema[name])));
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        limits.push(format!("matches {}", code(pattern)));
    }
    limits
}

/// A value as it is written in JSON.
fn literal(value: &Value) -> String {
    code(&serde_json::to_string(value).unwrap_or_default())
}
