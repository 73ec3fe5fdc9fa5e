//! Secrets that cannot be printed or serialised by accident.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands in an answer where a secret is. Sent back in a body, it means "keep the stored one".
pub const MASK: &str = "********";

/// A secret: its `Debug` shows nothing, and it has no `Serialize` and no `Display`.
#[derive(Clone, Default, Deserialize, Eq, PartialEq)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Marks a text as secret.
    #[must_use]
    pub fn new(clear: impl Into<String>) -> Self {
        Self(clear.into())
    }

    /// The clear text. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Stands where a secret was left out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Withheld;

impl Serialize for Withheld {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de> Deserialize<'de> for Withheld {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// The secrets of one party's delivery settings, to be encrypted before they are stored.
///
/// This is the one type that serialises secrets, in clear text.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// The secret of the settings' `auth`, if that has one.
    #[serde(default, serialize_with = "clear_text", skip_serializing_if = "Option::is_none")]
    pub auth: Option<Secret>,
    /// Those of the settings' signing keys, in their order.
    #[serde(default, serialize_with = "clear_texts", skip_serializing_if = "Vec::is_empty")]
    pub signing: Vec<Secret>,
}

fn clear_text<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}

fn clear_texts<S: Serializer>(secrets: &[Secret], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(secrets.iter().map(Secret::expose))
}
