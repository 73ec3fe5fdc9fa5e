//! Requests as they are read: whole, in lists, and as much of one as an event needs.

use std::sync::Arc;

use event_schema::id::{RequestId, UserId};
use marketplace_core::{
    offer::Offer,
    ports::{Page, PageQuery, RequestRecord},
    publish::About,
    request::Head,
};
use rusqlite::{Connection, OptionalExtension};

use crate::rows;

/// A request with everything about it.
pub(super) fn read_request(
    connection: &Connection,
    id: RequestId,
    attempts: bool,
) -> rusqlite::Result<Option<RequestRecord>> {
    let Some(head) = rows::read_head(connection, id)? else {
        return Ok(None);
    };
    let journal = connection
        .prepare_cached(&format!("SELECT {} FROM journal WHERE request = ?1 ORDER BY sequence", rows::JOURNAL))?
        .query_map([id.0.as_bytes()], rows::journal_entry)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(RequestRecord {
        head,
        detail: rows::read_detail(connection, id)?.unwrap_or_else(|| Arc::from("{}")),
        offers: rows::read_offers(connection, id)?,
        journal,
        attempts: if attempts { rows::read_attempts(connection, id)? } else { vec![] },
    }))
}

/// One page of a user's requests, newest first.
pub(super) fn read_list(
    connection: &Connection,
    user: &UserId,
    page: &PageQuery,
) -> rusqlite::Result<Page<(Head, Vec<Offer>)>> {
    let before = page.cursor.as_ref().and_then(|cursor| cursor.parse::<RequestId>().ok());
    let before = before.map_or([0xff; 16], |id| *id.0.as_bytes());
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut heads: Vec<Head> = connection
        .prepare_cached(&format!(
            "SELECT {} FROM requests WHERE user_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
            rows::HEAD
        ))?
        .query_map((user.as_str(), before, limit), rows::head)?
        .collect::<rusqlite::Result<_>>()?;
    let next_cursor = next_cursor(&mut heads, page.limit, |head| head.id.to_string());
    let with_offers = |head: Head| Ok((rows::read_offers(connection, head.id)?, head));
    let items = heads.into_iter().map(with_offers).map(|item| item.map(|(offers, head)| (head, offers)));
    Ok(Page { items: items.collect::<rusqlite::Result<_>>()?, next_cursor })
}

/// Cuts a list that was read one item too long, and says where the next page begins if it was.
pub(crate) fn next_cursor<T>(items: &mut Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> String) -> Option<String> {
    if items.len() <= limit {
        return None;
    }
    items.truncate(limit);
    items.last().map(cursor)
}

/// What a stored row says of a request that the journal speaks of.
pub(crate) fn read_about(connection: &Connection, request: RequestId) -> rusqlite::Result<Option<About>> {
    connection
        .prepare_cached(&format!("SELECT {} FROM requests WHERE id = ?1", rows::HEAD))?
        .query_row([request.0.as_bytes()], rows::head)
        .optional()
        .map(|head| head.map(|head| About { user_id: head.user_id, environment: head.environment }))
}
