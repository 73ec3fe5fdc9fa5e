//! Who a user's bearer token says they are: JWTs verified through a JWK set, whoever issued them.
//!
//! The local issuer and Amazon Cognito differ only in the key set and in what [`Expected`] says. RFC 8725 is the
//! source of the rules: each key verifies one algorithm, chosen by the key and never by the token.

mod cache;
mod remote;

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use event_schema::id::UserId;
use futures::future::{BoxFuture, FutureExt as _};
use jiff::Timestamp;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;

use self::cache::{TokenCache, Verified};
pub use self::remote::{KeySource, RemoteVerifier, SourceError};

/// How far the issuer's clock may be from ours, in seconds.
const LEEWAY_SECONDS: i64 = 5;

/// The longest token that is looked at; Cognito's access tokens are about 1 KiB.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The user that a valid token belongs to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifiedUser {
    /// The token's `sub`.
    pub id: UserId,
    /// Whether the token says that they belong to the operators' group.
    pub operator: bool,
}

/// Why a token proves nothing. Every fault is a 401.
#[derive(Debug, thiserror::Error)]
pub enum TokenFault {
    /// It was good once: signing in again helps.
    #[error("the token has expired")]
    Expired,
    /// It names a key that is not known: its issuer may have a new one ([`TokenVerifier::refresh`]).
    #[error("the token names an unknown key")]
    UnknownKey,
    /// It is not a token of our issuer for us; the text is for logs.
    #[error("the token is not valid: {0}")]
    Invalid(&'static str),
    /// It cannot be read, or its signature is another's.
    #[error("the token is not valid")]
    Forged(#[source] jsonwebtoken::errors::Error),
}

/// Verifies users' bearer tokens.
pub trait TokenVerifier: Send + Sync + 'static {
    /// Whose token this is.
    ///
    /// # Errors
    /// A [`TokenFault`] when it is nobody's, at `now`.
    fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedUser, TokenFault>;

    /// Asks the issuer for its keys, if it was not asked just now; then a token with an unknown key may be verified
    /// once more.
    ///
    /// # Errors
    /// [`KeysOutOfReach`]: nobody knows whether the token is good.
    fn refresh(&self, _now: Timestamp) -> BoxFuture<'_, Result<(), KeysOutOfReach>> {
        std::future::ready(Ok(())).boxed()
    }
}

/// The issuer does not tell its keys now.
#[derive(Debug, thiserror::Error)]
#[error("the keys of the tokens' issuer are out of reach")]
pub struct KeysOutOfReach;

/// What a token must say besides being signed by a key of the set.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Its `iss`, to the letter.
    pub issuer: String,
    /// One of its `aud`; or its `client_id` where, as in Cognito's access tokens, there is no `aud`.
    pub audience: String,
    /// The group of operators, a value in `cognito:groups`; none when users cannot be operators.
    pub operator_group: Option<String>,
}

/// Why a JWK set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeySetFault {
    /// It is not a JWK set (RFC 7517).
    #[error("not a JWK set")]
    Malformed(#[from] serde_json::Error),
    /// None of its keys can verify a token.
    #[error("the JWK set has no key for EdDSA or RS256")]
    NoKey,
}

/// Verifies tokens with the public keys of a JWK set: Ed25519 (`EdDSA`) and RSA (`RS256`).
///
/// A token that was verified is remembered until it expires, by its hash: one signature check for all the
/// requests made with it.
pub struct JwksVerifier {
    keys: RwLock<Keys>,
    expected: Expected,
    cache: TokenCache,
}

/// The keys of a set, by their ids.
type Keys = HashMap<String, Key>;

/// One public key with the one algorithm that it verifies.
#[derive(Clone)]
struct Key {
    decoding: DecodingKey,
    validation: Validation,
}

/// The claims that are looked at.
#[derive(Deserialize)]
struct Claims {
    sub: UserId,
    iss: String,
    exp: i64,
    nbf: Option<i64>,
    aud: Option<Audience>,
    client_id: Option<String>,
    token_use: Option<String>,
    #[serde(rename = "cognito:groups", default)]
    groups: Vec<String>,
}

