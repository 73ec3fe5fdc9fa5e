//! One key that messages are signed with, and how it is written.

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::SigningKey as PrivateKey;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Scheme, Seed};
use crate::delivery::Secret;

/// What stands before the BASE64 of a secret, a private key and a public key (Standard Webhooks, "Signature scheme").
const SECRET: &str = "whsec_";
const PRIVATE: &str = "whsk_";
const PUBLIC: &str = "whpk_";

/// One key that messages are signed with.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SigningKey<S = Secret> {
    /// Tells keys apart without telling them.
    pub id: SigningKeyId,
    /// What it signs with.
    pub signature: Scheme,
    /// Of an ed25519 key: what a receiver verifies with, `whpk_` and BASE64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Since when it signs.
    pub created_at: Timestamp,
    /// From when on it signs no more; none until it is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// What it signs with, `whsec_` or `whsk_` and BASE64.
    pub secret: S,
}

/// The beginning of the SHA-256 of what the receiver has of a key: who has the text can tell which key it is, and nobody
/// else the text.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct SigningKeyId(String);

impl SigningKeyId {
    fn of(text: &str) -> Self {
        Self(format!("sig_{}", HEXLOWER.encode(&Sha256::digest(text)[..8])))
    }
}

/// A stored secret that is no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a signing key is not what it should be")]
pub struct KeyFault;

impl SigningKey {
    /// A new key.
    #[must_use]
    pub fn new(signature: Scheme, seed: &Seed) -> Self {
        let text = |prefix: &str, bytes: &[u8]| format!("{prefix}{}", BASE64.encode(bytes));
        let (secret, public_key) = match signature {
            Scheme::V1 => (text(SECRET, &seed.bits), None),
            Scheme::V1a => {
                let public = PrivateKey::from_bytes(&seed.bits).verifying_key();
                (text(PRIVATE, &seed.bits), Some(text(PUBLIC, public.as_bytes())))
            }
        };
        let id = SigningKeyId::of(public_key.as_deref().unwrap_or(&secret));
        Self { id, signature, public_key, created_at: seed.at, ends_at: None, secret: Secret::new(secret) }
    }

    /// Whether this key, and no other, was made of this seed.
    #[must_use]
    pub fn is_made_of(&self, seed: &Seed) -> bool {
        self.id == Self::new(self.signature, seed).id
    }

    /// What a receiver needs and nobody else may have; none where the public key is all that it needs.
    #[must_use]
    pub fn shared_secret(&self) -> Option<&Secret> {
        (self.signature == Scheme::V1).then_some(&self.secret)
    }

    /// The bytes that it signs with.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, KeyFault> {
        let prefix = match self.signature {
            Scheme::V1 => SECRET,
            Scheme::V1a => PRIVATE,
        };
        let text = self.secret.expose().strip_prefix(prefix).ok_or(KeyFault)?;
        BASE64.decode(text.as_bytes()).map_err(|_| KeyFault)
    }
}

impl<S> SigningKey<S> {
    /// Whether messages are signed with it at this time.
    #[must_use]
    pub fn signs_at(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }

    /// The same key with something else in the place of its secret.
    pub(super) fn with<T>(&self, secret: T) -> SigningKey<T> {
        SigningKey {
            id: self.id.clone(),
            signature: self.signature,
            public_key: self.public_key.clone(),
            created_at: self.created_at,
            ends_at: self.ends_at,
            secret,
        }
    }
}
