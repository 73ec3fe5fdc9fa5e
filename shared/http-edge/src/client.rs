//! Where a call comes from, for what strangers may do: they are told apart by their addresses.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::problem::Problem;

/// The network that a call comes from: an address, or the part of an IPv6 address that a subscriber is given (RFC 6177).
/// Behind a proxy it is the proxy's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Client(Option<IpAddr>);

impl Client {
    /// The network that this address is in.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        const SUBSCRIBERS: u128 = u128::MAX << 64;
        Self(Some(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & SUBSCRIBERS)),
            address => address,
        }))
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

/// As an extension of the request says, which the server put there. All whose address is not known are one.
impl<T: Send + Sync> FromRequestParts<T> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Problem> {
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(Self(None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_is_one_client_however_many_addresses_it_has() {
        let client = |address: &str| Client::at(address.parse().unwrap()).to_string();
        assert_eq!(client("192.0.2.1"), "192.0.2.1");
        assert_eq!(client("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(client("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(client("2001:db8:1:2::1"), "2001:db8:1:2::");
        assert_ne!(client("2001:db8:1:3::1"), client("2001:db8:1:2::1"));
        assert_eq!(Client(None).to_string(), "unknown");
    }
}