/// RFC 7519 section 4.1.3: one audience or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl JwksVerifier {
    /// A verifier for the keys of a JWK set, given as JSON text. Keys for other uses are passed over.
    ///
    /// # Errors
    /// A [`KeySetFault`] when no token could ever be verified with it.
    pub fn new(jwk_set: &str, expected: Expected) -> Result<Self, KeySetFault> {
        Ok(Self { keys: RwLock::new(usable_keys(jwk_set)?), expected, cache: TokenCache::default() })
    }

    /// One that knows no key yet.
    fn without_keys(expected: Expected) -> Self {
        Self { keys: RwLock::default(), expected, cache: TokenCache::default() }
    }

    /// Takes over another JWK set.
    fn replace_keys(&self, jwk_set: &str) -> Result<(), KeySetFault> {
        let keys = usable_keys(jwk_set)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    fn verify_signature(&self, token: &str) -> Result<Claims, TokenFault> {
        let header = jsonwebtoken::decode_header(token).map_err(TokenFault::Forged)?;
        if header.crit.is_some() {
            return Err(TokenFault::Invalid("it has critical extensions (RFC 7515 section 4.1.11)"));
        }
        let key_id = header.kid.ok_or(TokenFault::Invalid("it names no key"))?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(&key_id).ok_or(TokenFault::UnknownKey)?;
        let data = jsonwebtoken::decode(token, &key.decoding, &key.validation);
        Ok(data.map_err(TokenFault::Forged)?.claims)
    }

    fn accept(&self, claims: Claims) -> Result<Verified, TokenFault> {
        if claims.iss != self.expected.issuer {
            return Err(TokenFault::Invalid("another issuer made it"));
        }
        if claims.token_use.as_deref().is_some_and(|token_use| token_use != "access") {
            return Err(TokenFault::Invalid("it is not an access token"));
        }
        let wanted = &self.expected.audience;
        let for_us = match &claims.aud {
            Some(Audience::One(audience)) => audience == wanted,
            Some(Audience::Many(audiences)) => audiences.contains(wanted),
            None => claims.client_id.as_ref() == Some(wanted),
        };
        if !for_us {
            return Err(TokenFault::Invalid("it was made for somebody else"));
        }
        let group = self.expected.operator_group.as_ref();
        let user = VerifiedUser { id: claims.sub, operator: group.is_some_and(|group| claims.groups.contains(group)) };
        Ok(Verified { user, expires: claims.exp, begins: claims.nbf })
    }
}

impl TokenVerifier for JwksVerifier {
    fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedUser, TokenFault> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::Invalid("it is too long"));
        }
        let hash = cache::hash(token);
        if let Some(known) = self.cache.get(&hash) {
            return known.at(now);
        }
        let verified = self.accept(self.verify_signature(token)?)?;
        let user = verified.at(now)?;
        self.cache.put(hash, verified, now);
        Ok(user)
    }
}

impl Verified {
    /// The user, if the token is good at `now`.
    fn at(&self, now: Timestamp) -> Result<VerifiedUser, TokenFault> {
        let now = now.as_second();
        if self.expires.saturating_add(LEEWAY_SECONDS) <= now {
            return Err(TokenFault::Expired);
        }
        if self.begins.is_some_and(|begins| begins > now.saturating_add(LEEWAY_SECONDS)) {
            return Err(TokenFault::Invalid("it is not valid yet"));
        }
        Ok(self.user.clone())
    }
}

/// The keys of a JWK set that can verify tokens, at least one.
fn usable_keys(jwk_set: &str) -> Result<Keys, KeySetFault> {
    let set: JwkSet = serde_json::from_str(jwk_set)?;
    let keys: Keys = set.keys.iter().filter_map(usable_key).collect();
    if keys.is_empty() { Err(KeySetFault::NoKey) } else { Ok(keys) }
}

/// The key with its id, if it has one and is one that can verify tokens.
fn usable_key(jwk: &Jwk) -> Option<(String, Key)> {
    let common = &jwk.common;
    let signs = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    let algorithm = algorithm_of(jwk).filter(|_| signs)?;
    let decoding = DecodingKey::from_jwk(jwk).ok()?;
    // Only the algorithm: the claims are checked here, against a time that is passed in.
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    Some((common.key_id.clone()?, Key { decoding, validation }))
}

/// The one algorithm of a key, by its type; the key may name it but may not name another.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        _ => return None,
    };
    jwk.common.key_algorithm.is_none_or(|named| named == name).then_some(algorithm)
}

#[cfg(test)]
mod tests;
