//! Tokens that were verified not long ago, so that a signature is checked once and not with every request.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::VerifiedUser;

/// Most tokens in one generation; two are kept, at about 200 bytes a token.
const GENERATION: usize = 8 * 1024;

/// SHA-256 of a token. Tokens are looked up by it, so how long a lookup takes says nothing about a token.
pub(super) type TokenHash = [u8; 32];

/// The hash of a token.
pub(super) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}

/// What was found when a token was verified. The times are seconds since 1970.
#[derive(Clone)]
pub(super) struct Verified {
    pub(super) user: VerifiedUser,
    pub(super) expires: i64,
    pub(super) begins: Option<i64>,
}

/// A bounded cache in two generations: when the young one is full it becomes the old one, and what was not asked
/// for again since is forgotten.
#[derive(Default)]
pub(super) struct TokenCache {
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<TokenHash, Verified>,
    old: HashMap<TokenHash, Verified>,
}

impl TokenCache {
    pub(super) fn get(&self, hash: &TokenHash) -> Option<Verified> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verified) = generations.young.get(hash) {
            return Some(verified.clone());
        }
        let verified = generations.old.remove(hash)?;
        generations.put(*hash, verified.clone());
        Some(verified)
    }

    pub(super) fn put(&self, hash: TokenHash, verified: Verified, now: Timestamp) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.young.len() >= GENERATION {
            generations.young.retain(|_, verified| verified.expires > now.as_second());
        }
        generations.put(hash, verified);
    }
}

impl Generations {
    fn put(&mut self, hash: TokenHash, verified: Verified) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(hash, verified);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(expires: i64) -> Verified {
        let user = VerifiedUser { id: "usr_1".parse().unwrap(), operator: false };
        Verified { user, expires, begins: None }
    }

    fn numbered(number: usize) -> TokenHash {
        hash(&number.to_string())
    }

    #[test]
    fn it_stays_bounded_and_keeps_what_is_used() {
        let cache = TokenCache::default();
        for number in 0..GENERATION * 5 {
            cache.put(numbered(number), verified(100), Timestamp::UNIX_EPOCH);
            assert!(cache.get(&numbered(0)).is_some(), "asked for after {number} others");
        }
        let generations = cache.generations.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
        assert!(!generations.young.contains_key(&numbered(GENERATION)));
    }

    #[test]
    fn what_has_expired_makes_room_first() {
        let cache = TokenCache::default();
        for number in 0..GENERATION {
            cache.put(numbered(number), verified(if number == 7 { 100 } else { 10 }), Timestamp::UNIX_EPOCH);
        }
        cache.put(numbered(GENERATION), verified(100), Timestamp::from_second(50).unwrap());
        let generations = cache.generations.lock().unwrap();
        assert_eq!((generations.young.len(), generations.old.len()), (2, 0));
        assert!(generations.young.contains_key(&numbered(7)));
    }
}
