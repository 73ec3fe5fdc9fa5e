//! A third party's API keys: what each may do, how long it works, and which a party may not take from itself.

use event_schema::id::{Environment, KeyId, PartyId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Party, certify::closed};
use crate::command::Refusal;

/// Most keys of a party in one environment, those that have expired too.
pub const MOST_KEYS: usize = 100;

/// How much later a use has to be than the one that is recorded, to be recorded itself.
const USES_APART: SignedDuration = SignedDuration::from_hours(1);

/// What a key may do.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyScope {
    /// What a machine needs that takes offers and answers them: inbox, status, reading.
    Integrate,
    /// That, and the settings.
    Manage,
}

impl KeyScope {
    /// Both, in the order in which they are stored.
    pub const ALL: [Self; 2] = [Self::Integrate, Self::Manage];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integrate => "integrate",
            Self::Manage => "manage",
        }
    }
}

/// An API key as it is kept: never the key itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiKey {
    /// Its id; not a secret.
    pub key_id: KeyId,
    /// Whose it is.
    pub party: PartyId,
    /// The one environment that it opens.
    pub environment: Environment,
    /// What it may do there.
    pub scope: KeyScope,
    /// What its owner calls it.
    pub name: Option<String>,
    /// How it begins, for its owner to know it by.
    pub prefix: String,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it works no more; none is never.
    pub expires_at: Option<Timestamp>,
    /// When it was used, to the hour: the use that began the last hour in which there was one.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// A key that may do everything, for good.
    #[must_use]
    pub fn new(key_id: KeyId, party: PartyId, environment: Environment, hash: [u8; 32], created_at: Timestamp) -> Self {
        Self {
            key_id,
            party,
            environment,
            scope: KeyScope::Manage,
            name: None,
            prefix: format!("mk_{environment}_"),
            hash,
            created_at,
            expires_at: None,
            last_used_at: None,
        }
    }

    /// Whether it works no more.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether a use of it now is to be recorded. Once an hour at most, so that calls write nothing.
    #[must_use]
    pub fn is_use_worth_recording(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|last| now.duration_since(last) >= USES_APART)
    }

    /// Whether it lets its owner manage the same environment for at least as long as the other does.
    fn replaces(&self, other: &Self) -> bool {
        let lasts = match (self.expires_at, other.expires_at) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(end), Some(others)) => end >= others,
        };
        self.key_id != other.key_id && self.scope == KeyScope::Manage && self.environment == other.environment && lasts
    }
}

/// Whether a party with these keys may have one more.
///
/// # Errors
/// [`Refusal::State`] when it has enough.
pub(super) fn admit<'a>(keys: impl IntoIterator<Item = &'a ApiKey>, new: &ApiKey) -> Result<(), Refusal> {
    if keys.into_iter().filter(|key| key.environment == new.environment).count() < MOST_KEYS {
        return Ok(());
    }
    let detail = format!("there are {MOST_KEYS} keys in `{}`: revoke those that nobody uses", new.environment);
    Err(Refusal::State { current_status: "too-many-keys", detail })
}

/// Those that the first key of an environment takes the place of, when the party makes it with a key of another: the
/// answer to an earlier try may have been lost.
///
/// # Errors
/// [`Refusal::State`] when the environment is closed, has a key with which the party manages it, or would get none with
/// this one, and when it has enough keys besides.
pub(super) fn moved_in_with<'a>(
    party: &Party,
    keys: &'a [ApiKey],
    new: &ApiKey,
    now: Timestamp,
) -> Result<Vec<&'a ApiKey>, Refusal> {
    if !party.environment(new.environment).open {
        return Err(closed(new.environment));
    }
    let manages =
        |key: &&ApiKey| key.environment == new.environment && key.scope == KeyScope::Manage && !key.has_expired(now);
    let managing: Vec<_> = keys.iter().filter(manages).collect();
    if managing.iter().any(|key| key.last_used_at.is_some()) {
        let detail = format!("`{}` has a key that manages it: make others with that", new.environment);
        return Err(Refusal::State { current_status: "has-key", detail });
    }
    if new.scope != KeyScope::Manage {
        let detail = format!("the first key of `{}` is one that manages it", new.environment);
        return Err(Refusal::State { current_status: "no-key", detail });
    }
    admit(keys.iter().filter(|key| !managing.iter().any(|replaced| replaced.key_id == key.key_id)), new)?;
    Ok(managing)
}

/// The one of a party's keys that is to be revoked.
///
/// # Errors
/// [`Refusal::NotFound`] when it has no such key.
pub(super) fn named(keys: &[ApiKey], key_id: KeyId) -> Result<&ApiKey, Refusal> {
    keys.iter().find(|key| key.key_id == key_id).ok_or(Refusal::NotFound)
}

