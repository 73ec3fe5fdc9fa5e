//! Requests of the past by when they were accepted: an index finds their bodies, which are read in batches.
//!
//! An entry of the index says when its request was accepted, its id, and where its journal tells of it, so that nothing
//! but the body is read of it.

use std::collections::HashMap;

use event_schema::id::{Environment, RequestId};
use marketplace_core::{
    backtest::PastRequest,
    ports::{Page, PageQuery, PastRequests, StoreError, Window},
};

use super::rows::{REQUEST_PREFIX, environment_pk};
use crate::{
    Aws,
    item::{DOCUMENT, Item, Key, PK, time_of_text, time_text},
    table::{Index, Query, Range, Table, TableError},
};

/// Most requests of one page: as many rows as a batch has.
const STEP: usize = 100;

impl PastRequests for Aws {
    async fn past_requests(
        &self,
        environment: Environment,
        window: Window,
        page: PageQuery,
    ) -> Result<Page<PastRequest>, StoreError> {
        Ok(read_page(&self.table, environment, window, &page).await?)
    }
}

async fn read_page(
    table: &Table,
    environment: Environment,
    window: Window,
    page: &PageQuery,
) -> Result<Page<PastRequest>, TableError> {
    let from = time_text(window.from);
    // What is in the index goes on after the time, and so comes after the time alone.
    let to = page.cursor.clone().unwrap_or_else(|| time_text(window.to));
    if from >= to {
        return Ok(Page { items: vec![], next_cursor: None });
    }
    let range = Range::Between(from, to);
    let query = Query::index(Index::ByEnvironment, environment_pk(environment), range).descending();
    let found = table.page(&query, page.limit.min(STEP), None).await?;
    let places = found.items.iter().map(Place::read).collect::<Result<Vec<_>, _>>()?;
    let next_cursor = found.next.and(places.last()).map(Place::cursor);
    let items = whole(table, places).await?;
    Ok(Page { items, next_cursor })
}

/// An entry of the index.
struct Place {
    body: Key,
    /// Its request, without the body.
    request: PastRequest,
}

impl Place {
    fn read(item: &Item) -> Result<Self, TableError> {
        let sk = Index::ByEnvironment.sk();
        let created_at = time_of_text(item, sk)?;
        let id: RequestId = item.get_parsed_after(PK, REQUEST_PREFIX)?;
        let sequence = item.get_parsed_after(sk, &format!("{}#{id}#", time_text(created_at)))?;
        let request = PastRequest { id, created_at, sequence, detail: "{}".into() };
        Ok(Self { body: item.key()?, request })
    }

    /// After everything that is older, and before this.
    fn cursor(&self) -> String {
        format!("{}#{}", time_text(self.request.created_at), self.request.id)
    }
}

/// The requests with their bodies, in the same order.
async fn whole(table: &Table, places: Vec<Place>) -> Result<Vec<PastRequest>, TableError> {
    let keys: Vec<Key> = places.iter().map(|place| place.body.clone()).collect();
    let rows = table.get_all(&keys).await?.into_iter();
    let bodies: HashMap<Key, Item> = rows.map(|row| Ok((row.key()?, row))).collect::<Result<_, TableError>>()?;
    let with_body = |place: Place| {
        let body = bodies.get(&place.body)?;
        let detail = body.get_text(DOCUMENT).map(Into::into);
        Some(detail.map(|detail| PastRequest { detail, ..place.request }).map_err(TableError::from))
    };
    places.into_iter().filter_map(with_body).collect()
}
