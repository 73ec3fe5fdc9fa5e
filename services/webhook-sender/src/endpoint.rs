//! A party's endpoint made ready: everything about an attempt that is the same every time, done once.

use base64::{Engine, prelude::BASE64_STANDARD};
use marketplace_core::{
    delivery::{Auth, EndpointUrl, PushSettings},
    signing::{KeyFault, Signer},
    transport::Failure,
};
use reqwest::{
    Url,
    header::{AUTHORIZATION, HeaderName, HeaderValue, InvalidHeaderName, InvalidHeaderValue},
};

use crate::{fault::Fault, oauth::TokenSource};

/// A party's endpoint, ready to be called. It also keeps the endpoint's access token, if it needs one, so
/// it should live as long as the settings that it was made of are in force.
#[derive(Debug)]
pub struct Endpoint {
    pub(crate) target: Target,
    pub(crate) credential: Credential,
    pub(crate) signer: Signer,
}

/// Settings that cannot be put into a request; [`marketplace_core::delivery::resolve`] makes no such ones.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The name of the API key's header.
    #[error("the API key's header name is not legal")]
    HeaderName(#[from] InvalidHeaderName),
    /// The API key's value.
    #[error("the API key's value is not legal in a header")]
    HeaderValue(#[from] InvalidHeaderValue),
    /// A key that messages are signed with.
    #[error(transparent)]
    SigningKey(#[from] KeyFault),
}

impl Endpoint {
    pub(crate) fn new(settings: &PushSettings, allow_private: bool) -> Result<Self, EndpointError> {
        let credential = match &settings.auth {
            Auth::None => Credential::None,
            Auth::ApiKey { name, value } => {
                Credential::Header(HeaderName::from_bytes(name.as_str().as_bytes())?, sensitive(value.expose())?)
            }
            Auth::Basic { username, password } => {
                Credential::Header(AUTHORIZATION, basic(username, password.expose())?)
            }
            Auth::OauthClientCredentials { token_url, client_id, client_secret, scope } => {
                let target = Target::new(token_url, allow_private);
                let scope = scope.as_deref();
                let source = TokenSource::new(target, client_id, client_secret, scope)?;
                Credential::Token(Box::new(source))
            }
        };
        let signer = Signer::new(&settings.signing)?;
        Ok(Self { target: Target::new(&settings.url, allow_private), credential, signer })
    }
}

/// How requests to an endpoint are authenticated.
#[derive(Debug)]
pub(crate) enum Credential {
    None,
    Header(HeaderName, HeaderValue),
    Token(Box<TokenSource>),
}

/// A URL, and whether it may be called as far as that is written in it.
///
/// The settings may be older than the configuration, which may have allowed more then.
#[derive(Debug)]
pub(crate) struct Target {
    url: Url,
    refused: Option<Fault>,
}

impl Target {
    fn new(url: &EndpointUrl, allow_private: bool) -> Self {
        let refusal = url.refusal(allow_private);
        let refused = refusal.map(|fault| Fault::new(Failure::AddressRefused, fault.to_string()));
        Self { url: url.as_url().clone(), refused }
    }

    /// The URL to call, if it may be called.
    pub(crate) fn url(&self) -> Result<Url, Fault> {
        self.refused.clone().map_or_else(|| Ok(self.url.clone()), Err)
    }
}

/// A header's value that is kept out of debug output and of HTTP/2's compression tables.
pub(crate) fn sensitive(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The credentials of HTTP Basic (RFC 7617).
pub(crate) fn basic(username: &str, password: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    sensitive(&format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}"))))
}
