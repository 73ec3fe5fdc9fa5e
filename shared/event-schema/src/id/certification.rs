//! The id of a third party's certification.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

use super::{IdError, prefixed_uuid};

/// Id of a certification: `crt_` and a UUID.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CertificationId(pub Uuid);

impl CertificationId {
    /// The form on the wire, as a regular expression (ECMA 262).
    pub const PATTERN: &'static str = "^crt_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
}

impl fmt::Display for CertificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crt_{}", self.0.hyphenated())
    }
}

impl FromStr for CertificationId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        prefixed_uuid(text, "crt_")
            .map(Self)
            .ok_or(IdError { kind: "certification id", rule: "`crt_` and a lower-case UUID" })
    }
}

text_on_the_wire!(CertificationId);
