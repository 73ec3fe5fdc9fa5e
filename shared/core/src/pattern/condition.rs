//! What a pattern may ask of one value, and the answer.

use core::net::IpAddr;
use std::cmp::Ordering;

use super::text::{Wildcard, equals_ignoring_case, strip_prefix_ignoring_case, strip_suffix_ignoring_case};
use super::value::{Literal, Number, Scalar};

/// One element of a field's array: any one that holds satisfies the field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Condition {
    /// The value itself, or `exactly`.
    Equals(Literal),
    /// `prefix`.
    Prefix(Box<str>),
    /// `suffix`.
    Suffix(Box<str>),
    /// `equals-ignore-case`.
    EqualsIgnoringCase(Box<str>),
    /// `prefix` of `equals-ignore-case`.
    PrefixIgnoringCase(Box<str>),
    /// `suffix` of `equals-ignore-case`.
    SuffixIgnoringCase(Box<str>),
    /// `wildcard`.
    Wildcard(Wildcard),
    /// `numeric`.
    Within(Interval),
    /// `cidr`.
    InNetwork(Network),
    /// `exists: true`. (`exists: false` is [`Leaf::may_be_absent`](super::group::Leaf).)
    Present,
    /// `anything-but`: holds when none of these does. All are of the kinds above `Within`.
    NoneOf(Box<[Self]>),
}

impl Condition {
    /// Whether a value of the event satisfies the condition.
    pub(super) fn holds(&self, value: Scalar<'_>) -> bool {
        match (self, value) {
            (Self::Equals(literal), value) => literal.as_scalar() == value,
            (Self::Present, _) => true,
            (Self::NoneOf(excluded), value) => !excluded.iter().any(|other| other.holds(value)),
            (Self::Within(interval), Scalar::Number(number)) => interval.contains(number),
            (Self::Within(_), _) => false,
            (condition, Scalar::Text(text)) => condition.holds_for_text(text),
            _ => false,
        }
    }

    fn holds_for_text(&self, text: &str) -> bool {
        match self {
            Self::Prefix(operand) => text.starts_with(&**operand),
            Self::Suffix(operand) => text.ends_with(&**operand),
            Self::EqualsIgnoringCase(operand) => equals_ignoring_case(text, operand),
            Self::PrefixIgnoringCase(operand) => strip_prefix_ignoring_case(text, operand).is_some(),
            Self::SuffixIgnoringCase(operand) => strip_suffix_ignoring_case(text, operand).is_some(),
            Self::Wildcard(wildcard) => wildcard.matches(text),
            Self::InNetwork(network) => text.parse().is_ok_and(|address| network.contains(address)),
            Self::Equals(_) | Self::Within(_) | Self::Present | Self::NoneOf(_) => false,
        }
    }
}

/// One end of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Bound {
    /// Where the interval ends.
    pub(super) at: Number,
    /// Whether that number itself belongs to it.
    pub(super) inclusive: bool,
}

impl Bound {
    fn admits(self, order: Ordering, inside: Ordering) -> bool {
        order == inside || (self.inclusive && order == Ordering::Equal)
    }
}

/// The numbers between two bounds, or beyond one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Interval {
    /// The lower end.
    pub(super) low: Option<Bound>,
    /// The upper end.
    pub(super) high: Option<Bound>,
}

impl Interval {
    fn contains(&self, number: Number) -> bool {
        let above = |low: Bound| low.admits(number.compare(low.at), Ordering::Greater);
        let below = |high: Bound| high.admits(number.compare(high.at), Ordering::Less);
        self.low.is_none_or(above) && self.high.is_none_or(below)
    }
}

/// A block of IP addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Network {
    /// Of version 4: an address and the mask that a member shares with it.
    V4(u32, u32),
    /// Of version 6, likewise.
    V6(u128, u128),
}

impl Network {
    /// Parses `address/bits`. Bits of the address beyond the mask do not matter.
    ///
    /// # Errors
    ///
    /// A message when it is not that, or has more bits than the address.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (address, bits) = text
            .split_once('/')
            .ok_or_else(|| "a CIDR block is an address, a slash and a number of bits".to_owned())?;
        let parsed: IpAddr = address.parse().map_err(|_| format!("{address:?} is not an IP address"))?;
        let width = if parsed.is_ipv4() { 32 } else { 128 };
        let digits = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = bits.parse::<u32>().ok().filter(|bits| digits && *bits <= width);
        let bits = bits.ok_or_else(|| format!("the mask must be a number from 0 to {width}"))?;
        Ok(match parsed {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(width - bits).unwrap_or(0);
                Self::V4(address.to_bits() & mask, mask)
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(width - bits).unwrap_or(0);
                Self::V6(address.to_bits() & mask, mask)
            }
        })
    }

    /// The block with the same mask around an address; `None` when that is of the other version.
    pub(super) fn around(&self, address: IpAddr) -> Option<Self> {
        match (self, address) {
            (Self::V4(_, mask), IpAddr::V4(address)) => Some(Self::V4(address.to_bits() & mask, *mask)),
            (Self::V6(_, mask), IpAddr::V6(address)) => Some(Self::V6(address.to_bits() & mask, *mask)),
            _ => None,
        }
    }

    /// The block with the same mask around the zero address.
    pub(super) fn around_zero(&self) -> Self {
        match self {
            Self::V4(_, mask) => Self::V4(0, *mask),
            Self::V6(_, mask) => Self::V6(0, *mask),
        }
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.around(address) == Some(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        let cases = [
            ("10.0.0.0/24", "10.0.0.255", true),
            ("10.0.0.0/24", "10.0.1.0", false),
            ("10.0.0.77/24", "10.0.0.1", true),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("10.0.0.1/32", "10.0.0.1", true),
            ("10.0.0.1/32", "10.0.0.2", false),
            ("2001:db8::/32", "2001:db8:1::5", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "10.0.0.1", false),
            ("0.0.0.0/0", "::1", false),
        ];
        for (block, address, expected) in cases {
            let condition = Condition::InNetwork(Network::parse(block).expect(block));
            assert_eq!(condition.holds(Scalar::Text(address)), expected, "{block} {address}");
        }
    }

    #[test]
    fn malformed_networks_are_refused() {
        for block in [
            "10.0.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0/8",
            "::/129",
            "10.0.0.0/8/8",
            "/8",
            "host/8",
            "10.0.0.0/ 8",
        ] {
            assert!(Network::parse(block).is_err(), "{block}");
        }
    }
}
