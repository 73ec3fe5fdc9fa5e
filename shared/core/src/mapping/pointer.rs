//! JSON pointers (RFC 6901).

use std::{borrow::Cow, collections::BTreeMap};

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
    pub(super) fn find<'a>(&self, document: &'a RawValue) -> Option<&'a RawValue> {
        self.0.iter().try_fold(document, |within, step| member(within, step))
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

fn member<'a>(within: &'a RawValue, step: &str) -> Option<&'a RawValue> {
    let text = within.get();
    match text.as_bytes().first()? {
        b'{' => {
            let members: BTreeMap<Name<'_>, &RawValue> = serde_json::from_str(text).ok()?;
            members.get(&Name(step.into())).copied()
        }
        b'[' => {
            let index = step.parse::<usize>().ok().filter(|index| index.to_string() == step)?;
            let entries: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            entries.get(index).copied()
        }
        _ => None,
    }
}
