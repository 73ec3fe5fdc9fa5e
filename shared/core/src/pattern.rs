//! EventBridge event patterns: the language of scopes and filters, matched by one engine everywhere.
//!
//! A third party's scope and filter, and the pattern of `TestEventPattern`, are patterns over a whole
//! event. This module parses them ([`Pattern`]), flattens an event once for many patterns
//! ([`Fields`]), and finds the few patterns that match among thousands ([`PatternIndex`]).
//!
//! The language is AWS's: "Comparison operators for use in event patterns" in the Amazon EventBridge
//! user guide, and, where the guide is silent, the open-source Event Ruler. What is worth knowing:
//!
//! * Fields are named by their dotted path, so `{"a": {"b": [1]}}` and `{"a.b": [1]}` are the same.
//! * An array in the event offers each of its elements, and one that satisfies is enough. An empty
//!   array or an object offers nothing, so that the field counts as absent.
//! * Conditions on fields inside an array of objects must be met by one and the same element.
//! * `exists: false` inside an array of objects asks about that same element, whatever the fields are
//!   called. (Event Ruler's answer depends there on the alphabetical order of the fields.)
//! * Numbers are compared by value (`300`, `300.0` and `3.0e2` are equal) and at any size; a string is
//!   never equal to a number.
//! * A field constrained both outside and inside a `$or` obeys the inner condition in those branches.
//!   Event Ruler lets the later one in the text win, so the other order is refused rather than
//!   silently read in one of the two ways.

mod compile;
mod condition;
mod evaluate;
mod explain;
mod fields;
mod group;
mod index;
mod json;
mod operator;
mod text;
mod value;

use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, value::RawValue};

pub use explain::{Asks, Explanation, Finding};
pub use fields::Fields;
pub use index::PatternIndex;

use group::Group;
use json::Json;

/// The longest filter a third party may set, in characters (DESIGN section 6).
pub const MAX_FILTER_CHARS: usize = 4_096;

/// The deepest nesting of objects and arrays that a pattern may have.
pub const MAX_DEPTH: usize = 100;

/// The longest dotted path of a field, in bytes; longer ones in an event are out of patterns' reach.
pub const MAX_PATH_BYTES: usize = 1_024;

/// The most combinations that the `$or`s of one pattern may amount to (EventBridge's own limit).
pub const MAX_COMBINATIONS: usize = 1_000;

/// Why a text is not a pattern, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}{}", Place(pointer))]
pub struct PatternError {
    /// JSON pointer (RFC 6901) to the faulty part; empty for the text as a whole.
    pub pointer: String,
    /// What is wrong with it, for the pattern's author.
    pub detail: String,
}

/// Shows a pointer after a message, unless it points at everything.
struct Place<'a>(&'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, " (at {})", self.0)
    }
}

/// A parsed event pattern. Cloning is cheap.
#[derive(Clone)]
pub struct Pattern(Arc<Parsed>);

struct Parsed {
    source: String,
    root: Group,
}

impl Pattern {
    /// Parses a pattern's JSON text.
    ///
    /// # Errors
    ///
    /// [`PatternError`] when the text is not JSON, not a pattern, or beyond [`MAX_DEPTH`],
    /// [`MAX_PATH_BYTES`] or [`MAX_COMBINATIONS`]. Its length is for the caller to limit: see
    /// [`Pattern::check_length`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let json = Json::parse(text)?;
        let root = compile::compile(&json, true)?;
        Ok(Self(Arc::new(Parsed { source: text.to_owned(), root })))
    }

    /// Reads a pattern from JSON that has been parsed already. Its source is the compact text.
    ///
    /// # Errors
    ///
    /// As [`Pattern::parse`].
    pub fn from_value(value: &Value) -> Result<Self, PatternError> {
        let json = Json::from_value(value)?;
        let root = compile::compile(&json, false)?;
        Ok(Self(Arc::new(Parsed { source: value.to_string(), root })))
    }

    /// Checks that a text is short enough for a third party's filter: [`MAX_FILTER_CHARS`].
    ///
    /// # Errors
    ///
    /// [`PatternError`] on the text as a whole when it is longer.
    pub fn check_length(text: &str) -> Result<(), PatternError> {
        let length = text.chars().count();
        if length <= MAX_FILTER_CHARS {
            return Ok(());
        }
        Err(PatternError {
            pointer: String::new(),
            detail: format!("the pattern has {length} characters; at most {MAX_FILTER_CHARS} are allowed"),
        })
    }

    /// The pattern's JSON text, as it was given.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether an event matches.
    #[must_use]
    pub fn matches(&self, fields: &Fields<'_>) -> bool {
        evaluate::matches(&self.0.root, fields)
    }

    /// Why an event matches or does not, condition by condition.
    #[must_use]
    pub fn explain(&self, fields: &Fields<'_>) -> Explanation {
        explain::explain(&self.0.root, fields)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.source())
    }
}

/// Two patterns are equal when they ask the same of the same fields in the same order, whatever the
/// spacing of their texts.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.root == other.0.root
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: Value = serde_json::from_str(self.source()).map_err(S::Error::custom)?;
        value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Straight from the text: a router begins by reading thousands of patterns. What is read here was written by
        // `Serialize`, which does not keep the order of keys.
        let source = String::from(Box::<str>::from(Box::<RawValue>::deserialize(deserializer)?));
        let root = Json::parse(&source).and_then(|json| compile::compile(&json, false)).map_err(D::Error::custom)?;
        Ok(Self(Arc::new(Parsed { source, root })))
    }
}
