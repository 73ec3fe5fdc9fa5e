//! Signatures by which a receiver knows our messages and that nobody has changed them: Standard Webhooks 1.0.0.
//!
//! A message is signed over `id.timestamp.body` with every key that is in force, so that a receiver may go over to a new
//! one when it likes ([`Signing`] is that rule). `v1` is HMAC-SHA256 with a secret that both sides have; `v1a` is ed25519
//! (RFC 8032), whose private key stays with us. Keys come from random bits that are passed in.

mod key;
mod keys;
mod signer;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    key::{KeyFault, SigningKey, SigningKeyId},
    keys::{DEFAULT_GRACE, LONGEST_GRACE, MOST_OLD_KEYS, Signing},
    signer::Signer,
};

/// How messages are signed: the version in front of a signature.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Scheme {
    /// HMAC-SHA256.
    #[default]
    #[serde(rename = "v1")]
    V1,
    /// Ed25519.
    #[serde(rename = "v1a")]
    V1a,
}

impl Scheme {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1a => "v1a",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a new key is made of.
#[derive(Clone, Copy)]
pub struct Seed {
    /// Random bits that nobody else has.
    pub bits: [u8; 32],
    /// Now.
    pub at: Timestamp,
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seed").field("at", &self.at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
