//! The body of `PUT /v1/me/delivery` as it is written, before [`super::resolve`] judges it.

use std::fmt;

use serde::Deserialize;

use super::{Secret, Transport};
use crate::signing::Scheme;

/// The body of `PUT /v1/me/delivery`, well-formed but not yet judged.
///
/// It is flat, so that a fault can be reported with the path of the field that has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryInput {
    /// Push or poll.
    pub mode: DeliveryMode,
    /// The endpoint; only with push, required there.
    pub url: Option<String>,
    /// Managed if left out; only with push.
    pub transport: Option<Transport>,
    /// False if left out; only with push, and true only with the transport `direct`.
    pub signed: Option<bool>,
    /// As it is, or `v1`, if left out; only with `signed`.
    pub signature: Option<Scheme>,
    /// Only with push, required there.
    pub auth: Option<AuthInput>,
    /// Only with push.
    pub rate_limit_per_second: Option<f64>,
    /// 24 if left out; only with push.
    pub max_age_hours: Option<i64>,
    /// 120 if left out; only with the transport `direct`.
    pub auto_pause_after_hours: Option<i64>,
}

/// The two ways in which messages reach a party.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryMode {
    /// They wait in the inbox.
    Poll,
    /// They are sent to its endpoint.
    Push,
}

/// The `auth` of a [`DeliveryInput`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthInput {
    /// Which of the following fields count.
    #[serde(rename = "type")]
    pub kind: AuthType,
    /// Of an API key: the header's name.
    pub name: Option<String>,
    /// Of an API key: the header's value.
    pub value: Option<Secret>,
    /// Of Basic.
    pub username: Option<String>,
    /// Of Basic.
    pub password: Option<Secret>,
    /// Of OAuth: the token endpoint.
    pub token_url: Option<String>,
    /// Of OAuth.
    pub client_id: Option<String>,
    /// Of OAuth.
    pub client_secret: Option<Secret>,
    /// Of OAuth, optional.
    pub scope: Option<String>,
}

/// The ways in which we prove to an endpoint who we are.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum AuthType {
    /// See [`super::Auth::None`].
    None,
    /// See [`super::Auth::ApiKey`].
    ApiKey,
    /// See [`super::Auth::Basic`].
    Basic,
    /// See [`super::Auth::OauthClientCredentials`].
    OauthClientCredentials,
}

impl fmt::Display for AuthType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::ApiKey => "api-key",
            Self::Basic => "basic",
            Self::OauthClientCredentials => "oauth-client-credentials",
        })
    }
}
