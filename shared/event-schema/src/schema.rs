//! The JSON Schema of every event's detail, generated from the types so that the two cannot drift apart.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};

use crate::{
    delivery::DeliveryDetail,
    delivery_result::DeliveryResultDetail,
    fault::{Fault, push_step},
    kind::EventKind,
    request::RequestDetail,
    status_update::StatusUpdateDetail,
    third_party::ThirdPartyDetail,
};

/// The schema (draft 2020-12) of the detail of one kind of event: what `schemas/events/` publishes.
#[must_use]
pub fn of(kind: EventKind) -> Value {
    match kind {
        EventKind::Request => generate::<RequestDetail>(),
        EventKind::Delivery => generate::<DeliveryDetail>(),
        EventKind::StatusUpdate => generate::<StatusUpdateDetail>(),
        EventKind::DeliveryResult => generate::<DeliveryResultDetail>(),
        EventKind::ThirdParty => generate::<ThirdPartyDetail>(),
    }
}

fn generate<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value()
}

/// What keeps `next` from replacing the `published` schema of the same version; nothing if it only adds.
///
/// Adding is: an optional property, a definition, a word of a closed list, another text that explains. Readers
/// ignore properties and words that they do not know; everything else needs a new version (DESIGN section 5).
#[must_use]
pub fn not_additive(published: &Value, next: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    compare(published, next, Members::Keywords, &mut String::new(), &mut faults);
    faults
}

/// What the members of an object in a schema are.
#[derive(Clone, Copy, PartialEq)]
enum Members {
    /// Keywords of JSON Schema.
    Keywords,
    /// Names of properties or definitions, which may be added.
    Names,
}

fn compare(old: &Value, new: &Value, members: Members, at: &mut String, faults: &mut Vec<Fault>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            compare_objects(old, new, members, at, faults);
        }
        (Value::Array(old), Value::Array(new)) if at.ends_with("/oneOf") => {
            let kept = |word: &Value| new.iter().any(|other| same_word(word, other));
            if !old.iter().all(kept) {
                faults.push(Fault::new(at.as_str(), "a choice was taken away or changed"));
            }
        }
        _ if old == new => {}
        _ => faults.push(Fault::new(at.as_str(), "changed")),
    }
}

fn compare_objects(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    members: Members,
    at: &mut String,
    faults: &mut Vec<Fault>,
) {
    let explains = |key: &str| members == Members::Keywords && is_annotation(key);
    let length = at.len();
    for (key, old_value) in old.iter().filter(|(key, _)| !explains(key)) {
        push_step(at, key);
        let inside = match (members, key.as_str()) {
            (Members::Keywords, "properties" | "$defs") => Members::Names,
            _ => Members::Keywords,
        };
        match new.get(key) {
            Some(new_value) => compare(old_value, new_value, inside, at, faults),
            None => faults.push(Fault::new(at.as_str(), "taken away")),
        }
        at.truncate(length);
    }
    let added = new.keys().filter(|key| !old.contains_key(*key) && !explains(key));
    for key in added.filter(|_| members == Members::Keywords) {
        push_step(at, key);
        faults.push(Fault::new(at.as_str(), "a rule was added"));
        at.truncate(length);
    }
}

/// Two entries of a closed list are the same when they differ only in what explains them.
fn same_word(left: &Value, right: &Value) -> bool {
    not_additive(left, right).is_empty()
}

fn is_annotation(keyword: &str) -> bool {
    matches!(keyword, "title" | "description" | "examples")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let published = of(EventKind::StatusUpdate);
        let mut next = published.clone();
        change(&mut next);
        not_additive(&published, &next).into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn adding_what_readers_may_ignore_is_allowed() {
        assert!(faults(|_| {}).is_empty());
        assert!(faults(|s| s["properties"]["title"] = json!({ "type": "string" })).is_empty());
        assert!(faults(|s| s["$defs"]["New"] = json!({ "type": "string" })).is_empty());
        assert!(faults(|s| s["description"] = json!("Better said.")).is_empty());
        assert!(
            faults(|s| {
                let words = s["$defs"]["UpdateStatus"]["oneOf"].as_array_mut().unwrap();
                words.push(json!({ "const": "refunded", "type": "string" }));
            })
            .is_empty()
        );
    }

    #[test]
    fn whatever_else_changes_needs_a_new_version() {
        assert_eq!(faults(|s| s["properties"]["won"] = json!({})), ["/properties/won/type"]);
        assert_eq!(faults(|s| drop(s["properties"].as_object_mut().unwrap().remove("reason"))), ["/properties/reason"]);
        assert_eq!(faults(|s| s["required"].as_array_mut().unwrap().push(json!("reason"))), ["/required"]);
        assert_eq!(faults(|s| s["properties"]["reason"]["maxLength"] = json!(10)), ["/properties/reason/maxLength"]);
        assert_eq!(faults(|s| s["additionalProperties"] = json!(false)), ["/additionalProperties"]);
        assert_eq!(
            faults(|s| {
                let words = s["$defs"]["UpdateStatus"]["oneOf"].as_array_mut().unwrap();
                words.remove(0);
            }),
            ["/$defs/UpdateStatus/oneOf"]
        );
    }
}
