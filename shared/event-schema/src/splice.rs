//! Joins JSON objects as text, so that what a sender wrote (numbers, order, escapes) survives unread.

use crate::envelope::Metadata;

/// The text between an object's braces, without the white space at both ends.
///
/// The caller vouches that `object` is a JSON object, as text made by intake is; anything else gives `""`.
#[must_use]
pub fn members(object: &str) -> &str {
    let inner = object.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    debug_assert!(inner.is_some(), "only the text of an object can be spliced");
    inner.unwrap_or_default().trim()
}

/// The detail of an event of ours: `metadata` and then the members of `object`, which must have no `metadata`.
///
/// # Errors
/// When the metadata cannot be written as JSON, which its types rule out.
pub fn with_metadata(metadata: &Metadata, object: &str) -> serde_json::Result<String> {
    let members = members(object);
    let comma = if members.is_empty() { "" } else { "," };
    let metadata = serde_json::to_string(metadata)?;
    Ok(format!(r#"{{"metadata":{metadata}{comma}{members}}}"#))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;
    use crate::id::Environment;

    fn metadata() -> Metadata {
        Metadata {
            event_id: Uuid::from_u128(1),
            version: Metadata::VERSION,
            sequence: 0,
            correlation_id: "a\"b".into(),
            causation_id: None,
            environment: Environment::Prod,
            occurred_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        }
    }

    #[test]
    fn members_are_what_is_between_the_braces() {
        assert_eq!(members("{}"), "");
        assert_eq!(members(" { \"a\": {} }\n"), "\"a\": {}");
    }

    #[test]
    fn metadata_is_put_before_the_members() {
        let text = with_metadata(&metadata(), r#"{"amount":1.50}"#).unwrap();
        assert!(text.ends_with(r#","amount":1.50}"#), "{text}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["metadata"]["correlation_id"], "a\"b");
        let empty: Value = serde_json::from_str(&with_metadata(&metadata(), "{}").unwrap()).unwrap();
        assert_eq!(empty.as_object().unwrap().len(), 1);
    }
}
