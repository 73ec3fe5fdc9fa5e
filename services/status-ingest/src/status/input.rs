//! What a third party may say with its status.

use event_schema::{fault::Fault, request::limits, words::AnswerStatus};
use http_edge::problem::Problem;
use marketplace_core::mapping::Mapping;
use serde::Deserialize;
use serde_json::Value;

/// Longest reason, in characters: it is shown to people.
pub(crate) const MAX_REASON: usize = 1_024;

/// Longest details, in bytes of JSON text: they travel in events, which AWS bills by 64 KiB.
const MAX_DETAILS: usize = 32 * 1024;

/// The body of a status.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusBody {
    /// One of ours, or one of the party's own words.
    status: String,
    reason: Option<String>,
    details: Option<Value>,
}

/// A status that can be taken in.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: AnswerStatus,
    pub(super) reason: Option<String>,
    pub(super) details: Option<Value>,
}

impl StatusBody {
    pub(super) fn check(self, mapping: Option<&Mapping>) -> Result<Said, Problem> {
        let mut faults = Vec::new();
        let status = Mapping::status(mapping, &self.status);
        if status.is_none() {
            let own = if mapping.is_some_and(|mapping| !mapping.statuses.is_empty()) {
                ", or a word of the mapping"
            } else {
                ""
            };
            let ours = AnswerStatus::ALL.map(|status| format!("`{status}`")).join(", ");
            faults.push(Fault::new("/status", format!("must be one of {ours}{own}")));
        }
        if self.reason.as_ref().is_some_and(|reason| reason.chars().count() > MAX_REASON) {
            faults.push(Fault::new("/reason", format!("must have at most {MAX_REASON} characters")));
        }
        if let Some(details) = &self.details {
            if depth(details) > limits::DEPTH {
                faults.push(Fault::new("/details", format!("must be nested at most {} deep", limits::DEPTH)));
            } else if details.to_string().len() > MAX_DETAILS {
                faults.push(Fault::new("/details", format!("must have at most {MAX_DETAILS} bytes")));
            }
        }
        match status {
            Some(status) if faults.is_empty() => Ok(Said { status, reason: self.reason, details: self.details }),
            _ => Err(Problem::invalid(faults)),
        }
    }
}

/// Arrays and objects within each other. The parser has bounded it already, so recursion is safe.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(entries) => 1 + entries.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(reason: Option<String>, details: Value) -> Vec<String> {
        let body = StatusBody { status: "accepted".to_owned(), reason, details: Some(details) };
        let Err(problem) = body.check(None) else {
            return vec![];
        };
        problem.errors().iter().map(|fault| fault.pointer.clone()).collect()
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "a": inner }) })
    }

    #[test]
    fn what_fits_is_taken_and_what_does_not_is_named() {
        assert!(pointers(Some("é".repeat(MAX_REASON)), nested(limits::DEPTH)).is_empty());
        assert!(pointers(None, json!("x".repeat(MAX_DETAILS - 2))).is_empty());
        let long = "x".repeat(MAX_DETAILS - 1);
        assert_eq!(pointers(Some("x".repeat(MAX_REASON + 1)), json!(long)), ["/reason", "/details"]);
        assert_eq!(pointers(None, nested(limits::DEPTH + 1)), ["/details"]);
    }
}
