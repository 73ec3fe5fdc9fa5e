//! The identity of people where it is local (DESIGN section 2): passwords, and tokens for who knows theirs.
//!
//! On AWS this is Cognito, so nothing there implements this port; tokens of both are verified through a JWK set.

use std::{error::Error, future::Future, time::Duration};

use event_schema::id::UserId;
use jiff::Timestamp;

use crate::delivery::Secret;

/// Why a password was not hashed or checked, or a token not made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The account does not exist or the password is another; never say which. 401.
    #[error("unknown account or wrong password")]
    WrongPassword,
    /// Sign-ins to this account failed too often: 429 with `Retry-After`.
    #[error("sign-ins to this account failed too often")]
    TooManyFailures {
        /// When the next try is let through.
        retry_after: Duration,
    },
    /// Too many passwords are being hashed at the same time: 503.
    #[error("too many passwords are being hashed")]
    Busy,
    /// Something that nobody foresaw.
    #[error("the identity of people failed")]
    Unexpected(#[source] Box<dyn Error + Send + Sync>),
}

/// A token that proves who a user is until it expires.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The JWT.
    pub token: Secret,
    /// How long it is good for, from now.
    pub expires_in: Duration,
}

/// Local accounts' passwords and tokens.
pub trait Identity: Clone + Send + Sync + 'static {
    /// Hashes a new password, for storing.
    fn hash_password(&self, password: &Secret) -> impl Future<Output = Result<String, IdentityError>> + Send;

    /// Checks the password that somebody signs in to `account` with against the stored hash. With no such
    /// account (`stored` is none) it takes as long and answers [`IdentityError::WrongPassword`].
    fn check_password(
        &self,
        account: &str,
        stored: Option<&str>,
        password: &Secret,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), IdentityError>> + Send;

    /// Makes a token for somebody whose password was right.
    ///
    /// # Errors
    /// [`IdentityError::Unexpected`] when it cannot be signed.
    fn issue_token(&self, user: &UserId, now: Timestamp) -> Result<AccessToken, IdentityError>;

    /// The public keys that the tokens are verified with: a JWK set (RFC 7517), JSON text.
    fn key_set(&self) -> &str;
}
