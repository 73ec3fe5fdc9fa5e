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

use jiff::Timestamp;
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
use crate::{health::PauseAfter, signing::Signing};

/// The delivery settings of one party's environment.
///
/// `S` is what stands where a secret belongs: [`Secret`], or [`Withheld`] in the view that may be shown
/// and stored in clear text.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub enum DeliverySettings<S = Secret> {
    /// Messages wait in the inbox.
    Poll,
    /// Messages are pushed to the party's endpoint.
    Push(Box<PushSettings<S>>),
}

/// Where and how messages are pushed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PushSettings<S = Secret> {
    /// The endpoint.
    pub url: EndpointUrl,
    /// Who carries the messages, and by which rules.
    pub transport: Transport,
    /// The keys that messages are signed with, if they are.
    #[serde(flatten)]
    pub signing: Signing<S>,
    /// How we prove to the endpoint who we are.
    pub auth: Auth<S>,
    /// At most this many attempts a second; unset: as many as the platform can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit_per_second: Option<RateLimit>,
    /// How long after its first attempt a message is given up.
    pub max_age_hours: MaxAge,
    /// After how long a time of nothing but failures pushes are paused; unset: as long as it is for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_pause_after_hours: Option<PauseAfter>,
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

impl<S> DeliverySettings<S> {
    /// The keys that messages are signed with; none when they are not.
    #[must_use]
    pub fn signing(&self) -> Option<&Signing<S>> {
        match self {
            Self::Push(push) if push.signing.current().is_some() => Some(&push.signing),
            Self::Push(_) | Self::Poll => None,
        }
    }
}

impl<S: PartialEq> DeliverySettings<S> {
    /// Whether messages go to the same endpoint in the same way, whatever else has changed.
    #[must_use]
    pub fn goes_where(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Poll, Self::Poll) => true,
            (Self::Push(push), Self::Push(other)) => push.goes_where(other),
            (Self::Poll, Self::Push(_)) | (Self::Push(_), Self::Poll) => false,
        }
    }
}

impl DeliverySettings {
    /// The settings without their secrets: what an answer shows, and what is stored in clear text.
    #[must_use]
    pub fn masked(&self) -> DeliverySettings<Withheld> {
        match self {
            Self::Poll => DeliverySettings::Poll,
            Self::Push(push) => DeliverySettings::Push(Box::new(push.with_secrets(|_| Withheld, |_| Withheld))),
        }
    }

    /// The secrets alone: what is encrypted and stored beside [`DeliverySettings::masked`].
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        match self {
            Self::Poll => Secrets::default(),
            Self::Push(push) => Secrets {
                auth: push.auth.secret().cloned(),
                signing: push.signing.keys().iter().map(|key| key.secret.clone()).collect(),
            },
        }
    }

    /// Where messages, or what they are authorized with, go that did not go there before: other origins (RFC 6454) of
    /// the endpoint and of the token endpoint.
    #[must_use]
    pub fn new_origins(&self, before: &Self) -> Vec<String> {
        let known: Vec<_> = before.urls().into_iter().map(|url| url.as_url().origin()).collect();
        let origins = self.urls().into_iter().map(|url| url.as_url().origin());
        origins.filter(|origin| !known.contains(origin)).map(|origin| origin.ascii_serialization()).collect()
    }

    fn urls(&self) -> Vec<&EndpointUrl> {
        match self {
            Self::Poll => vec![],
            Self::Push(push) => match &push.auth {
                Auth::OauthClientCredentials { token_url, .. } => vec![&push.url, token_url],
                Auth::None | Auth::ApiKey { .. } | Auth::Basic { .. } => vec![&push.url],
            },
        }
    }

    /// What these settings come to in place of others: keys that sign already stay ([`Signing::replacing`]).
    #[must_use]
    pub fn replacing(mut self, before: &Self) -> Self {
        if let (Self::Push(push), Some(signing)) = (&mut self, before.signing()) {
            push.signing = std::mem::take(&mut push.signing).replacing(signing);
        }
        self
    }
}

impl DeliverySettings<Withheld> {
    /// Puts the settings back together from their stored parts.
    ///
    /// # Errors
    /// The two do not belong together: a secret is missing, or there is one too many.
    pub fn join(&self, secrets: &Secrets) -> Result<DeliverySettings, JoinError> {
        let (auth, keys) = match self {
            Self::Poll => (None, 0),
            Self::Push(push) => (push.auth.secret(), push.signing.keys().len()),
        };
        if auth.is_some() != secrets.auth.is_some() || keys != secrets.signing.len() {
            return Err(JoinError);
        }
        let mut signing = secrets.signing.iter().cloned();
        Ok(match self {
            Self::Poll => DeliverySettings::Poll,
            Self::Push(push) => DeliverySettings::Push(Box::new(
                push.with_secrets(|_| secrets.auth.clone().unwrap_or_default(), |_| signing.next().unwrap_or_default()),
            )),
        })
    }

    /// What is shown now: without the keys that sign no more.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        if let Self::Push(push) = &mut self {
            push.signing = push.signing.without_ended(now);
        }
        self
    }
}

/// Stored settings and stored secrets that do not belong together.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the stored delivery settings and their secrets do not belong together")]
pub struct JoinError;

impl PushSettings<Withheld> {
    /// The settings with empty texts for their secrets, for those who never use them.
    #[must_use]
    pub fn blank(&self) -> PushSettings {
        self.with_secrets(|_| Secret::default(), |_| Secret::default())
    }
}

impl<S: PartialEq> PushSettings<S> {
    /// Whether messages go to the same endpoint in the same way, whatever else has changed.
    #[must_use]
    pub fn goes_where(&self, other: &Self) -> bool {
        self.url == other.url && self.transport == other.transport && self.auth == other.auth
    }
}

impl<S> PushSettings<S> {
    fn with_secrets<T>(&self, auth: impl FnOnce(&S) -> T, signing: impl FnMut(&S) -> T) -> PushSettings<T> {
        PushSettings {
            url: self.url.clone(),
            transport: self.transport,
            signing: self.signing.with_secrets(signing),
            auth: self.auth.with_secret(auth),
            rate_limit_per_second: self.rate_limit_per_second,
            max_age_hours: self.max_age_hours,
            auto_pause_after_hours: self.auto_pause_after_hours,
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
