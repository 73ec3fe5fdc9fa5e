//! What happened to a third party's offers, for it to catch up after it was away.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use http_edge::{caller::PartyCaller, page::ListQuery, problem::Problem, reply};
use marketplace_core::{
    ports::Store,
    view::{self, ChangeView},
};
use serde::Serialize;

use crate::Deps;

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new().route("/v1/me/changes", get(list::<S>))
}

/// As every list, but there is always a place to go on from.
#[derive(Serialize)]
struct Page<'a> {
    items: Vec<ChangeView<'a>>,
    next_cursor: &'a str,
}

async fn list<S: Store>(
    State(deps): State<Deps<S>>,
    caller: PartyCaller,
    query: ListQuery,
) -> Result<Response, Problem> {
    let (party, environment) = (&caller.party.id, caller.environment);
    let since = query.get("since").filter(|since| !since.is_empty()).map(str::to_owned);
    let changes = deps.edge.store.changes(party, environment, since, query.page.limit, deps.edge.now()).await?;
    let items = changes.items.iter().filter_map(|entry| view::change(entry, party, environment)).collect();
    Ok(reply::json(StatusCode::OK, &Page { items, next_cursor: &changes.next }))
}
