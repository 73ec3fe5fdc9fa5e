//! What a command has to see, read consistently, with the revisions that the conditions of its writes ask for.

use std::collections::HashMap;

use event_schema::id::{DeliveryId, RequestId};
use futures::future::try_join;
use marketplace_core::{
    command::Needs,
    offer::Offer,
    request::{Aggregate, Head},
};

use super::rows::{self, OFFER_PREFIX, Stored};
use crate::{
    item::{Item, Key},
    table::{Query, Range, Table, TableError},
};

/// As much of a request as a command asked to see, as it is stored.
pub(super) struct Loaded {
    /// The head, if it was asked for and there is one.
    pub(super) head: Option<Stored<Head>>,
    /// The offers, oldest first.
    pub(super) offers: Vec<Stored<Offer>>,
}

impl Loaded {
    /// What the command decides on.
    pub(super) fn aggregate(&self) -> Aggregate {
        Aggregate {
            head: self.head.as_ref().map(|head| head.value.clone()),
            offers: self.offers.iter().map(|offer| offer.value.clone()).collect(),
        }
    }

    /// The highest journal sequence that any of the rows knows of.
    pub(super) fn last_sequence(&self) -> u64 {
        let offers = self.offers.iter().map(|offer| offer.last_sequence);
        offers.chain(self.head.as_ref().map(|head| head.last_sequence)).max().unwrap_or(0)
    }

    /// The revision of an offer that was read.
    pub(super) fn revision_of(&self, offer: DeliveryId) -> Option<u64> {
        self.offers.iter().find(|stored| stored.value.delivery_id == offer).map(|stored| stored.revision)
    }
}

/// Reads what the command needs.
pub(super) async fn load(table: &Table, request: RequestId, needs: &Needs) -> Result<Loaded, TableError> {
    match needs {
        Needs::Head => some(table, request, true, &[]).await,
        // An id of another request's offer is nobody's here: no key is made of it.
        Needs::OfferAlone(id) => some(table, request, false, std::slice::from_ref(id)).await,
        Needs::Offers(ids) => some(table, request, true, ids).await,
        Needs::AllOffers => all(table, request).await,
        Needs::PartyOffers(party, environment) => {
            let mut loaded = all(table, request).await?;
            loaded.offers.retain(|offer| offer.value.party == *party && offer.value.environment == *environment);
            Ok(loaded)
        }
    }
}

async fn some(table: &Table, request: RequestId, head: bool, offers: &[DeliveryId]) -> Result<Loaded, TableError> {
    let ours = offers.iter().filter(|id| id.request() == request).map(|id| rows::offer_key(*id));
    let keys: Vec<Key> = head.then(|| rows::head_key(request)).into_iter().chain(ours).collect();
    // One row is read by itself: a batch of one costs the same, but is one kind of call more to be throttled.
    let items = match keys.as_slice() {
        [key] => Vec::from_iter(table.get(key).await?),
        keys => table.get_all(keys).await?,
    };
    let mut items: HashMap<Key, Item> =
        items.into_iter().map(|item| Ok((item.key()?, item))).collect::<Result<_, TableError>>()?;
    let head = items.remove(&rows::head_key(request)).map(|item| rows::stored(&item)).transpose()?;
    let offers = items.values().map(rows::stored).collect::<Result<_, _>>()?;
    Ok(Loaded { head, offers: oldest_first(offers) })
}

async fn all(table: &Table, request: RequestId) -> Result<Loaded, TableError> {
    let head_key = rows::head_key(request);
    let (head, offers) = try_join(table.get(&head_key), offers_of(table, request)).await?;
    Ok(Loaded { head: head.as_ref().map(rows::stored).transpose()?, offers })
}

/// Every offer of a request, oldest first.
pub(super) async fn offers_of(table: &Table, request: RequestId) -> Result<Vec<Stored<Offer>>, TableError> {
    let items = table.all(&Query::partition(rows::request_pk(request), Range::Prefix(OFFER_PREFIX.into()))).await?;
    Ok(oldest_first(items.iter().map(rows::stored).collect::<Result<_, _>>()?))
}

/// The order in which offers are shown and decided on.
pub(super) fn oldest_first(mut offers: Vec<Stored<Offer>>) -> Vec<Stored<Offer>> {
    offers.sort_by(|a, b| (a.value.created_at, &a.value.party).cmp(&(b.value.created_at, &b.value.party)));
    offers
}
