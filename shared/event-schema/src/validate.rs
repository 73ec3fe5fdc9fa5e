//! Checks an event's detail against its published schema and says where it is at fault.
//!
//! For events that arrive as parsed JSON, and for tests. A request on its way in is checked by the rules of
//! `core::intake`, which read the sender's text itself; a property test holds the two to the same answers.
//! A check takes about a microsecond; the first one of each kind compiles its schema, which takes milliseconds.

use std::sync::LazyLock;

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

use crate::{
    fault::{Fault, push_step},
    kind::EventKind,
    schema,
};

/// More faults than this in one document are not reported: the first ones say enough.
const MAX_FAULTS: usize = 20;

/// Checks the detail of an event against the schema of its `detail-type`.
///
/// # Errors
/// Every fault found, up to 20, each with the JSON pointer to it; an unknown `detail_type` is one fault
/// of the whole document.
pub fn check(detail_type: &str, detail: &Value) -> Result<(), Vec<Fault>> {
    let kind = EventKind::from_detail_type(detail_type)
        .ok_or_else(|| vec![Fault::new("", "no event has this detail-type")])?;
    let validator = validator(kind)?;
    let mut faults = Vec::new();
    for error in validator.iter_errors(detail).take(MAX_FAULTS) {
        collect(&error, &mut faults);
    }
    faults.truncate(MAX_FAULTS);
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// The compiled schema of a kind; each is compiled once, when it is first needed.
fn validator(kind: EventKind) -> Result<&'static Validator, Vec<Fault>> {
    type Compiled = LazyLock<Result<Validator, String>>;
    static REQUEST: Compiled = LazyLock::new(|| compile(EventKind::Request));
    static DELIVERY: Compiled = LazyLock::new(|| compile(EventKind::Delivery));
    static STATUS_UPDATE: Compiled = LazyLock::new(|| compile(EventKind::StatusUpdate));
    static DELIVERY_RESULT: Compiled = LazyLock::new(|| compile(EventKind::DeliveryResult));
    static THIRD_PARTY: Compiled = LazyLock::new(|| compile(EventKind::ThirdParty));

    let compiled: &'static Compiled = match kind {
        EventKind::Request => &REQUEST,
        EventKind::Delivery => &DELIVERY,
        EventKind::StatusUpdate => &STATUS_UPDATE,
        EventKind::DeliveryResult => &DELIVERY_RESULT,
        EventKind::ThirdParty => &THIRD_PARTY,
    };
    compiled.as_ref().map_err(|message| vec![Fault::new("", message.as_str())])
}

/// Never fetches a `$ref`: the crate is built without its resolvers, and told so besides.
fn compile(kind: EventKind) -> Result<Validator, String> {
    jsonschema::options()
        .offline()
        .should_validate_formats(true)
        .build(&schema::of(kind))
        .map_err(|error| format!("the schema of `{kind}` is broken: {error}"))
}

/// Turns one error into the faults that a sender can act on, without repeating what was sent.
fn collect(error: &ValidationError<'_>, faults: &mut Vec<Fault>) {
    let mut pointer = error.instance_path().as_str().to_owned();
    let detail = match error.kind() {
        ValidationErrorKind::Required { property } => {
            push_step(&mut pointer, property.as_str().unwrap_or_default());
            "is required".to_owned()
        }
        // An optional value is "what it is, or null": what is wrong is what is wrong with the former.
        ValidationErrorKind::AnyOf { context } if context.first().is_some_and(|c| !c.is_empty()) => {
            return context.iter().take(1).flatten().for_each(|inner| collect(inner, faults));
        }
        ValidationErrorKind::OneOfNotValid { context } => match allowed_words(context) {
            Some(words) => format!("must be one of {words}"),
            None => error.masked().to_string(),
        },
        _ => error.masked().to_string(),
    };
    faults.push(Fault { pointer, detail });
}

