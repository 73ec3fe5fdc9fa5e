//! Requests of the past by when they were accepted, a bounded step at a time.
//!
//! A request's id begins with the millisecond in which it was accepted, so the table itself is in this order. Nearly all
//! requests are `prod`: they are read from it, the few others among them passed over, and only the others have an index.

use event_schema::id::{Environment, RequestId};
use jiff::Timestamp;
use marketplace_core::{
    backtest::PastRequest,
    fact::Fact,
    ports::{Page, PageQuery, PastRequests, StoreError, Window},
};
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use crate::{Embedded, rows};

/// Most rows that one read looks at: a caller who waits for a connection waits for a few milliseconds.
const STEP: usize = 200;

impl PastRequests for Embedded {
    async fn past_requests(
        &self,
        environment: Environment,
        window: Window,
        page: PageQuery,
    ) -> Result<Page<PastRequest>, StoreError> {
        let read = move |connection: &Connection| read_page(connection, environment, window, &page);
        self.shared.readers.read(read).await
    }
}

/// Where a request is found: its id, when it was accepted, and in which environment.
type Place = (RequestId, Timestamp, Environment);

fn read_page(
    connection: &Connection,
    environment: Environment,
    window: Window,
    page: &PageQuery,
) -> rusqlite::Result<Page<PastRequest>> {
    let step = page.limit.min(STEP);
    let before = page.cursor.as_ref().and_then(|cursor| cursor.parse::<RequestId>().ok());
    let before = before.map_or_else(|| first_id(window.to, 1), |id| *id.0.as_bytes());
    let places = read_places(connection, environment, (first_id(window.from, 0), before), step)?;
    let next_cursor = places.last().filter(|_| places.len() == step).map(|(id, ..)| id.to_string());
    let is_meant = |(_, at, its): &Place| *its == environment && *at >= window.from && *at < window.to;
    let items = places.into_iter().filter(is_meant).filter_map(|place| whole(connection, place).transpose());
    Ok(Page { items: items.collect::<rusqlite::Result<_>>()?, next_cursor })
}

/// The first id that can belong to the millisecond of this time, or to one so many later.
fn first_id(time: Timestamp, later: u64) -> [u8; 16] {
    let milliseconds = u64::try_from(time.as_millisecond()).unwrap_or(0).saturating_add(later);
    *Uuid::from_u128(u128::from(milliseconds) << 80).as_bytes()
}

fn read_places(
    connection: &Connection,
    environment: Environment,
    (from, before): ([u8; 16], [u8; 16]),
    most: usize,
) -> rusqlite::Result<Vec<Place>> {
    let of_index = match environment {
        Environment::Prod => "?4 = 0",
        // In the words of the index, which is then the one that is used.
        Environment::Test | Environment::Dev => "environment > 0 AND environment = ?4",
    };
    let select = format!(
        "SELECT id, created_at, environment FROM requests WHERE {of_index} AND id >= ?1 AND id < ?2 \
         ORDER BY id DESC LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&select)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let places = statement.query_map(params![from, before, most, environment as i64], |row| {
        let id = RequestId(Uuid::from_bytes(row.get(0)?));
        Ok((id, rows::time(1, row.get(1)?)?, rows::pick(row, 2, &Environment::ALL)?))
    })?;
    places.collect()
}

/// The request with its body, and with its place in the journal if that is still there.
fn whole(connection: &Connection, (id, created_at, _): Place) -> rusqlite::Result<Option<PastRequest>> {
    let Some(detail) = rows::read_detail(connection, id)? else {
        return Ok(None);
    };
    let first = format!("SELECT {} FROM journal WHERE request = ?1 ORDER BY sequence LIMIT 1", rows::JOURNAL);
    let first = connection.prepare_cached(&first)?.query_row([id.0.as_bytes()], rows::journal_entry).optional()?;
    let told = first.filter(|entry| matches!(entry.fact, Fact::RequestCreated));
    Ok(Some(PastRequest { id, created_at, sequence: told.map_or(0, |entry| entry.sequence), detail }))
}
