//! Typed, prefixed, opaque identifiers, so that a request's id can never be passed where a party's is meant.

mod environment;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

pub use self::environment::Environment;

/// Why a text is not an identifier of the kind that was asked for.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a valid {kind}: {rule}")]
pub struct IdError {
    /// What was expected, such as `request id`.
    pub kind: &'static str,
    /// The rule that the text breaks.
    pub rule: &'static str,
}

/// Serde and `Display` by way of `FromStr` and `fmt`, for identifiers that are text on the wire.
macro_rules! text_on_the_wire {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": Self::PATTERN })
            }
        }
    };
}

/// An id that is a prefix and a UUID.
macro_rules! prefixed_id {
    ($(#[doc = $doc:literal])+ $name:ident, $prefix:literal, $kind:literal) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The form on the wire, as a regular expression (ECMA 262).
            pub const PATTERN: &'static str =
                concat!("^", $prefix, "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$");
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let rule = concat!("`", $prefix, "` and a lower-case UUID");
                prefixed_uuid(text, $prefix).map(Self).ok_or(IdError { kind: $kind, rule })
            }
        }

        text_on_the_wire!($name);
    };
}

prefixed_id! {
    /// Id of a fulfilment request: `req_` and a UUID.
    ///
    /// A request that came as an event from outside carries that event's id (DESIGN section 6, AWS wire).
    RequestId, "req_", "request id"
}

/// Id of an offer of one request to one party: `dlv_` and 52 hexadecimal digits.
///
/// The first 16 bytes are the request's UUID, so the offer is found without an index; the other ten are
/// derived from the party, the environment and the round, so offering twice is the same offer.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DeliveryId(pub [u8; 26]);

impl DeliveryId {
    /// The form on the wire, as a regular expression (ECMA 262).
    pub const PATTERN: &'static str = "^dlv_[0-9a-f]{52}$";

    /// The id made of its request and the ten bytes that tell this offer from its request's others.
    #[must_use]
    pub fn new(request: RequestId, offer: [u8; 10]) -> Self {
        let mut bytes = [0; 26];
        let (head, tail) = bytes.split_at_mut(16);
        head.copy_from_slice(request.0.as_bytes());
        tail.copy_from_slice(&offer);
        Self(bytes)
    }

    /// The request that this is an offer of.
    #[must_use]
    pub fn request(&self) -> RequestId {
        let mut head = [0; 16];
        head.copy_from_slice(&self.0[..16]);
        RequestId(Uuid::from_bytes(head))
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dlv_")?;
        write_hex(f, &self.0)
    }
}

impl FromStr for DeliveryId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix("dlv_")
            .and_then(parse_hex)
            .map(Self)
            .ok_or(IdError { kind: "delivery id", rule: "`dlv_` and 52 lower-case hexadecimal digits" })
    }
}

text_on_the_wire!(DeliveryId);

/// Id of one message about an offer: `msg_` and 32 hexadecimal digits; the same on every attempt.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MessageId(pub [u8; 16]);

impl MessageId {
    /// The form on the wire, as a regular expression (ECMA 262).
    pub const PATTERN: &'static str = "^msg_[0-9a-f]{32}$";
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("msg_")?;
        write_hex(f, &self.0)
    }
}

impl FromStr for MessageId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix("msg_")
            .and_then(parse_hex)
            .map(Self)
            .ok_or(IdError { kind: "message id", rule: "`msg_` and 32 lower-case hexadecimal digits" })
    }
}

text_on_the_wire!(MessageId);

/// Id of a third party: its own slug, never used again once it is gone.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PartyId(std::sync::Arc<str>);

impl PartyId {
    /// The form on the wire, as a regular expression (ECMA 262).
    pub const PATTERN: &'static str = "^[a-z0-9][a-z0-9-]{1,31}$";

    /// Ids that a third party cannot have, because `com.marketplace.<id>` is a service of ours.
    pub const RESERVED: [&'static str; 9] =
        ["api", "clock", "delivery", "gateway", "market", "marketplace", "notifier", "registry", "router"];

    /// The slug.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PartyId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fault = |rule| Err(IdError { kind: "third party id", rule });
        if !(2..=32).contains(&text.len()) || !text.bytes().all(legal) || text.starts_with('-') {
            return fault("2 to 32 of a-z, 0-9 and `-`, not beginning with `-`");
        }
        if Self::RESERVED.contains(&text) {
            return fault("this id is reserved for the marketplace itself");
        }
        Ok(Self(text.into()))
    }
}

text_on_the_wire!(PartyId);

/// Id of a user: `usr_` and a UUID for accounts of ours; whatever the sender wrote in events from outside.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UserId(std::sync::Arc<str>);

impl UserId {
    /// The form on the wire, as a regular expression (ECMA 262).
    pub const PATTERN: &'static str = "^[^\\u0000-\\u001f\\u007f]{1,128}$";

    /// The id of an account made here.
    #[must_use]
    pub fn account(uuid: Uuid) -> Self {
        Self(format!("usr_{}", uuid.hyphenated()).into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UserId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let sized = (1..=128).contains(&text.chars().count());
        if !sized || text.chars().any(|c| c.is_ascii_control()) {
            return Err(IdError { kind: "user id", rule: "1 to 128 characters, no control characters" });
        }
        Ok(Self(text.into()))
    }
}

text_on_the_wire!(UserId);

prefixed_id! {
    /// Id of an API key: `key_` and a UUID; not a secret.
    KeyId, "key_", "key id"
}

prefixed_id! {
    /// Id of a certification: `crt_` and a UUID.
    CertificationId, "crt_", "certification id"
}

prefixed_id! {
    /// Id of a job that sends a party's offers again: `rpl_` and a UUID.
    ReplayId, "rpl_", "replay id"
}

/// Only the form that `Display` writes is read back: one id has one spelling.
fn prefixed_uuid(text: &str, prefix: &str) -> Option<Uuid> {
    let digits = text.strip_prefix(prefix)?;
    let lower = digits.len() == 36 && !digits.bytes().any(|byte| byte.is_ascii_uppercase());
    lower.then(|| Uuid::try_parse(digits).ok()).flatten()
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_what_it_writes() {
        let request = RequestId(Uuid::from_u128(0x0192_f0c1_2233_7000_8000_0000_0000_0001));
        let delivery = DeliveryId::new(request, [7; 10]);
        assert_eq!(request.to_string().parse(), Ok(request));
        assert_eq!(delivery.to_string().parse(), Ok(delivery));
        assert_eq!(delivery.request(), request);
        assert_eq!(MessageId([9; 16]).to_string().parse(), Ok(MessageId([9; 16])));
    }

    #[test]
    fn one_id_has_one_spelling() {
        let upper = "req_0192F0C1-2233-7000-8000-000000000001";
        let simple = "req_0192f0c1223370008000000000000001";
        assert!(upper.parse::<RequestId>().is_err());
        assert!(simple.parse::<RequestId>().is_err());
        assert!("dlv_00".parse::<DeliveryId>().is_err());
    }

    #[test]
    fn a_party_cannot_take_the_name_of_a_service() {
        for name in PartyId::RESERVED {
            assert!(name.parse::<PartyId>().is_err());
        }
        assert!("3rdparty1".parse::<PartyId>().is_ok());
        for bad in ["a", "-ab", "Books", "a_b", "a.b", "", &"a".repeat(33)] {
            assert!(bad.parse::<PartyId>().is_err(), "{bad}");
        }
    }
}
