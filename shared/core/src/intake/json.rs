//! Takes a JSON object apart without rewriting it, and finds what `serde_json` lets pass in text it only skips.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use event_schema::{fault::Fault, request::limits};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::IntakeError;

/// One member of an object: its name, and its value as the sender wrote it.
pub(super) struct Member<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) text: &'a str,
}

/// The members of the object that a whole document is.
pub(super) fn members_of_document(text: &str) -> Result<Vec<Member<'_>>, IntakeError> {
    match serde_json::from_str(text) {
        Ok(Members(members)) => Ok(members),
        // Something other than an object stops the reader at its first byte; what follows may be no JSON at all.
        Err(error) if error.is_data() => match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => Err(IntakeError::Invalid(vec![Fault::new("", "must be an object")])),
            Err(error) => Err(IntakeError::Malformed(error.to_string())),
        },
        Err(error) => Err(IntakeError::Malformed(error.to_string())),
    }
}

/// The members of an object within a document that has been [inspected](inspect); `None` if it is no object.
pub(super) fn members_of_value(text: &str) -> Option<Vec<Member<'_>>> {
    serde_json::from_str(text).ok().map(|Members(members)| members)
}

/// The elements of an array within a document that has been [inspected](inspect); `None` if it is no array.
pub(super) fn elements_of_value(text: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}

/// The text of a string; `None` if the value is something else or has an escape that is no character.
pub(super) fn string(text: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(text).ok().map(|Text(string)| string)
}

/// Writes a text as a JSON string.
pub(super) fn push_quoted(json: &mut String, text: &str) {
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&Value::from(text).to_string());
    }
}

/// The names that come more than once.
pub(super) fn repeated<'a>(members: &'a [Member<'_>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = members.iter().map(|member| &*member.name).collect();
    names.sort_unstable();
    let mut repeated: Vec<&str> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    repeated.dedup();
    repeated
}

/// Reads a value to its end and finds the first thing that some reader of it would trip over.
///
/// That is a number too large for a double, an escape that is no character, a name given twice in one object (one
/// reader takes the first, another the last), or more than [`limits::DEPTH`] levels. `steps` lead to the value.
pub(super) fn inspect(steps: &[&str], text: &str) -> Option<Fault> {
    let mut finding = Finding::default();
    let depth = steps.len() + 1;
    let mut reader = serde_json::Deserializer::from_str(text);
    let error = Inspect { finding: &mut finding, depth }.deserialize(&mut reader).err()?;
    let rule = finding.rule.unwrap_or_else(|| rule_of(&error));
    let inner = finding.trail.iter().rev().map(String::as_str);
    Some(Fault::at(steps.iter().copied().chain(inner), rule))
}

/// `serde_json` has a text for each of its errors and no code; the position is of no use in a part of a document.
fn rule_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let rule = text.split(" at line ").next().unwrap_or_default();
    format!("cannot be read: {rule}")
}

/// Where and why an inspection ended.
#[derive(Default)]
struct Finding {
    /// The rule of ours that is broken, if it is one of ours.
    rule: Option<String>,
    /// The steps to the fault, innermost first: filled only on the way back from it.
    trail: Vec<String>,
}

struct Inspect<'f> {
    finding: &'f mut Finding,
    /// Levels of the document that this value is on; a scalar in the outermost object is on the second.
    depth: usize,
}

impl Inspect<'_> {
    fn refuse<E: serde::de::Error>(&mut self, rule: impl Into<String>) -> E {
        self.finding.rule = Some(rule.into());
        E::custom("refused")
    }

    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if self.depth <= limits::DEPTH {
            return Ok(());
        }
        Err(self.refuse(format!("is nested in more than {} levels", limits::DEPTH)))
    }

    fn inner(&mut self) -> Inspect<'_> {
        Inspect { finding: self.finding, depth: self.depth + 1 }
    }
}

impl<'de> DeserializeSeed<'de> for Inspect<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inspect<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        self.enter()?;
        for index in 0_usize.. {
            match elements.next_element_seed(self.inner()) {
                Ok(Some(())) => {}
                Ok(None) => break,
                Err(error) => {
                    self.finding.trail.push(index.to_string());
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.enter()?;
        let mut names = BTreeSet::new();
        while let Some(Text(name)) = members.next_key()? {
            let outcome = if names.contains(&name) {
                Err(self.refuse("is given twice"))
            } else {
                members.next_value_seed(self.inner())
            };
            if let Err(error) = outcome {
                self.finding.trail.push(name.into_owned());
                return Err(error);
            }
            names.insert(name);
        }
        Ok(())
    }
}

/// The members of one object, in the sender's order.
struct Members<'a>(Vec<Member<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some((Text(name), value)) = map.next_entry::<Text<'de>, &RawValue>()? {
                    members.push(Member { name, text: value.get() });
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// A string that is borrowed whenever it has no escapes; serde's own `Cow` always copies.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;

        impl<'de> Visitor<'de> for Borrow {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Borrow)
    }
}
