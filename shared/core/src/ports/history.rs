//! What a third party was offered, by when.

use std::{fmt, str::FromStr};

use event_schema::id::{DeliveryId, Environment, PartyId};
use jiff::Timestamp;

use super::{Page, PageQuery, StoreError, Window};
use crate::{
    offer::{Attempt, Offer},
    request::Head,
};

/// An offer with its request's head, which has a say in how it stands.
#[derive(Clone, Debug)]
pub struct OfferRecord {
    /// The head.
    pub head: Head,
    /// The offer.
    pub offer: Offer,
}

/// Where an offer lies in its party's history: when it was made, and which it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OfferPlace {
    /// When it was made.
    pub at: Timestamp,
    /// Which it is.
    pub id: DeliveryId,
}

impl OfferPlace {
    /// The place of an offer.
    #[must_use]
    pub fn of(offer: &Offer) -> Self {
        Self { at: offer.created_at, id: offer.delivery_id }
    }
}

impl fmt::Display for OfferPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.as_microsecond(), self.id)
    }
}

/// A text that names no place.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this is no place in a history")]
pub struct NoPlace;

impl FromStr for OfferPlace {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (at, id) = text.split_once('.').ok_or(NoPlace)?;
        let at = at.parse().ok().and_then(|micros| Timestamp::from_microsecond(micros).ok());
        Ok(Self { at: at.ok_or(NoPlace)?, id: id.parse().map_err(|_| NoPlace)? })
    }
}

/// Offers by party, environment and the time at which they were made.
pub trait OfferHistory: Clone + Send + Sync + 'static {
    /// Offers to a party in one environment that were made within the window, newest first. Cursors are
    /// [`OfferPlace`]s as text; an unknown one is the first page. An offer that has just been made may be missing.
    fn offers_to(
        &self,
        party: &PartyId,
        environment: Environment,
        window: Window,
        page: PageQuery,
    ) -> impl Future<Output = Result<Page<OfferRecord>, StoreError>> + Send;

    /// The attempts at these offers that are still kept, oldest first for each.
    fn attempts_at(
        &self,
        offers: Vec<DeliveryId>,
    ) -> impl Future<Output = Result<Vec<(DeliveryId, Attempt)>, StoreError>> + Send;
}

#[cfg(test)]
mod tests {
    use event_schema::id::RequestId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_place_reads_back_from_what_it_writes() {
        let at = Timestamp::constant(1_800_000_000, 5_000);
        let place = OfferPlace { at, id: DeliveryId::new(RequestId(Uuid::from_u128(7)), [3; 10]) };
        assert_eq!(place.to_string().parse(), Ok(place));
        for other in ["", ".", "1", "1.dlv_00", &format!("x.{}", place.id), &format!("{}.{}", i64::MAX, place.id)] {
            assert_eq!(other.parse::<OfferPlace>(), Err(NoPlace), "{other}");
        }
    }
}
