//! How a party's environment wants its messages, once parsed: what cannot be acted on is not representable.
//!
//! [`resolve`] turns the body of `PUT /v1/me/delivery` (DESIGN section 6) into [`DeliverySettings`]. Those
//! are stored in two parts, [`DeliverySettings::masked`] in clear and [`Secrets`] encrypted.

mod endpoint_url;
mod header_name;
mod input;
mod limits;
mod resolve;
mod secret;
mod text;

use serde::{Deserialize, Serialize};

pub use self::{
    endpoint_url::{EndpointUrl, UrlFault},
    header_name::{HeaderName, HeaderNameFault},
    input::{AuthInput, AuthType, DeliveryInput, DeliveryMode},
    limits::{LimitFault, MaxAge, RateLimit},
    resolve::{FieldFault, resolve},
    secret::{MASK, Secret, Secrets, Withheld},
};
pub use crate::transport::Transport;

/// The delivery settings of one party's environment.
///
/// `S` is what stands where a secret belongs: [`Secret`], or [`Withheld`] in the view that may be shown
/// and stored in clear text.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "one per party's environment, and nearly all of them push")]
pub enum DeliverySettings<S = Secret> {
    /// Messages wait in the inbox.
    Poll,
    /// Messages are pushed to the party's endpoint.
    Push(PushSettings<S>),
}

/// Where and how messages are pushed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PushSettings<S = Secret> {
    /// The endpoint.
    pub url: EndpointUrl,
    /// Who carries the messages, and by which rules.
    pub transport: Transport,
    /// Whether messages are signed (Standard Webhooks). Always false so far: [`resolve`] refuses true.
    pub signed: bool,
    /// How we prove to the endpoint who we are.
    pub auth: Auth<S>,
    /// At most this many attempts a second; unset: as many as the platform can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit_per_second: Option<RateLimit>,
    /// How long after its first attempt a message is given up.
    pub max_age_hours: MaxAge,
}

/// How we prove to an endpoint who we are: the ways that an EventBridge connection has.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Auth<S = Secret> {
    /// Not at all.
    None,
    /// A header of the party's choice.
    ApiKey {
        /// The header's name.
        name: HeaderName,
        /// The header's value.
        value: S,
    },
    /// HTTP Basic (RFC 7617).
    Basic {
        /// The user's name; never contains a colon.
        username: String,
        /// The password.
        password: S,
    },
    /// A bearer token from the party's own token endpoint (RFC 6749, section 4.4).
    OauthClientCredentials {
        /// The token endpoint.
        token_url: EndpointUrl,
        /// Our name at the token endpoint.
        client_id: String,
        /// Our password at the token endpoint.
        client_secret: S,
        /// What to ask for, if anything in particular.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
    },
}

impl DeliverySettings {
    /// The settings without their secrets: what an answer shows, and what is stored in clear text.
    #[must_use]
    pub fn masked(&self) -> DeliverySettings<Withheld> {
        match self {
            Self::Poll => DeliverySettings::Poll,
            Self::Push(push) => DeliverySettings::Push(push.with_secret(|_| Withheld)),
        }
    }

    /// The secrets alone: what is encrypted and stored beside [`DeliverySettings::masked`].
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        match self {
            Self::Poll => Secrets::default(),
            Self::Push(push) => Secrets { auth: push.auth.secret().cloned() },
        }
    }
}

impl DeliverySettings<Withheld> {
    /// Puts the settings back together from their stored parts.
    ///
    /// # Errors
    /// The two do not belong together: a secret is missing, or there is one too many.
    pub fn join(&self, secrets: &Secrets) -> Result<DeliverySettings, JoinError> {
        let needed = match self {
            Self::Poll => None,
            Self::Push(push) => push.auth.secret(),
        };
        match (self, needed, &secrets.auth) {
            (Self::Poll, _, None) => Ok(DeliverySettings::Poll),
            (Self::Push(push), Some(Withheld), Some(secret)) => {
                Ok(DeliverySettings::Push(push.with_secret(|_| secret.clone())))
            }
            (Self::Push(push), None, None) => Ok(DeliverySettings::Push(push.with_secret(|_| Secret::default()))),
            _ => Err(JoinError),
        }
    }
}

/// Stored settings and stored secrets that do not belong together.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the stored delivery settings and their secrets do not belong together")]
pub struct JoinError;

impl<S> PushSettings<S> {
    fn with_secret<T>(&self, change: impl FnOnce(&S) -> T) -> PushSettings<T> {
        PushSettings {
            url: self.url.clone(),
            transport: self.transport,
            signed: self.signed,
            auth: self.auth.with_secret(change),
            rate_limit_per_second: self.rate_limit_per_second,
            max_age_hours: self.max_age_hours,
        }
    }
}

impl<S> Auth<S> {
    /// The secret, if this way of proving has one.
    #[must_use]
    pub fn secret(&self) -> Option<&S> {
        match self {
            Self::None => None,
            Self::ApiKey { value, .. } => Some(value),
            Self::Basic { password, .. } => Some(password),
            Self::OauthClientCredentials { client_secret, .. } => Some(client_secret),
        }
    }

    fn with_secret<T>(&self, change: impl FnOnce(&S) -> T) -> Auth<T> {
        match self {
            Self::None => Auth::None,
            Self::ApiKey { name, value } => Auth::ApiKey { name: name.clone(), value: change(value) },
            Self::Basic { username, password } => {
                Auth::Basic { username: username.clone(), password: change(password) }
            }
            Self::OauthClientCredentials { token_url, client_id, client_secret, scope } => {
                Auth::OauthClientCredentials {
                    token_url: token_url.clone(),
                    client_id: client_id.clone(),
                    client_secret: change(client_secret),
                    scope: scope.clone(),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
