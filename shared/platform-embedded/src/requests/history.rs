//! What a party was offered, by when: its offers are filed in the order in which they were made.

use event_schema::id::{DeliveryId, Environment, PartyId};
use marketplace_core::{
    offer::{Attempt, Offer},
    ports::{OfferHistory, OfferPlace, OfferRecord, Page, PageQuery, StoreError, Window},
};
use rusqlite::{Connection, params};

use super::next_cursor;
use crate::{Embedded, rows};

impl OfferHistory for Embedded {
    async fn offers_to(
        &self,
        party: &PartyId,
        environment: Environment,
        window: Window,
        page: PageQuery,
    ) -> Result<Page<OfferRecord>, StoreError> {
        self.file_for_a_reader().await;
        let party = party.clone();
        let read = move |connection: &Connection| read_page(connection, &party, environment, window, &page);
        self.shared.readers.read(read).await
    }

    async fn attempts_at(&self, offers: Vec<DeliveryId>) -> Result<Vec<(DeliveryId, Attempt)>, StoreError> {
        let read = move |connection: &Connection| {
            let attempts = offers.iter().map(|id| rows::read_attempts_at(connection, *id));
            Ok(attempts.collect::<rusqlite::Result<Vec<_>>>()?.concat())
        };
        self.shared.readers.read(read).await
    }
}

fn read_page(
    connection: &Connection,
    party: &PartyId,
    environment: Environment,
    window: Window,
    page: &PageQuery,
) -> rusqlite::Result<Page<OfferRecord>> {
    // The first bounds are for the table's order; of those made at the same time the second ones tell which were seen.
    let select = format!(
        "SELECT {} FROM offers WHERE id IN (SELECT id FROM party_offers WHERE party = ?1 AND environment = ?2 \
         AND created_at >= ?3 AND created_at <= ?4 AND (created_at, id) < (?4, ?5) \
         ORDER BY created_at DESC, id DESC LIMIT ?6) ORDER BY created_at DESC, id DESC",
        rows::OFFER
    );
    let place = page.cursor.as_deref().and_then(|cursor| cursor.parse::<OfferPlace>().ok());
    let end = (rows::micros(window.to), [0; 26]);
    let before = place.map_or(end, |place| end.min((rows::micros(place.at), place.id.0)));
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut statement = connection.prepare_cached(&select)?;
    let from = rows::micros(window.from);
    let bounds = params![party.as_str(), environment as i64, from, before.0, before.1, limit];
    let mut offers: Vec<Offer> = statement.query_map(bounds, rows::offer)?.collect::<rusqlite::Result<_>>()?;
    let next_cursor = next_cursor(&mut offers, page.limit, |offer| OfferPlace::of(offer).to_string());
    let with_head = |offer: Offer| {
        let head = rows::read_head(connection, offer.delivery_id.request());
        head.map(|head| head.map(|head| OfferRecord { head, offer })).transpose()
    };
    let items = offers.into_iter().filter_map(with_head).collect::<rusqlite::Result<_>>()?;
    Ok(Page { items, next_cursor })
}
