//! Messages whose pushes ended for good, found by when they did.

use event_schema::id::DeliveryId;
use marketplace_core::{
    offer::Offer,
    ports::{DeadLetterQuery, DeadLetters, Page, PageQuery, StoreError},
};
use rusqlite::{Connection, named_params};

use crate::{Embedded, requests::next_cursor, rows};

impl DeadLetters for Embedded {
    async fn dead_letters(&self, query: DeadLetterQuery, page: PageQuery) -> Result<Page<Offer>, StoreError> {
        self.shared.readers.read(move |connection| read(connection, &query, &page)).await
    }
}

fn read(connection: &Connection, query: &DeadLetterQuery, page: &PageQuery) -> rusqlite::Result<Page<Offer>> {
    let select = format!(
        "SELECT {} FROM offers WHERE dead_at IS NOT NULL AND dead_at >= :since \
         AND (dead_at, id) < (:before, :before_id) AND (:party IS NULL OR party = :party) \
         ORDER BY dead_at DESC, id DESC LIMIT :limit",
        rows::OFFER
    );
    let (before, before_id) = page.cursor.as_deref().and_then(parse).unwrap_or((i64::MAX, [0xff; 26]));
    let mut items: Vec<Offer> = connection
        .prepare_cached(&select)?
        .query_map(
            named_params! {
                ":since": query.since.map_or(i64::MIN, rows::micros),
                ":before": before,
                ":before_id": before_id,
                ":party": query.third_party.as_ref().map(event_schema::id::PartyId::as_str),
                ":limit": i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1),
            },
            rows::offer,
        )?
        .collect::<rusqlite::Result<_>>()?;
    let next_cursor = next_cursor(&mut items, page.limit, cursor);
    Ok(Page { items, next_cursor })
}

/// A place in the list: when the letter died, and which it is.
fn cursor(offer: &Offer) -> String {
    let dead = offer.message.as_ref().and_then(|message| message.dead.as_ref());
    format!("{}.{}", dead.map_or(i64::MAX, |dead| rows::micros(dead.at)), offer.delivery_id)
}

fn parse(cursor: &str) -> Option<(i64, [u8; 26])> {
    let (at, id) = cursor.split_once('.')?;
    Some((at.parse().ok()?, id.parse::<DeliveryId>().ok()?.0))
}
