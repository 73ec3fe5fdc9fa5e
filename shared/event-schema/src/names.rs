//! Every name that appears on the bus, in one place.

/// Name of the bus (the article's).
pub const BUS: &str = "marketplace";

/// Source of a request event.
pub const SOURCE_MARKET: &str = "com.marketplace.market";
/// Source of a delivery event.
pub const SOURCE_ROUTER: &str = "com.marketplace.router";
/// Source of a delivery result.
pub const SOURCE_DELIVERY: &str = "com.marketplace.delivery";
/// Source of what happens to third parties themselves.
pub const SOURCE_REGISTRY: &str = "com.marketplace.registry";
/// What every source on the bus begins with; a status update's source is this and the party's id.
pub const SOURCE_PREFIX: &str = "com.marketplace.";

/// Somebody asked for something.
pub const REQUESTS: &str = "marketplace requests";
/// One message to one party.
pub const DELIVERY: &str = "marketplace delivery";
/// A party answered, or a request as a whole changed.
pub const STATUS_UPDATE: &str = "marketplace status update";
/// A message was delivered, or failed for good, or its party was paused.
pub const DELIVERY_RESULT: &str = "marketplace delivery result";
/// A third party joined, changed, was paused, resumed or disabled.
pub const THIRD_PARTY: &str = "marketplace 3rdparty";

/// What an envelope's `account` says on one machine, where there is none; AWS writes its own.
pub const LOCAL_ACCOUNT: &str = "000000000000";
/// What an envelope's `region` says on one machine, where there is none; AWS writes its own.
pub const LOCAL_REGION: &str = "local";

/// The source of a party's own events.
#[must_use]
pub fn party_source(party: &crate::id::PartyId) -> String {
    format!("{SOURCE_PREFIX}{party}")
}
