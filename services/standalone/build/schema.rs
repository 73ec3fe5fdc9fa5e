//! A schema as a table of its fields.

use yaml_serde::Value;

use crate::{
    description::{Description, elements, members, text},
    kind::kind,
    prose::{code, escaped, paragraph, sentence},
    table::{self, table},
};

/// Objects within objects are laid open to this depth; deeper ones are only named.
const DEPTH: usize = 4;

/// A named schema with its own heading.
pub(crate) fn section(description: &Description, name: &str, schema: &Value) -> String {
    let id = description.link(&format!("#/components/schemas/{name}")).id;
    format!(
        "<section id=\"{id}\" class=\"schema\">\n<h3>{}</h3>\n{}{}</section>\n",
        escaped(name),
        paragraph(&schema["description"]),
        explained(description, name, schema)
    )
}

/// What a value of this schema may be, and its fields.
pub(crate) fn explained(description: &Description, name: &str, schema: &Value) -> String {
    let alternatives: Vec<_> = elements(&schema["oneOf"]).collect();
    if alternatives.iter().any(|one| one["properties"].is_mapping()) {
        let each = alternatives.iter().map(|one| paragraph(&one["description"]) + &explained(description, name, one));
        return format!("<p>One of:</p>\n{}", each.collect::<String>());
    }
    let mut rows = Vec::new();
    fields(description, schema, "", DEPTH, &mut rows);
    if rows.is_empty() {
        return format!("<p>{}</p>\n", kind(description, schema));
    }
    let closed = schema["additionalProperties"].as_bool() == Some(false);
    let others = if closed { "<p>No other fields.</p>\n" } else { "" };
    table(&format!("Fields of {name}"), &["Field", "Value", "Meaning"], &rows) + others
}

fn fields(description: &Description, schema: &Value, within: &str, depth: usize, rows: &mut Vec<Vec<String>>) {
    if depth == 0 || schema["$ref"].is_string() {
        return;
    }
    let required: Vec<_> = elements(&schema["required"]).map(text).collect();
    for (name, field) in members(&schema["properties"]) {
        let at = format!("{within}{name}");
        rows.push(vec![
            table::name(&code(&at), required.contains(&name)),
            kind(description, field),
            sentence(&field["description"]),
        ]);
        fields(description, field, &format!("{at}."), depth - 1, rows);
        fields(description, &field["items"], &format!("{at}[]."), depth - 1, rows);
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        for one in elements(&schema[choice]) {
            fields(description, one, within, depth - 1, rows);
        }
    }
}
