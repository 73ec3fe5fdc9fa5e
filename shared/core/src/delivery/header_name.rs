//! Names of headers that a party may have its API key sent in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Headers that say how the message travels or what it is: a key in one of them would break the request.
///
/// Hop-by-hop and framing headers (RFC 9110, 7.6.1; RFC 9112, 6), those that EventBridge removes or
/// sets itself (AWS, "API destinations as targets in Amazon EventBridge"), and those that say where a call is from.
const RESERVED: [&str; 23] = [
    "accept",
    "accept-encoding",
    "cache-control",
    "connection",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "origin",
    "pragma",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-real-ip",
];

/// Families of such headers; `webhook-` is ours (Standard Webhooks).
const RESERVED_PREFIXES: [&str; 7] =
    ["access-control-", "content-", "if-", "proxy-", "sec-", "webhook-", "x-forwarded-"];

/// A legal header name (RFC 9110, 5.1) that is free for an API key, as the party wrote it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct HeaderName(String);

/// Why a text cannot be the name of an API key's header.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HeaderNameFault {
    /// Not a token of RFC 9110, 5.6.2, or too long (EventBridge's limit).
    #[error("must be a header name: 1 to 512 letters, digits or any of !#$%&'*+-.^_`|~")]
    NotAToken,
    /// It has a meaning of its own.
    #[error("this header is reserved; choose another, such as `x-api-key` or `authorization`")]
    Reserved,
}

impl HeaderName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HeaderName {
    type Error = HeaderNameFault;

    fn try_from(name: String) -> Result<Self, HeaderNameFault> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if !(1..=512).contains(&name.len()) || !name.bytes().all(legal) {
            return Err(HeaderNameFault::NotAToken);
        }
        let lower = name.to_ascii_lowercase();
        let reserved =
            RESERVED.contains(&lower.as_str()) || RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix));
        if reserved { Err(HeaderNameFault::Reserved) } else { Ok(Self(name)) }
    }
}

impl From<HeaderName> for String {
    fn from(name: HeaderName) -> Self {
        name.0
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
