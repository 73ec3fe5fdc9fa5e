//! JSON as it was written, since a pattern's parser needs what [`serde_json::Value`] drops: repeated
//! keys (a mistake worth naming) and the order of keys (it decides between two readings of `$or`).

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, de};
use serde_json::Value;

use super::value::Number;
use super::{MAX_DEPTH, PatternError};

/// A JSON value with its keys as written.
#[derive(Debug)]
pub(super) enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Self>),
    /// An object: every key, repeated ones too, in the order of the text.
    Object(Vec<(String, Self)>),
}

impl Json {
    /// Parses a text; refuses what is not JSON and what is nested deeper than [`MAX_DEPTH`].
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Level(0)
            .deserialize(&mut deserializer)
            .and_then(|json| deserializer.end().map(|()| json))
            .map_err(|error| refused(error.to_string()))
    }

    /// Copies a parsed value; refuses what is nested deeper than [`MAX_DEPTH`].
    pub(super) fn from_value(value: &Value) -> Result<Self, PatternError> {
        copy(value, 0)
    }

    /// What the value is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

fn refused(detail: String) -> PatternError {
    PatternError { pointer: String::new(), detail }
}

fn too_deep() -> String {
    format!("the pattern is nested deeper than {MAX_DEPTH} levels")
}

fn copy(value: &Value, depth: usize) -> Result<Json, PatternError> {
    if depth > MAX_DEPTH {
        return Err(refused(too_deep()));
    }
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Number(number) => Json::Number(Number::from_json(number)),
        Value::String(text) => Json::Text(text.clone()),
        Value::Array(items) => {
            let items = items.iter().map(|item| copy(item, depth + 1));
            Json::List(items.collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let members = members.iter().map(|(key, member)| Ok((key.clone(), copy(member, depth + 1)?)));
            Json::Object(members.collect::<Result<_, _>>()?)
        }
    })
}

/// Reads one value at a depth, and refuses to go deeper than the limit, long before the stack ends.
struct Level(usize);

impl Level {
    fn below<E: Error>(&self) -> Result<usize, E> {
        if self.0 >= MAX_DEPTH {
            return Err(E::custom(too_deep()));
        }
        Ok(self.0 + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(Number::from(number)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(Number::from(number)))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Number(Number::from(number)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let depth = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Level(depth))? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let depth = self.below()?;
        let mut members = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            members.push((key, entries.next_value_seed(Level(depth))?));
        }
        Ok(Json::Object(members))
    }
}
