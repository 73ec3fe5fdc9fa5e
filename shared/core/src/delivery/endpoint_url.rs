//! URLs that we may send requests to.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::address;

/// Longest URL, in bytes (EventBridge's limit for an API destination).
const MAX_LENGTH: usize = 2_048;

/// An http or https URL with a host, without user information and without a fragment.
///
/// Whether it may be called also depends on the configuration: ask [`EndpointUrl::refusal`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointUrl(Url);

/// Why a URL is not one that we send requests to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UrlFault {
    /// Longer than 2,048 bytes.
    #[error("must be at most {MAX_LENGTH} bytes long")]
    TooLong,
    /// White space or control characters, which parsers disagree about.
    #[error("must not contain white space or control characters")]
    IllegalCharacter,
    /// Not an absolute URL.
    #[error("must be an absolute URL: {0}")]
    Malformed(#[source] url::ParseError),
    /// Neither http nor https.
    #[error("must begin with https://")]
    NotHttp,
    /// `user:password@`, which belongs in `auth`.
    #[error("must not contain a user name or password; use `auth`")]
    UserInformation,
    /// `#...`, which is never sent.
    #[error("must not contain a fragment (#)")]
    Fragment,
    /// Port 0.
    #[error("must not have port 0")]
    PortZero,
    /// http, where only https is allowed.
    #[error("must begin with https://")]
    NotHttps,
    /// A host that is never called; the text says what it is.
    #[error("must be a public address; this is {0}")]
    HostRefused(&'static str),
}

impl EndpointUrl {
    /// Parses a URL that may be called.
    ///
    /// # Errors
    /// It is malformed, or [`EndpointUrl::refusal`] has something against it.
    pub fn parse(text: &str, allow_private: bool) -> Result<Self, UrlFault> {
        let url = Self::read(text)?;
        url.refusal(allow_private).map_or(Ok(url), Err)
    }

    /// Why this URL is not called under this configuration; `None` when, by all we can tell before the
    /// host name is resolved, it may be.
    #[must_use]
    pub fn refusal(&self, allow_private: bool) -> Option<UrlFault> {
        if self.0.scheme() != "https" && !allow_private {
            return Some(UrlFault::NotHttps);
        }
        let reason = match self.0.host() {
            Some(Host::Ipv4(ip)) => address::refusal(ip.into(), allow_private),
            Some(Host::Ipv6(ip)) => address::refusal(ip.into(), allow_private),
            Some(Host::Domain(name)) if !allow_private && is_localhost(name) => {
                Some("this machine's own name (RFC 6761)")
            }
            Some(Host::Domain(_)) | None => None,
        };
        reason.map(UrlFault::HostRefused)
    }

    /// The URL.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Whether both have the same scheme, host and port (RFC 6454).
    #[must_use]
    pub fn same_origin(&self, other: &Self) -> bool {
        self.0.origin() == other.0.origin()
    }

    fn read(text: &str) -> Result<Self, UrlFault> {
        if text.len() > MAX_LENGTH {
            return Err(UrlFault::TooLong);
        }
        if text.chars().any(|character| character.is_control() || character.is_whitespace()) {
            return Err(UrlFault::IllegalCharacter);
        }
        let url = Url::parse(text).map_err(UrlFault::Malformed)?;
        let fault = if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            UrlFault::NotHttp
        } else if !url.username().is_empty() || url.password().is_some() {
            UrlFault::UserInformation
        } else if url.fragment().is_some() {
            UrlFault::Fragment
        } else if url.port() == Some(0) {
            UrlFault::PortZero
        } else if url.as_str().len() > MAX_LENGTH {
            UrlFault::TooLong
        } else {
            return Ok(Self(url));
        };
        Err(fault)
    }
}

/// `localhost` and every name under it are loopback (RFC 6761, 6.3).
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

impl TryFrom<String> for EndpointUrl {
    type Error = UrlFault;

    fn try_from(text: String) -> Result<Self, UrlFault> {
        Self::read(&text)
    }
}

impl From<EndpointUrl> for String {
    fn from(url: EndpointUrl) -> Self {
        url.0.into()
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
