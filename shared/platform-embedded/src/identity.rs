//! The identity of people on one machine: local accounts' passwords, and the JWTs that they sign in for.

mod failures;
mod passwords;
mod tokens;

use std::{io, path::Path, sync::Arc};

use event_schema::id::UserId;
use jiff::Timestamp;
use marketplace_core::{
    delivery::Secret,
    ports::identity::{AccessToken, Identity, IdentityError},
};

use self::{failures::FailedSignIns, passwords::Passwords, tokens::TokenIssuer};

/// The `aud` of every token: the marketplace's API.
pub const AUDIENCE: &str = "marketplace";

/// Local accounts' passwords and tokens. Clones are one and the same.
#[derive(Clone)]
pub struct LocalIdentity {
    parts: Arc<Parts>,
}

struct Parts {
    passwords: Passwords,
    failures: FailedSignIns,
    tokens: TokenIssuer,
}

impl LocalIdentity {
    /// Loads the signing key from this file, or makes one and keeps it there (mode 0600). `issuer` is the `iss` of
    /// every token: the public URL.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds no Ed25519 key in PKCS #8 form.
    pub fn open(key_file: &Path, issuer: &str) -> io::Result<Self> {
        let parts = Parts {
            passwords: Passwords::new()?,
            failures: FailedSignIns::default(),
            tokens: TokenIssuer::open(key_file, issuer)?,
        };
        Ok(Self { parts: Arc::new(parts) })
    }
}

impl Identity for LocalIdentity {
    async fn hash_password(&self, password: &Secret) -> Result<String, IdentityError> {
        self.parts.passwords.hash(password.clone()).await
    }

    /// Failed tries slow the account down.
    async fn check_password(
        &self,
        account: &str,
        stored: Option<&str>,
        password: &Secret,
        now: Timestamp,
    ) -> Result<(), IdentityError> {
        let failures = &self.parts.failures;
        // Counted before the password is looked at, so that many tries at once gain nothing, nor does hanging up.
        failures.begin(account, now).map_err(|retry_after| IdentityError::TooManyFailures { retry_after })?;
        let checked = self.parts.passwords.check(stored.map(str::to_owned), password.clone()).await;
        match &checked {
            Ok(()) => failures.forget(account),
            Err(IdentityError::WrongPassword) => {}
            Err(_) => failures.take_back(account),
        }
        checked
    }

    fn issue_token(&self, user: &UserId, now: Timestamp) -> Result<AccessToken, IdentityError> {
        self.parts.tokens.issue(user, now)
    }

    fn key_set(&self) -> &str {
        self.parts.tokens.key_set()
    }
}

#[cfg(test)]
mod tests;