/// The words of a closed list, when that is what no branch of a `oneOf` found.
fn allowed_words(branches: &[Vec<ValidationError<'static>>]) -> Option<String> {
    let words: Option<Vec<String>> = branches
        .iter()
        .map(|errors| {
            errors.iter().find_map(|error| match error.kind() {
                ValidationErrorKind::Constant { expected_value } => {
                    expected_value.as_str().map(|word| format!("`{word}`"))
                }
                _ => None,
            })
        })
        .collect();
    words.map(|words| words.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::names;

    fn article() -> Value {
        json!({
            "user_id": "123456789", "request_status": "new", "3rdparty": "3rdparty1",
            "requests1": "books", "requests2": "pens",
        })
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut detail = article();
        detail[pointer] = value;
        detail
    }

    fn pointers(detail: &Value) -> Vec<String> {
        match check(names::REQUESTS, detail) {
            Ok(()) => Vec::new(),
            Err(faults) => faults.into_iter().map(|fault| fault.pointer).collect(),
        }
    }

    #[test]
    fn the_articles_event_and_its_variations_are_valid() {
        let none = Vec::<String>::new();
        assert_eq!(pointers(&article()), none);
        assert_eq!(pointers(&with("requests17", json!("ink"))), none);
        assert_eq!(pointers(&with("3rdparty", json!("Nobody we know, Ltd."))), none);
        assert_eq!(pointers(&with("colour", json!({ "red": [1, 2.5, null] }))), none);
        assert_eq!(pointers(&with("category", Value::Null)), none);
        assert_eq!(pointers(&with("items", json!([{ "name": "pen", "sku": 7 }]))), none);
        assert_eq!(pointers(&json!({ "user_id": "u", "request_status": "new" })), none);
    }

    #[test]
    fn a_fault_is_reported_where_it_is() {
        assert_eq!(pointers(&with("user_id", json!(123))), ["/user_id"]);
        assert_eq!(pointers(&with("request_status", json!("old"))), ["/request_status"]);
        assert_eq!(pointers(&with("amount", json!("12"))), ["/amount"]);
        assert_eq!(pointers(&with("mode", json!("some"))), ["/mode"]);
        assert_eq!(pointers(&with("environment", json!("live"))), ["/environment"]);
        assert_eq!(pointers(&with("category", json!(""))), ["/category"]);
        assert_eq!(pointers(&with("3rdparty", json!("x".repeat(129)))), ["/3rdparty"]);
        assert_eq!(pointers(&with("attributes", json!([]))), ["/attributes"]);
        let items = json!([{ "name": "pen" }, { "quantity": 1 }, { "name": "ink", "quantity": 0 }]);
        assert_eq!(pointers(&with("items", items)), ["/items/1/name", "/items/2/quantity"]);
        assert_eq!(pointers(&json!([])), [""]);
        assert_eq!(pointers(&json!({})), ["/user_id", "/request_status"]);
    }

    #[test]
    fn a_closed_list_names_its_words_and_never_repeats_what_was_sent() {
        let faults = check(names::REQUESTS, &with("mode", json!("s3cret"))).unwrap_err();
        assert_eq!(faults, [Fault::new("/mode", "must be one of `all`, `first-accept`")]);
        let faults = check(names::REQUESTS, &with("note", json!(["s3cret"]))).unwrap_err();
        assert!(!faults[0].detail.contains("s3cret"), "{faults:?}");
    }

    #[test]
    fn the_number_of_reported_faults_is_bounded() {
        let items: Vec<Value> = (0..500).map(|_| json!({})).collect();
        assert_eq!(pointers(&with("items", json!(items))).len(), MAX_FAULTS);
    }

    #[test]
    fn an_unknown_event_is_refused_as_a_whole() {
        let faults = check("marketplace refunds", &article()).unwrap_err();
        assert_eq!(faults[0].pointer, "");
    }

    #[test]
    fn a_reference_to_somewhere_else_is_never_followed() {
        for reference in ["http://127.0.0.1:9/schema.json", "file:///etc/hostname"] {
            let built = jsonschema::options().offline().build(&json!({ "$ref": reference }));
            assert!(built.is_err(), "{reference}");
            assert!(jsonschema::validator_for(&json!({ "$ref": reference })).is_err(), "{reference}");
        }
    }
}
