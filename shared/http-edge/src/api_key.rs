//! API keys of third parties: 256 random bits, shown once, kept as a hash.

use event_schema::id::Environment;
use marketplace_core::delivery::Secret;
use sha2::{Digest, Sha256};

/// How many characters follow the prefix.
const DIGITS: usize = 64;

/// How many of them are shown in lists: 232 random bits are left.
const SHOWN: usize = 6;

/// A key that was just made: the only moment in which its text exists here.
#[derive(Debug)]
pub struct FreshKey {
    /// What the party is shown, once: `mk_<environment>_` and 64 hexadecimal digits.
    pub text: Secret,
    /// How it begins: its owner tells keys apart by it, and nobody guesses the rest from it.
    pub prefix: String,
    /// What is kept.
    pub hash: [u8; 32],
}

impl FreshKey {
    /// The key of this environment that 256 random bits make.
    #[must_use]
    pub fn new(environment: Environment, random: [u8; 32]) -> Self {
        let digits = data_encoding::HEXLOWER.encode(&random);
        let text = format!("mk_{environment}_{digits}");
        let prefix = format!("mk_{environment}_{}", &digits[..SHOWN]);
        Self { hash: sha256(&text), prefix, text: Secret::new(text) }
    }
}

/// The hash by which a presented key is looked up; none if no key looks like this.
#[must_use]
pub fn hash_of(presented: &str) -> Option<[u8; 32]> {
    let digits = Environment::ALL
        .into_iter()
        .find_map(|environment| presented.strip_prefix("mk_")?.strip_prefix(environment.as_str())?.strip_prefix('_'))?;
    let well_formed = digits.len() == DIGITS && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    well_formed.then(|| sha256(presented))
}

fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_what_it_says() {
        for environment in Environment::ALL {
            let key = FreshKey::new(environment, [0xab; 32]);
            assert_eq!(hash_of(key.text.expose()), Some(key.hash));
            assert_eq!(key.prefix, format!("mk_{environment}_ababab"));
            assert!(key.text.expose().starts_with(&key.prefix));
        }
        assert_ne!(FreshKey::new(Environment::Prod, [1; 32]).hash, FreshKey::new(Environment::Prod, [2; 32]).hash);
        assert_ne!(FreshKey::new(Environment::Prod, [1; 32]).hash, FreshKey::new(Environment::Test, [1; 32]).hash);
    }

    #[test]
    fn what_does_not_look_like_a_key_is_not_looked_up() {
        let digits = "ab".repeat(32);
        for text in [
            String::new(),
            "mk_".to_owned(),
            digits.clone(),
            format!("mk_prod_{}", digits.to_uppercase()),
            format!("mk_live_{digits}"),
            format!("mk_prod_{digits}0"),
            format!(" mk_prod_{digits}"),
            "x".repeat(100_000),
        ] {
            assert_eq!(hash_of(&text), None, "{text:.80}");
        }
    }

    #[test]
    fn a_key_does_not_show_in_logs() {
        let key = FreshKey::new(Environment::Prod, [0xab; 32]);
        assert!(!format!("{key:?}").contains("abababab"), "no more than its prefix");
    }
}
