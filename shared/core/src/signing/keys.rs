//! Which keys an endpoint has, and which of them sign at a time.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize, Serializer};

use super::{KeyFault, Scheme, SigningKey};
use crate::delivery::Secret;

/// How long a replaced key goes on signing when nothing else is said.
pub const DEFAULT_GRACE: SignedDuration = SignedDuration::from_hours(24);

/// The longest that a replaced key may go on signing.
pub const LONGEST_GRACE: SignedDuration = SignedDuration::from_hours(168);

/// Most replaced keys that go on signing; of more, the oldest end.
pub const MOST_OLD_KEYS: usize = 10;

/// The keys of an endpoint, newest first: the first signs until it is replaced, each other until its time is over. With
/// no key, messages are not signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Signing<S = Secret>(Vec<SigningKey<S>>);

impl<S> Default for Signing<S> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<S> From<SigningKey<S>> for Signing<S> {
    fn from(key: SigningKey<S>) -> Self {
        Self(vec![key])
    }
}

impl<S> Signing<S> {
    /// The newest key, which has no end yet; none when messages are not signed.
    #[must_use]
    pub fn current(&self) -> Option<&SigningKey<S>> {
        self.0.first()
    }

    /// Every key, newest first, also those whose time is over and that nobody has taken away yet.
    #[must_use]
    pub fn keys(&self) -> &[SigningKey<S>] {
        &self.0
    }

    /// The keys that sign at this time, newest first.
    pub fn at(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey<S>> {
        self.0.iter().filter(move |key| key.signs_at(now))
    }

    /// The same with something else in the place of each secret.
    pub(crate) fn with_secrets<T>(&self, mut change: impl FnMut(&S) -> T) -> Signing<T> {
        Signing(self.0.iter().map(|key| key.with(change(&key.secret))).collect())
    }
}

impl<S: Clone> Signing<S> {
    /// Without the keys that sign no more.
    #[must_use]
    pub fn without_ended(&self, now: Timestamp) -> Self {
        Self(self.at(now).cloned().collect())
    }

    /// Puts a new key first. Those before it go on signing for as long as `grace` from then on, and none of them longer:
    /// a rotation without grace ends all of them.
    #[must_use]
    pub fn rotated(&self, fresh: SigningKey<S>, grace: SignedDuration) -> Self {
        let now = fresh.created_at;
        let until = now.checked_add(grace).unwrap_or(Timestamp::MAX);
        let ending = |key: &SigningKey<S>| {
            let ends_at = Some(key.ends_at.map_or(until, |end| end.min(until)));
            SigningKey { ends_at, ..key.clone() }
        };
        let old = self.0.iter().map(ending).filter(|key| key.signs_at(now)).take(MOST_OLD_KEYS);
        Self(std::iter::once(fresh).chain(old).collect())
    }

    /// What a new setting comes to, given the one before: signing that was on stays with the keys that it has, and the
    /// new setting's key is one more only if it signs in another way.
    #[must_use]
    pub fn replacing(self, before: &Self) -> Self {
        match (self.current(), before.current()) {
            (Some(fresh), Some(current)) if fresh.signature == current.signature => before.clone(),
            (Some(fresh), Some(_)) => before.rotated(fresh.clone(), DEFAULT_GRACE),
            (Some(_), None) | (None, _) => self,
        }
    }
}

/// As it is stored and shown.
#[derive(Serialize)]
struct Shown<'a, S> {
    signed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<Scheme>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_public_key: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    signing_keys: &'a [SigningKey<S>],
}

/// As it was stored: the rest follows from the keys.
#[derive(Deserialize)]
struct Stored<S> {
    #[serde(default = "Vec::new")]
    signing_keys: Vec<SigningKey<S>>,
}

impl<S: Serialize> Serialize for Signing<S> {
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        let current = self.current();
        let shown = Shown {
            signed: current.is_some(),
            signature: current.map(|key| key.signature),
            signing_public_key: current.and_then(|key| key.public_key.as_deref()),
            signing_keys: &self.0,
        };
        shown.serialize(serializer)
    }
}

impl<'de, S: Deserialize<'de>> Deserialize<'de> for Signing<S> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Stored { signing_keys } = Stored::deserialize(deserializer)?;
        let is_rotated = signing_keys.iter().skip(1).all(|key| key.ends_at.is_some());
        let has_current = signing_keys.first().is_none_or(|key| key.ends_at.is_none());
        if !is_rotated || !has_current {
            return Err(serde::de::Error::custom(KeyFault));
        }
        Ok(Self(signing_keys))
    }
}
