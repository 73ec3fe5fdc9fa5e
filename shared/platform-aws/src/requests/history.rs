//! What a party was offered, by when: an index has its offers in the order in which they were made, and they are read
//! with their requests' heads in batches.

use std::collections::HashMap;

use event_schema::id::{DeliveryId, Environment, PartyId, RequestId};
use marketplace_core::{
    offer::{Attempt, Offer},
    ports::{OfferHistory, OfferPlace, OfferRecord, Page, PageQuery, StoreError, Window},
    request::Head,
};

use super::{read, rows};
use crate::{
    Aws,
    item::{Key, SK, time_text},
    table::{Index, Query, Range, Table, TableError},
};

impl OfferHistory for Aws {
    async fn offers_to(
        &self,
        party: &PartyId,
        environment: Environment,
        window: Window,
        page: PageQuery,
    ) -> Result<Page<OfferRecord>, StoreError> {
        Ok(read_page(&self.table, rows::history_pk(party, environment), window, &page).await?)
    }

    async fn attempts_at(&self, offers: Vec<DeliveryId>) -> Result<Vec<(DeliveryId, Attempt)>, StoreError> {
        Ok(read::attempts_at(&self.table, offers).await?)
    }
}

async fn read_page(
    table: &Table,
    pk: String,
    window: Window,
    page: &PageQuery,
) -> Result<Page<OfferRecord>, TableError> {
    let from = time_text(window.from);
    // What is in the index goes on after the time, and so comes after the time alone.
    let end = time_text(window.to);
    let place = page.cursor.as_deref().and_then(|cursor| cursor.parse::<OfferPlace>().ok());
    let place = place.map(|place| rows::history_sk(place.at, place.id));
    let to = place.clone().map_or(end.clone(), |place| place.min(end));
    if from >= to {
        return Ok(Page { items: vec![], next_cursor: None });
    }
    let query = Query::index(Index::ByParty, pk, Range::Between(from, to)).descending();
    // One to see whether there is more, and one because the place itself is in the range.
    let mut found = table.first(&query, page.limit.saturating_add(2)).await?;
    found.retain(|item| item.get_text(Index::ByParty.sk()).ok() != place.as_deref());
    let has_more = found.len() > page.limit;
    found.truncate(page.limit);
    let ids = found.iter().map(rows::delivery_of).collect::<Result<Vec<_>, _>>()?;
    let items = whole(table, &ids).await?;
    let last = items.last().map(|record| OfferPlace::of(&record.offer).to_string());
    Ok(Page { items, next_cursor: last.filter(|_| has_more) })
}

/// The offers with their heads, in the same order.
async fn whole(table: &Table, ids: &[DeliveryId]) -> Result<Vec<OfferRecord>, TableError> {
    let mut keys: Vec<Key> = ids.iter().map(|id| rows::offer_key(*id)).collect();
    let mut requests: Vec<RequestId> = ids.iter().map(DeliveryId::request).collect();
    requests.sort_unstable();
    requests.dedup();
    keys.extend(requests.into_iter().map(rows::head_key));
    let (mut heads, mut offers) = (HashMap::new(), HashMap::new());
    for item in table.get_all(&keys).await? {
        if item.get_text(SK)? == rows::HEAD {
            let head = rows::stored::<Head>(&item)?.value;
            heads.insert(head.id, head);
        } else {
            let offer = rows::stored::<Offer>(&item)?.value;
            offers.insert(offer.delivery_id, offer);
        }
    }
    let record = |id: &DeliveryId| {
        let (head, offer) = (heads.get(&id.request())?.clone(), offers.remove(id)?);
        Some(OfferRecord { head, offer })
    };
    Ok(ids.iter().filter_map(record).collect())
}
