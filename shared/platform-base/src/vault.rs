//! Encrypts the credentials of third parties' endpoints before they are stored (DESIGN section 4, invariant 7).
//!
//! AES-256-GCM (NIST SP 800-38D) with a random nonce from the operating system. The key comes from the text of
//! `MARKETPLACE_SECRET_KEY` by HKDF-SHA256 (RFC 5869), whatever that text is: there is one rule, and base64 of 32
//! random bytes is as good a text as any. HKDF does not make a guessable text safe, so the text has to be random.
//!
//! A sealed value is `version (1) | key id (4) | nonce (12) | ciphertext | tag (16)`. The key id says which key
//! sealed it, so that keys can be rotated; version and key id are authenticated together with the caller's data.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
};
use secrecy::{ExposeSecret as _, SecretString};

/// The fewest characters of the key's text.
pub const MIN_KEY_LENGTH: usize = 32;

/// The one format so far.
const VERSION: u8 = 1;

const KEY_ID_LEN: usize = 4;
const HEADER_LEN: usize = 1 + KEY_ID_LEN;

/// Why a key or a sealed value cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VaultError {
    /// The key's text is too short to be random enough.
    #[error("the key has fewer than {MIN_KEY_LENGTH} characters")]
    WeakKey,
    /// The value was sealed with another key.
    #[error("the value was encrypted with another key")]
    OtherKey,
    /// The value, or what it belongs to, is not what was sealed.
    #[error("the value was damaged or belongs elsewhere")]
    Damaged,
    /// The cryptographic library failed.
    #[error("encryption failed")]
    Failed,
}

/// Seals and opens stored secrets.
#[derive(Debug)]
pub struct Vault {
    key: Key,
    /// Keys of before: what they sealed is opened, and nothing is sealed with them.
    previous: Vec<Key>,
}

impl Vault {
    /// A vault with the key that comes from this text.
    ///
    /// # Errors
    /// [`VaultError::WeakKey`] when the text has fewer than [`MIN_KEY_LENGTH`] characters.
    pub fn new(key: &SecretString) -> Result<Self, VaultError> {
        Ok(Self { key: Key::new(key)?, previous: Vec::new() })
    }

    /// The same vault, which also opens what was sealed with these keys.
    ///
    /// # Errors
    /// As [`Vault::new`].
    pub fn after(self, previous: &[SecretString]) -> Result<Self, VaultError> {
        Ok(Self { previous: previous.iter().map(Key::new).collect::<Result<_, _>>()?, ..self })
    }

    /// Encrypts. `belongs_to` (a party's id and environment) has to be the same when it is opened, so that one
    /// party's sealed credentials are useless in another's row.
    ///
    /// # Errors
    /// [`VaultError::Failed`] when there is no randomness.
    pub fn seal(&self, clear: &[u8], belongs_to: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.key.seal(clear, belongs_to)
    }

    /// Decrypts what [`Vault::seal`] made for the same `belongs_to`.
    ///
    /// # Errors
    /// [`VaultError::OtherKey`] when it was sealed with another key, [`VaultError::Damaged`] when it was altered
    /// or moved.
    pub fn open(&self, sealed: &[u8], belongs_to: &[u8]) -> Result<Vec<u8>, VaultError> {
        let (header, rest) = sealed.split_at_checked(HEADER_LEN).ok_or(VaultError::Damaged)?;
        if header[0] != VERSION {
            return Err(VaultError::Damaged);
        }
        let key = std::iter::once(&self.key).chain(&self.previous).find(|key| header == key.header);
        key.ok_or(VaultError::OtherKey)?.open(rest, belongs_to)
    }

    /// What everything begins with that is sealed now: what begins otherwise was sealed with a key of before.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.key.header
    }
}

/// One key, with what is written before everything that it seals.
#[derive(Debug)]
struct Key {
    header: [u8; HEADER_LEN],
    key: RandomizedNonceKey,
}

impl Key {
    fn new(text: &SecretString) -> Result<Self, VaultError> {
        let text = text.expose_secret();
        if text.chars().count() < MIN_KEY_LENGTH {
            return Err(VaultError::WeakKey);
        }
        let secret = Salt::new(HKDF_SHA256, b"marketplace vault").extract(text.as_bytes());
        let id: [u8; KEY_ID_LEN] = derive(&secret, b"key id")?;
        let key: [u8; 32] = derive(&secret, b"aes-256-gcm")?;
        let mut header = [VERSION; HEADER_LEN];
        header[1..].copy_from_slice(&id);
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(failed)?;
        Ok(Self { header, key })
    }

    fn seal(&self, clear: &[u8], belongs_to: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut text = clear.to_vec();
        let aad = self.authenticated(belongs_to);
        let nonce = self.key.seal_in_place_append_tag(aad, &mut text).map_err(failed)?;
        Ok([&self.header[..], nonce.as_ref(), &text].concat())
    }

