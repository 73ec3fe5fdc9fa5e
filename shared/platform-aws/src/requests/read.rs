//! Requests as they are read: whole, and in lists.

use std::sync::Arc;

use event_schema::id::{DeliveryId, Environment, PartyId, RequestId, UserId};
use futures::{StreamExt as _, TryStreamExt as _, future::try_join, stream};
use jiff::Timestamp;
use marketplace_core::{
    offer::{Attempt, Offer},
    ports::{Page, PageQuery, RequestRecord},
    request::Head,
};

use super::{
    journal::{self, JOURNAL_PREFIX},
    load::{offers_of, oldest_first},
    rows::{self, BODY, HEAD, OFFER_PREFIX, Stored},
};
use crate::{
    item::{DOCUMENT, Item, SHARDS, SK, time_of_text, time_text},
    table::{Index, Query, Range, Table, TableError},
};

/// How many partitions are read at the same time for one answer.
const AT_ONCE: usize = 16;

/// Most alarms of one partition that are read together.
const MOST_ALARMS: usize = 1_000;

/// A request with everything about it.
pub(super) async fn request(table: &Table, id: RequestId, attempts: bool) -> Result<Option<RequestRecord>, TableError> {
    let rows = table.all(&Query::partition(rows::request_pk(id), Range::All)).await?;
    let (mut head, mut detail) = (None, Arc::from("{}"));
    let (mut offers, mut journal) = (vec![], vec![]);
    for item in &rows {
        match item.get_text(SK)? {
            HEAD => head = Some(rows::stored::<Head>(item)?.value),
            BODY => detail = Arc::from(item.get_text(DOCUMENT)?),
            sk if sk.starts_with(OFFER_PREFIX) => offers.push(rows::stored(item)?),
            sk if sk.starts_with(JOURNAL_PREFIX) => journal.push(journal::entry(item)?),
            _ => {}
        }
    }
    let Some(head) = head else {
        return Ok(None);
    };
    let offers = values(oldest_first(offers));
    // An offer without attempts has none to be asked for.
    let tried = offers.iter().filter(|offer| attempts && offer.attempts > 0).map(|offer| offer.delivery_id).collect();
    let attempts = attempts_at(table, tried).await?;
    Ok(Some(RequestRecord { head, detail, offers, journal, attempts }))
}

/// The attempts at these offers, oldest first for each.
pub(super) async fn attempts_at(table: &Table, ids: Vec<DeliveryId>) -> Result<Vec<(DeliveryId, Attempt)>, TableError> {
    let of_one = |id| async move {
        let items = table.all(&Query::partition(rows::attempts_pk(id), Range::All)).await?;
        items.iter().map(|item| Ok((id, item.get_document()?))).collect::<Result<Vec<_>, TableError>>()
    };
    let attempts: Vec<_> = stream::iter(ids.into_iter().map(of_one)).buffered(AT_ONCE).try_collect().await?;
    Ok(attempts.concat())
}

/// One page of a user's requests, newest first.
pub(super) async fn requests_of(
    table: &Table,
    user: &UserId,
    page: &PageQuery,
) -> Result<Page<(Head, Vec<Offer>)>, TableError> {
    let before = page.cursor.as_ref().and_then(|cursor| cursor.parse::<RequestId>().ok());
    let range = before.map_or(Range::All, |id| Range::Before(id.to_string()));
    let query = Query::index(Index::ByUser, rows::user_pk(user), range).descending();
    let found = table.first(&query, page.limit.saturating_add(1)).await?;
    let mut ids = found.iter().map(request_of).collect::<Result<Vec<_>, TableError>>()?;
    let next_cursor = next_cursor(&mut ids, page.limit, RequestId::to_string);
    let whole = stream::iter(ids.into_iter().map(|id| with_offers(table, id)));
    let items: Vec<_> = whole.buffered(AT_ONCE).try_collect().await?;
    Ok(Page { items: items.into_iter().flatten().collect(), next_cursor })
}

fn request_of(item: &Item) -> Result<RequestId, TableError> {
    Ok(item.get_parsed(Index::ByUser.sk())?)
}

async fn with_offers(table: &Table, id: RequestId) -> Result<Option<(Head, Vec<Offer>)>, TableError> {
    let head_key = rows::head_key(id);
    let (head, offers) = try_join(table.get(&head_key), offers_of(table, id)).await?;
    let head = head.map(|head| rows::stored::<Head>(&head)).transpose()?;
    Ok(head.map(|head| (head.value, values(offers))))
}

fn values(offers: Vec<Stored<Offer>>) -> Vec<Offer> {
    offers.into_iter().map(|offer| offer.value).collect()
}

/// Offers of a party whose message has been due since before this time, longest first.
pub(super) async fn overdue(
    table: &Table,
    party: &PartyId,
    environment: Environment,
    before: Timestamp,
    most: usize,
) -> Result<Vec<DeliveryId>, TableError> {
    let query = Query::index(Index::Due, rows::due_pk(party, environment), Range::Before(time_text(before)));
    let found = table.first(&query, most).await?;
    Ok(found.iter().map(rows::delivery_of).collect::<Result<_, _>>()?)
}

/// Offers whose clock has something due before this time, and when.
pub(super) async fn alarms(table: &Table, before: Timestamp) -> Result<Vec<(DeliveryId, Timestamp)>, TableError> {
    let of = |shard| async move {
        let range = Range::Before(time_text(before));
        table.first(&Query::index(Index::Alarms, rows::alarms_pk(shard), range), MOST_ALARMS).await
    };
    let shards: Vec<_> = stream::iter((0..SHARDS).map(of)).buffered(AT_ONCE).try_collect().await?;
    let alarm = |item: &Item| Ok((rows::delivery_of(item)?, time_of_text(item, Index::Alarms.sk())?));
    shards.iter().flatten().map(alarm).collect()
}

/// Cuts a list that was read one item too long, and says where the next page begins if it was.
pub(crate) fn next_cursor<T>(items: &mut Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> String) -> Option<String> {
    if items.len() <= limit {
        return None;
    }
    items.truncate(limit);
    items.last().map(cursor)
}
