//! The closed list of what can be said on the bus, so that nothing is published without a schema.

use std::fmt;

use crate::names;

/// A kind of event: one `detail-type`, one schema.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum EventKind {
    /// Somebody asked for something.
    Request,
    /// One message to one party.
    Delivery,
    /// A party answered, or a request as a whole changed.
    StatusUpdate,
    /// A message was delivered, or failed for good, or its party was paused.
    DeliveryResult,
    /// Something happened to a third party itself.
    ThirdParty,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Request, Self::Delivery, Self::StatusUpdate, Self::DeliveryResult, Self::ThirdParty];

    /// The `detail-type` on the wire.
    #[must_use]
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::Request => names::REQUESTS,
            Self::Delivery => names::DELIVERY,
            Self::StatusUpdate => names::STATUS_UPDATE,
            Self::DeliveryResult => names::DELIVERY_RESULT,
            Self::ThirdParty => names::THIRD_PARTY,
        }
    }

    /// The kind that has this `detail-type`.
    #[must_use]
    pub fn from_detail_type(detail_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.detail_type() == detail_type)
    }

    /// The file in `schemas/events/` that describes its detail, such as `marketplace-requests.v1.json`.
    #[must_use]
    pub fn schema_file(self) -> String {
        format!("{}.v1.json", self.detail_type().replace(' ', "-"))
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail_type())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_name_on_the_wire() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_detail_type(kind.detail_type()), Some(kind));
        }
        assert_eq!(EventKind::from_detail_type("Marketplace Requests"), None);
        assert_eq!(EventKind::ThirdParty.schema_file(), "marketplace-3rdparty.v1.json");
    }
}
