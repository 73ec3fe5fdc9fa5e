//! The keys of an issuer elsewhere, such as Amazon Cognito: fetched when they are needed, and again when a token names
//! one that is not among them, but never often. Anybody can write a token with a key that nobody has.

use std::error::Error;

use futures::future::{BoxFuture, FutureExt as _};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::causes::Causes;
use tokio::sync::Mutex;

use super::{Expected, JwksVerifier, KeysOutOfReach, TokenFault, TokenVerifier, VerifiedUser};

/// Keys that were fetched are not fetched again for so long; issuers publish a key long before they use it.
const PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// After keys could not be fetched, they are left alone for so long.
const PAUSE_AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(1);

/// Why no key set was fetched.
pub type SourceError = Box<dyn Error + Send + Sync>;

/// Where the keys come from.
pub trait KeySource: Send + Sync + 'static {
    /// The JWK set, JSON text. It ends within seconds.
    fn fetch(&self) -> BoxFuture<'_, Result<String, SourceError>>;
}

/// A [`JwksVerifier`] whose keys come from a [`KeySource`]. It knows none until it is refreshed for the first time.
pub struct RemoteVerifier<K> {
    verifier: JwksVerifier,
    source: K,
    /// Until when the source is left alone, and whether it answered then.
    last: Mutex<Option<(Timestamp, bool)>>,
}

impl<K: KeySource> RemoteVerifier<K> {
    /// Verifies with the keys that this source has.
    pub fn new(source: K, expected: Expected) -> Self {
        Self { verifier: JwksVerifier::without_keys(expected), source, last: Mutex::new(None) }
    }

    async fn fetch(&self) -> Result<(), SourceError> {
        let keys = self.source.fetch().await?;
        Ok(self.verifier.replace_keys(&keys)?)
    }

    /// Who comes while another fetches waits for it, and has its keys.
    async fn refresh_now(&self, now: Timestamp) -> Result<(), KeysOutOfReach> {
        let mut last = self.last.lock().await;
        if let Some((until, answered)) = *last
            && now < until
        {
            return if answered { Ok(()) } else { Err(KeysOutOfReach) };
        }
        let fetched = self.fetch().await;
        let pause = if fetched.is_ok() { PAUSE } else { PAUSE_AFTER_FAILURE };
        *last = Some((now.saturating_add(pause).unwrap_or(Timestamp::MAX), fetched.is_ok()));
        fetched.map_err(|error| {
            tracing::warn!(error = %Causes(&*error), "the keys of the tokens' issuer were not fetched");
            KeysOutOfReach
        })
    }
}

impl<K: KeySource> TokenVerifier for RemoteVerifier<K> {
    fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedUser, TokenFault> {
        self.verifier.verify(token, now)
    }

    fn refresh(&self, now: Timestamp) -> BoxFuture<'_, Result<(), KeysOutOfReach>> {
        self.refresh_now(now).boxed()
    }
}

#[cfg(test)]
mod tests;
