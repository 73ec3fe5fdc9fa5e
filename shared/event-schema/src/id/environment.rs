//! The three worlds of every third party.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::IdError;

/// The world that a request, a key or an endpoint belongs to; nothing crosses from one to another.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Real requests of real users.
    #[default]
    Prod,
    /// Certification and trials against a party's test endpoint.
    Test,
    /// A party's developers.
    Dev,
}

impl Environment {
    /// Every environment.
    pub const ALL: [Self; 3] = [Self::Prod, Self::Test, Self::Dev];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prod => "prod",
            Self::Test => "test",
            Self::Dev => "dev",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL
            .into_iter()
            .find(|environment| environment.as_str() == text)
            .ok_or(IdError { kind: "environment", rule: "`prod`, `test` or `dev`" })
    }
}
