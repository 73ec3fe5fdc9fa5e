//! Signing itself, with keys made ready once.

use std::fmt;

use data_encoding::BASE64;
use ed25519_dalek::{Signer as _, SigningKey as PrivateKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use super::{KeyFault, Scheme, Signing, SigningKey};

/// The keys of an endpoint made ready for many messages.
#[derive(Clone, Default)]
pub struct Signer(Vec<(SigningKey<()>, Ready)>);

#[derive(Clone)]
enum Ready {
    Hmac(Hmac<Sha256>),
    Ed25519(Box<PrivateKey>),
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(key, _)| key)).finish()
    }
}

impl Signer {
    /// Makes keys ready.
    ///
    /// # Errors
    /// [`KeyFault`] when one of them is none; those that [`SigningKey::new`] made always are.
    pub fn new(signing: &Signing) -> Result<Self, KeyFault> {
        signing.keys().iter().map(|key| Ok((key.with(()), Ready::of(key)?))).collect::<Result<_, _>>().map(Self)
    }

    /// The header `webhook-signature` of a message that is sent now under this id: a signature of every key that is in
    /// force, with one space between them. None when messages are not signed.
    ///
    /// What is signed says when, in the whole seconds that the header `webhook-timestamp` has.
    #[must_use]
    pub fn sign(&self, id: &str, now: Timestamp, body: &[u8]) -> Option<String> {
        /// A signature of ed25519, the longer one, in BASE64 with what comes before it.
        const LONGEST: usize = 1 + 4 + 88;
        if self.0.is_empty() {
            return None;
        }
        let head = format!("{id}.{}.", now.as_second());
        let mut header = String::with_capacity(LONGEST * self.0.len());
        for (key, ready) in self.0.iter().filter(|(key, _)| key.signs_at(now)) {
            if !header.is_empty() {
                header.push(' ');
            }
            header.push_str(key.signature.as_str());
            header.push(',');
            ready.sign(head.as_bytes(), body, &mut header);
        }
        Some(header)
    }
}

impl Ready {
    fn of(key: &SigningKey) -> Result<Self, KeyFault> {
        let bytes = key.bytes()?;
        Ok(match key.signature {
            Scheme::V1 => Self::Hmac(Hmac::new_from_slice(&bytes).map_err(|_| KeyFault)?),
            Scheme::V1a => {
                let bits: [u8; 32] = bytes.try_into().map_err(|_| KeyFault)?;
                Self::Ed25519(Box::new(PrivateKey::from_bytes(&bits)))
            }
        })
    }

    fn sign(&self, head: &[u8], body: &[u8], header: &mut String) {
        match self {
            Self::Hmac(mac) => {
                let mac = mac.clone().chain_update(head).chain_update(body);
                BASE64.encode_append(&mac.finalize().into_bytes(), header);
            }
            Self::Ed25519(key) => BASE64.encode_append(&key.sign(&[head, body].concat()).to_bytes(), header),
        }
    }
}