    /// Decrypts what comes after the header.
    fn open(&self, sealed: &[u8], belongs_to: &[u8]) -> Result<Vec<u8>, VaultError> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(VaultError::Damaged)?;
        let damaged = |_: Unspecified| VaultError::Damaged;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(damaged)?;
        let mut text = text.to_vec();
        let clear = self.key.open_in_place(nonce, self.authenticated(belongs_to), &mut text).map_err(damaged)?;
        Ok(clear.to_vec())
    }

    fn authenticated(&self, belongs_to: &[u8]) -> Aad<Vec<u8>> {
        Aad::from([&self.header[..], belongs_to].concat())
    }
}

/// How many bytes are asked of HKDF.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive<const N: usize>(secret: &Prk, purpose: &[u8]) -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    secret.expand(&[purpose], Bytes(N)).and_then(|key| key.fill(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

fn failed(_: Unspecified) -> VaultError {
    VaultError::Failed
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAR: &[u8] = br#"{"auth":"hunter2"}"#;

    fn vault(text: &str) -> Vault {
        Vault::new(&text.into()).unwrap()
    }

    fn ours() -> Vault {
        vault("0123456789abcdef0123456789abcdef")
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_and_owner_only() {
        let sealed = ours().seal(CLEAR, b"acme/prod").unwrap();
        assert_eq!(ours().open(&sealed, b"acme/prod").unwrap(), CLEAR);
        assert_eq!(ours().open(&sealed, b"acme/test"), Err(VaultError::Damaged));
        assert_eq!(ours().open(&sealed, b""), Err(VaultError::Damaged));
        let other = vault("0123456789abcdef0123456789abcdeF");
        assert_eq!(other.open(&sealed, b"acme/prod"), Err(VaultError::OtherKey));
    }

    #[test]
    fn a_key_of_before_opens_and_does_not_seal() {
        const FIRST: &str = "the first key of thirty-two characters";
        const SECOND: &str = "the second key of thirty-two characters";
        let (first, second) = (vault(FIRST), vault(SECOND));
        let rotated = ours().after(&[SECOND.into(), FIRST.into()]).unwrap();
        for old in [&first, &second] {
            let sealed = old.seal(CLEAR, b"acme/prod").unwrap();
            assert_eq!(rotated.open(&sealed, b"acme/prod").unwrap(), CLEAR);
            assert_eq!(rotated.open(&sealed, b"acme/test"), Err(VaultError::Damaged));
            assert!(!sealed.starts_with(rotated.header()));
        }
        let sealed = rotated.seal(CLEAR, b"acme/prod").unwrap();
        assert!(sealed.starts_with(rotated.header()));
        assert_eq!(ours().open(&sealed, b"acme/prod").unwrap(), CLEAR);
        assert_eq!(first.open(&sealed, b"acme/prod"), Err(VaultError::OtherKey));
        assert_eq!(ours().after(&["short".into()]).unwrap_err(), VaultError::WeakKey);
    }

    #[test]
    fn nothing_of_the_clear_text_shows_and_no_two_are_alike() {
        let (first, second) = (ours().seal(CLEAR, b"a").unwrap(), ours().seal(CLEAR, b"a").unwrap());
        assert_ne!(first, second);
        assert_eq!(first.len(), HEADER_LEN + NONCE_LEN + CLEAR.len() + AES_256_GCM.tag_len());
        assert!(!first.windows(7).any(|part| part == b"hunter2"));
        assert_eq!(ours().open(&ours().seal(b"", b"a").unwrap(), b"a").unwrap(), b"");
    }

    #[test]
    fn every_altered_bit_is_noticed() {
        let vault = ours();
        let sealed = vault.seal(CLEAR, b"acme/prod").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(vault.open(&altered, b"acme/prod").is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(vault.open(&sealed[..length], b"acme/prod").is_err(), "{length} bytes");
        }
        let longer = [&sealed[..], b"\0"].concat();
        assert_eq!(vault.open(&longer, b"acme/prod"), Err(VaultError::Damaged));
    }

    #[test]
    fn a_key_that_could_be_guessed_is_refused() {
        for text in ["", "password", "0123456789abcdef0123456789abcde"] {
            assert_eq!(Vault::new(&text.into()).unwrap_err(), VaultError::WeakKey);
        }
    }

    #[test]
    fn a_value_sealed_by_an_earlier_release_still_opens() {
        let sealed = data_encoding::HEXLOWER.decode(SEALED_BY_VERSION_1.as_bytes()).unwrap();
        assert_eq!(ours().open(&sealed, b"acme/prod").unwrap(), CLEAR);
    }

    /// Made by another implementation (Python's `cryptography`) of what the top of this file says. If it no
    /// longer opens, stored credentials are lost.
    const SEALED_BY_VERSION_1: &str = "010a4d1b0c000102030405060708090a0b270ba04cafaa464eda9969c0889aa7\
        0472d5c9e236a6a19b09b7422be729ab2a6065";
}
