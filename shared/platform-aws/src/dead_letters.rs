//! Messages whose pushes ended for good: the index has them in four partitions, and they are merged by when they died.

use std::collections::HashMap;

use event_schema::id::DeliveryId;
use futures::future::try_join_all;
use jiff::Timestamp;
use marketplace_core::{
    offer::Offer,
    ports::{DeadLetterQuery, DeadLetters, Page, PageQuery, StoreError},
};

use crate::{
    Aws,
    item::{Key, SHARDS, time_text},
    requests::{next_cursor, rows},
    table::{Index, Query, Range, Table, TableError},
};

impl DeadLetters for Aws {
    async fn dead_letters(&self, query: DeadLetterQuery, page: PageQuery) -> Result<Page<Offer>, StoreError> {
        let (wanted, mut items) = (page.limit.saturating_add(1), vec![]);
        let mut before = page.cursor.as_deref().and_then(place);
        loop {
            // As many as can be needed from each partition, so that none of those before the last can be missing.
            let found = newest(&self.table, query.since, before.as_deref(), wanted).await?;
            before = found.last().map(|(place, _)| place.clone());
            items.extend(dead(&self.table, &found, &query).await?);
            if found.len() < wanted || items.len() >= wanted {
                break;
            }
        }
        items.truncate(wanted);
        let next_cursor = next_cursor(&mut items, page.limit, cursor);
        Ok(Page { items, next_cursor })
    }
}

/// The next places in the index, each with the offer that it says lies there: `<when it died>#<delivery id>`.
async fn newest(
    table: &Table,
    since: Option<Timestamp>,
    before: Option<&str>,
    count: usize,
) -> Result<Vec<(String, Key)>, TableError> {
    let first = since.map_or_else(String::new, time_text);
    let range = match before {
        Some(before) if first.as_str() >= before => return Ok(vec![]),
        Some(before) if first.is_empty() => Range::Before(before.to_owned()),
        Some(before) => Range::Between(first, before.to_owned()),
        None if first.is_empty() => Range::All,
        None => Range::Between(first, "~".to_owned()),
    };
    let ask = |shard| {
        let query = Query::index(Index::Dead, format!("DEAD#{shard}"), range.clone()).descending();
        // One more, because `Between` has the place itself in it.
        async move { table.first(&query, count.saturating_add(1)).await }
    };
    let mut found = vec![];
    for item in try_join_all((0..SHARDS).map(ask)).await?.into_iter().flatten() {
        found.push((item.get_text(Index::Dead.sk())?.to_owned(), item.key()?));
    }
    found.retain(|(place, _)| Some(place.as_str()) != before);
    found.sort_unstable_by(|a, b| b.0.cmp(&a.0));
    found.truncate(count);
    Ok(found)
}

/// Those that are dead indeed, as they are stored, in the same order: the index may tell of what was replayed since.
async fn dead(table: &Table, found: &[(String, Key)], query: &DeadLetterQuery) -> Result<Vec<Offer>, TableError> {
    let keys: Vec<Key> = found.iter().map(|(_, key)| key.clone()).collect();
    let mut offers = HashMap::new();
    for item in table.get_all(&keys).await? {
        let offer = rows::stored::<Offer>(&item)?.value;
        if query.third_party.as_ref().is_none_or(|party| *party == offer.party) {
            offers.extend(died(&offer).map(|place| (place, offer)));
        }
    }
    Ok(found.iter().filter_map(|(place, _)| offers.remove(place)).collect())
}

/// An offer's place in the index; none if its message is not dead.
fn died(offer: &Offer) -> Option<String> {
    let dead = offer.message.as_ref()?.dead.as_ref()?;
    Some(format!("{}#{}", time_text(dead.at), offer.delivery_id))
}

fn cursor(offer: &Offer) -> String {
    died(offer).unwrap_or_default().replace('#', ".")
}

/// The place that a cursor names.
fn place(cursor: &str) -> Option<String> {
    let (at, id) = cursor.split_once('.')?;
    let at = Timestamp::from_microsecond(at.parse().ok()?).ok()?;
    Some(format!("{}#{}", time_text(at), id.parse::<DeliveryId>().ok()?))
}
