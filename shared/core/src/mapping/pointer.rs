//! JSON pointers (RFC 6901).

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{POINTER_CHARS, STEPS};

/// The steps of a pointer, unescaped.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Pointer(Vec<String>);

impl Pointer {
    /// Reads it; the rule that it breaks, if it does.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().count() > POINTER_CHARS {
            return Err("must have at most 256 characters");
        }
        if text.is_empty() {
            return Ok(Self::default());
        }
        let steps = text.strip_prefix('/').ok_or("must be a JSON pointer (RFC 6901), which begins with `/`")?;
        let steps = steps.split('/').map(unescape).collect::<Option<Vec<_>>>();
        let steps = steps.ok_or("must be a JSON pointer (RFC 6901), in which `~` is `~0` and `/` in a name `~1`")?;
        if steps.len() > STEPS { Err("must have at most 64 steps") } else { Ok(Self(steps)) }
    }

    /// Whether it is the whole document.
    pub(super) fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// Its steps.
    pub(super) fn steps(&self) -> &[String] {
        &self.0
    }

    /// What it points to in this document, as text.
    pub(super) fn find<'a>(&self, document: &mut Document<'a>) -> Option<&'a RawValue> {
        let mut found = document.whole;
        for step in &self.0 {
            found = document.member(found, step)?;
        }
        Some(found)
    }
}

fn unescape(step: &str) -> Option<String> {
    let mut parts = step.split('~');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest =
            part.strip_prefix('0').map(|rest| ('~', rest)).or_else(|| part.strip_prefix('1').map(|rest| ('/', rest)));
        let (character, rest) = rest?;
        name.push(character);
        name.push_str(rest);
    }
    Some(name)
}

/// A member's name, lent where it has no escapes.
#[derive(Deserialize, Eq, Ord, PartialEq, PartialOrd)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// A document of which each object and array is read once, however many pointers lead into it.
pub(super) struct Document<'a> {
    whole: &'a RawValue,
    /// By where their text begins.
    levels: HashMap<*const u8, Level<'a>>,
}

enum Level<'a> {
    Object(BTreeMap<Name<'a>, &'a RawValue>),
    Array(Vec<&'a RawValue>),
    Other,
}

impl<'a> Document<'a> {
    pub(super) fn new(whole: &'a RawValue) -> Self {
        Self { whole, levels: HashMap::new() }
    }

    fn member(&mut self, within: &'a RawValue, step: &str) -> Option<&'a RawValue> {
        let text = within.get();
        match self.levels.entry(text.as_ptr()).or_insert_with(|| Level::of(text)) {
            Level::Object(members) => members.get(&Name(step.into())).copied(),
            Level::Array(entries) => {
                let index = step.parse::<usize>().ok().filter(|index| index.to_string() == step)?;
                entries.get(index).copied()
            }
            Level::Other => None,
        }
    }
}

impl<'a> Level<'a> {
    fn of(text: &'a str) -> Self {
        let level = match text.as_bytes().first() {
            Some(b'{') => serde_json::from_str(text).map(Self::Object),
            Some(b'[') => serde_json::from_str(text).map(Self::Array),
            _ => return Self::Other,
        };
        level.unwrap_or(Self::Other)
    }
}
