//! One request explained: each condition of the filter, in the filter's own words, and what it was asked of.

use serde::Serialize;
use serde_json::Value;

use crate::pattern::{Asks, Fields, Finding, Pattern};

/// The fields whose values are shown: what summaries show, and what is said of the event as such. Everything else is
/// the user's, and the party has not been offered it.
const SHOWN: [&str; 12] = [
    "version",
    "id",
    "detail-type",
    "source",
    "account",
    "time",
    "region",
    "detail.category",
    "detail.region",
    "detail.amount",
    "detail.mode",
    "detail.environment",
];

/// Why a request would be offered or not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// Whether it would be offered.
    pub matches: bool,
    /// Whether it is addressed to the party: then it is offered whatever the filter says.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub addressed: bool,
    /// The filter's conditions; none when there is no filter.
    pub conditions: Vec<Condition>,
}

/// One condition of a filter, and whether it holds by itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Condition {
    /// JSON pointer into the filter.
    pub pointer: String,
    /// Whether it holds.
    pub holds: bool,
    /// What the filter says there of a field: a list, one of which must hold. Of others, what is asked in words.
    pub condition: Value,
    /// The field's values in the request, where they may be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Vec<Value>>,
}

/// Holds each condition of a filter against a request.
pub(super) fn conditions(filter: &Pattern, event: &Value) -> Vec<Condition> {
    // A pattern's source is JSON: it was parsed.
    let source: Value = serde_json::from_str(filter.source()).unwrap_or_default();
    let findings = filter.explain(&Fields::new(event)).findings.into_iter();
    findings.map(|finding| condition(finding, &source)).collect()
}

fn condition(Finding { pointer, holds, asks }: Finding, source: &Value) -> Condition {
    let (condition, found) = match asks {
        Asks::Field { path, found } => {
            let said = source.pointer(&pointer).cloned().unwrap_or_default();
            (said, SHOWN.contains(&&*path).then_some(found))
        }
        Asks::OneBranch => ("one of the branches must hold".into(), None),
        Asks::WholeBranch => ("everything in this branch must hold".into(), None),
        Asks::SameElement => ("one element of an array must satisfy together what elements satisfy apart".into(), None),
    };
    Condition { pointer, holds, condition, found }
}
