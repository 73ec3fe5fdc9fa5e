//! What a replay is called.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

use super::{IdError, prefixed_uuid};

/// Id of a job that sends a party's offers again: `rpl_` and a UUID.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ReplayId(pub Uuid);

impl ReplayId {
    /// The form on the wire, as a regular expression (ECMA 262).
    pub const PATTERN: &'static str = "^rpl_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
}

impl fmt::Display for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rpl_{}", self.0.hyphenated())
    }
}

impl FromStr for ReplayId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        prefixed_uuid(text, "rpl_").map(Self).ok_or(IdError { kind: "replay id", rule: "`rpl_` and a lower-case UUID" })
    }
}

text_on_the_wire!(ReplayId);
