//! `TestEventPattern`: would this pattern match this event? Anyone with the secret can try a filter here.
//!
//! Amazon EventBridge API reference, "TestEventPattern". The reference calls `resources` mandatory, but EventBridge
//! itself does not demand it; nor is it demanded here.

use marketplace_core::pattern::{Fields, Pattern, PatternError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{error::WireError, json};

/// What EventBridge demands of an event.
const MANDATORY: [&str; 6] = ["id", "detail-type", "source", "account", "time", "region"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Call {
    event_pattern: Option<String>,
    event: Option<String>,
}

/// Answers `{"Result": true}` or `{"Result": false}`.
///
/// # Errors
///
/// [`WireError::InvalidEventPattern`] with the parser's reason; [`WireError::Validation`] when a parameter is missing
/// or the event is not one.
pub(crate) fn test_event_pattern(body: &[u8]) -> Result<Value, WireError> {
    let call: Call = json::parse(body)?;
    let pattern = call.event_pattern.ok_or_else(|| WireError::missing("eventPattern"))?;
    let event = call.event.ok_or_else(|| WireError::missing("event"))?;
    let invalid = |error: PatternError| WireError::InvalidEventPattern(error.to_string());
    Pattern::check_length(&pattern).map_err(invalid)?;
    let pattern = Pattern::parse(&pattern).map_err(invalid)?;
    let event = parse_event(&event)?;
    Ok(json!({ "Result": pattern.matches(&Fields::new(&event)) }))
}

fn parse_event(text: &str) -> Result<Value, WireError> {
    let event: Value = serde_json::from_str(text).unwrap_or_default();
    if MANDATORY.iter().all(|field| event.get(field).is_some()) {
        return Ok(event);
    }
    Err(WireError::Validation("Parameter Event is not valid.".to_owned()))
}