/// The same, by the party itself, which must not lock itself out.
///
/// # Errors
/// [`Refusal::NotFound`] when it has no such key there, [`Refusal::State`] when no other would let it manage itself
/// for as long.
pub(super) fn given_up(
    keys: &[ApiKey],
    environment: Environment,
    key_id: KeyId,
    now: Timestamp,
) -> Result<&ApiKey, Refusal> {
    let key = named(keys, key_id).ok().filter(|key| key.environment == environment).ok_or(Refusal::NotFound)?;
    let is_needed = key.scope == KeyScope::Manage && !key.has_expired(now);
    if is_needed && !keys.iter().any(|other| other.replaces(key)) {
        let detail = "no other key with scope `manage` works here for as long: make one first".to_owned();
        return Err(Refusal::State { current_status: "last-key", detail });
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn key(number: u128, scope: KeyScope) -> ApiKey {
        let key_id = KeyId(Uuid::from_u128(number));
        ApiKey { scope, ..ApiKey::new(key_id, "books".parse().unwrap(), Environment::Prod, [0; 32], NOW) }
    }

    fn until(number: u128, hours: i64) -> ApiKey {
        ApiKey { expires_at: Some(NOW + hours.hours()), ..key(number, KeyScope::Manage) }
    }

    fn may_go(keys: &[ApiKey], number: u128) -> bool {
        match given_up(keys, Environment::Prod, KeyId(Uuid::from_u128(number)), NOW) {
            Ok(_) => true,
            Err(Refusal::State { current_status: "last-key", .. }) => false,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_party_does_not_lock_itself_out() {
        let (manage, integrate) = (KeyScope::Manage, KeyScope::Integrate);
        assert!(!may_go(&[key(1, manage)], 1), "the only one");
        assert!(!may_go(&[key(1, manage), key(2, integrate)], 1), "the other may not manage");
        assert!(may_go(&[key(1, manage), key(2, integrate)], 2));
        assert!(may_go(&[key(1, manage), key(2, manage)], 1));
        let elsewhere = ApiKey { environment: Environment::Test, ..key(2, manage) };
        assert!(!may_go(&[key(1, manage), elsewhere], 1), "the other opens another environment");
    }

    #[test]
    fn a_key_that_ends_sooner_does_not_replace_one_that_lasts() {
        let forever = key(1, KeyScope::Manage);
        assert!(!may_go(&[forever.clone(), until(2, 1)], 1));
        assert!(may_go(&[forever, until(2, 1)], 2));
        assert!(!may_go(&[until(1, 2), until(2, 1)], 1));
        assert!(may_go(&[until(1, 2), until(2, 2)], 1));
        assert!(may_go(&[until(1, -1)], 1), "one that has expired opens nothing");
        assert!(!may_go(&[until(1, 1), until(2, -1)], 1));
    }

    #[test]
    fn another_environments_key_is_not_there() {
        let keys = [key(1, KeyScope::Manage), key(2, KeyScope::Manage)];
        let found = given_up(&keys, Environment::Test, keys[0].key_id, NOW);
        assert!(matches!(found, Err(Refusal::NotFound)));
        assert!(matches!(named(&keys, KeyId(Uuid::from_u128(3))), Err(Refusal::NotFound)));
    }

    #[test]
    fn a_key_works_until_the_moment_in_which_it_expires() {
        let key = until(1, 1);
        assert!(!key.has_expired(NOW + 59.minutes()));
        assert!(key.has_expired(NOW + 1.hour()));
    }

    #[test]
    fn a_use_is_recorded_once_an_hour() {
        let mut key = key(1, KeyScope::Manage);
        assert!(key.is_use_worth_recording(NOW));
        key.last_used_at = Some(NOW);
        assert!(!key.is_use_worth_recording(NOW + 59.minutes()));
        assert!(key.is_use_worth_recording(NOW + 1.hour()));
        assert!(!key.is_use_worth_recording(NOW - 1.hour()), "another clock is behind");
    }

    #[test]
    fn keys_have_a_bound_in_each_environment() {
        let mut keys: Vec<_> = (0..100).map(|number| key(number, KeyScope::Integrate)).collect();
        let mut new = key(200, KeyScope::Manage);
        assert!(matches!(admit(&keys, &new), Err(Refusal::State { current_status: "too-many-keys", .. })));
        new.environment = Environment::Dev;
        assert!(admit(&keys, &new).is_ok());
        keys.pop();
        new.environment = Environment::Prod;
        assert!(admit(&keys, &new).is_ok());
    }
}
