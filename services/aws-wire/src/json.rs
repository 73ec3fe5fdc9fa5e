//! Reading AWS JSON 1.1: structures are objects, and what is wrong with a body is said without repeating it.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::error::WireError;

/// Reads an operation's input.
///
/// # Errors
///
/// [`WireError::Serialization`], with the place of the fault but none of the input.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, WireError> {
    let input: Result<Object<T>, _> = serde_json::from_slice(body);
    input.map(|object| object.0).map_err(|error| {
        let kind = if error.is_data() { "a member has the wrong type" } else { "the body is not valid JSON" };
        let (line, column) = (error.line(), error.column());
        WireError::Serialization(format!("{kind}, at line {line} column {column}"))
    })
}

/// A structure that is written as an object. Serde alone would take an array of the members, too.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}
