//! A party's own names: how messages about offers look to it, and which of its words mean which of our statuses.
//!
//! A mapping is data, JSON pointers (RFC 6901) and a table. What it copies is copied as text, so numbers, order and escapes
//! reach the party as the sender wrote them.

mod pointer;
mod tree;

use std::collections::BTreeMap;

use event_schema::{fault::Fault, request::limits, words::AnswerStatus};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, value::RawValue};

use self::{
    pointer::{Document, Pointer},
    tree::Tree,
};

/// Most fields that a mapping writes.
const MOST_FIELDS: usize = 100;

/// Most words that it translates.
const MOST_WORDS: usize = 32;

/// Longest word, in characters.
const WORD_CHARS: usize = 64;

/// Longest pointer, in characters.
const POINTER_CHARS: usize = 256;

/// Most bytes of a mapping's JSON text.
const MAPPING_BYTES: usize = 16 * 1024;

/// Where a message tells what it is about: without it nobody can tell a new offer from a withdrawn one.
const KIND: &str = "/type";

/// What an answer can be sent to.
const NAMES: [&str; 2] = ["/data/delivery_id", "/data/request/id"];

/// What a party has set in one of its environments. Applies to every message about an offer, pushed or leased; not to
/// `ping`, which is about none.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// What the party's message consists of; none: of what ours does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<MappedField>,
    /// The party's words for our statuses. Ours go on to be understood.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub statuses: BTreeMap<String, AnswerStatus>,
}

/// One field of the party's message.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MappedField {
    /// Where it goes: a pointer whose steps are all names of members; objects are made as needed.
    pub to: String,
    /// Where it comes from in our message; none: it is always the default.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is when there is nothing at `from`; without one the field is left out.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// `null` is a default like another, and no pointer.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A message as its party sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mapped {
    /// The message, JSON text.
    pub text: String,
    /// The pointers of the mapping at which ours had nothing, and for which there is no default.
    pub missing: Vec<String>,
}

impl Mapping {
    /// What is wrong with it, by pointers below this one.
    #[must_use]
    pub fn faults(&self, pointer: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.fields.is_empty() && self.statuses.is_empty() {
            faults.push(Fault::new(pointer, "must have `fields` or `statuses`; without a mapping it is null"));
        }
        if serde_json::to_string(self).is_ok_and(|text| text.len() > MAPPING_BYTES) {
            faults.push(Fault::new(pointer, format!("must have at most {MAPPING_BYTES} bytes")));
        }
        self.check_fields(&format!("{pointer}/fields"), &mut faults);
        self.check_statuses(&format!("{pointer}/statuses"), &mut faults);
        faults
    }

    fn check_fields(&self, pointer: &str, faults: &mut Vec<Fault>) {
        if self.fields.len() > MOST_FIELDS {
            faults.push(Fault::new(pointer, format!("must have at most {MOST_FIELDS} entries")));
            return;
        }
        let mut tree = Tree::default();
        for (place, field) in self.fields.iter().enumerate() {
            let mut fault = |name: &str, rule: &str| faults.push(Fault::new(format!("{pointer}/{place}{name}"), rule));
            match Pointer::parse(&field.to) {
                Err(rule) => fault("/to", rule),
                Ok(to) if to.is_whole() => fault("/to", "must name a field of the message"),
                Ok(to) if !tree.put(&to, RawValue::NULL) => {
                    fault("/to", "must lie neither at, above nor below where another entry goes");
                }
                Ok(_) => {}
            }
            if let Some(Err(rule)) = field.from.as_deref().map(Pointer::parse) {
                fault("/from", rule);
            }
            if field.from.is_none() && field.default.is_none() {
                fault("", "must have `from` or `default`");
            }
        }
        if self.fields.is_empty() {
            return;
        }
        if !self.copies(&[KIND]) {
            faults
                .push(Fault::new(pointer, format!("must copy `{KIND}`: without it a withdrawal looks like an offer")));
        }
        if !self.copies(&NAMES) {
            let [delivery, request] = NAMES;
            faults
                .push(Fault::new(pointer, format!("must copy `{delivery}` or `{request}`, which answers are sent to")));
        }
    }

    /// Whether one of these is passed on, alone or with what it lies in.
    fn copies(&self, any: &[&str]) -> bool {
        let copied = |from: &str, name: &str| {
            name.strip_prefix(from).is_some_and(|below| below.is_empty() || below.starts_with('/'))
        };
        self.fields
            .iter()
            .filter_map(|field| field.from.as_deref())
            .any(|from| any.iter().any(|name| copied(from, name)))
    }

    fn check_statuses(&self, pointer: &str, faults: &mut Vec<Fault>) {
        if self.statuses.len() > MOST_WORDS {
            faults.push(Fault::new(pointer, format!("must have at most {MOST_WORDS} members")));
        }
        for (word, status) in &self.statuses {
            let mut at = pointer.to_owned();
            event_schema::fault::push_step(&mut at, word);
            if !(1..=WORD_CHARS).contains(&word.chars().count()) {
                faults.push(Fault::new(at, format!("must be a word of 1 to {WORD_CHARS} characters")));
            } else if AnswerStatus::ALL.iter().any(|ours| ours.as_str() == word && ours != status) {
                faults.push(Fault::new(at, "is one of our own words, and means what it says"));
            }
        }
    }

    /// Which status this word of the party's is.
    #[must_use]
    pub fn status(mapping: Option<&Self>, word: &str) -> Option<AnswerStatus> {
        let ours = AnswerStatus::ALL.into_iter().find(|status| status.as_str() == word);
        ours.or_else(|| mapping?.statuses.get(word).copied())
    }

    /// Our message as a party with this mapping gets it.
    #[must_use]
    pub fn message(mapping: Option<&Self>, ours: String) -> String {
        match mapping {
            Some(mapping) if !mapping.fields.is_empty() => mapping.apply(&ours).text,
            _ => ours,
        }
    }

    /// Maps one of our messages.
    #[must_use]
    pub fn apply(&self, ours: &str) -> Mapped {
        // Our own text, rendered as an object: it can be read.
        let mut document = Document::new(serde_json::from_str(ours).unwrap_or(RawValue::NULL));
        let (mut tree, mut missing) = (Tree::default(), vec![]);
        let defaults = self.fields.iter().map(|field| field.default.as_ref().map(|value| value.to_string()));
        let defaults: Vec<_> = defaults.map(|text| text.and_then(|text| RawValue::from_string(text).ok())).collect();
        for (field, default) in self.fields.iter().zip(&defaults) {
            let pointer = |text: &str| Pointer::parse(text).unwrap_or_default();
            let found = field.from.as_deref().and_then(|from| pointer(from).find(&mut document));
            match found.or(default.as_deref()) {
                Some(value) => {
                    tree.put(&pointer(&field.to), value);
                }
                None => missing.extend(field.from.clone()),
            }
        }
        Mapped { text: tree.to_string(), missing }
    }
}

/// Nested as deep as a request may be, with what messages lie in.
const STEPS: usize = limits::DEPTH;

#[cfg(test)]
mod tests;
