//! What a third party was offered, how it went, and once more.

mod asked;

use std::collections::HashMap;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use event_schema::id::{DeliveryId, Environment};
use http_edge::{
    body::JsonBody,
    caller::PartyCaller,
    finish::correlate,
    idempotency::{self, Admitted, IdempotencyKey},
    page::{self, ListQuery},
    path::PathId,
    problem::Problem,
};
use marketplace_core::{
    command::replay::{ReplayOwn, Replayed},
    delivery::DeliverySettings,
    offer::Attempt,
    party::Party,
    ports::{Store, StoredAnswer, Urgency},
    view,
};
use serde_json::json;

use self::asked::Asked;
use crate::Deps;

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new()
        .route("/v1/me/deliveries", get(list::<S>))
        .route("/v1/me/deliveries/{delivery_id}/replay", post(replay::<S>))
}

async fn list<S: Store>(
    State(deps): State<Deps<S>>,
    caller: PartyCaller,
    query: ListQuery,
) -> Result<Response, Problem> {
    let (store, now) = (&deps.edge.store, deps.edge.now());
    let asked = Asked::read(&query, now).map_err(Problem::invalid)?;
    let found = asked.find(store, &caller, now).await?;
    let tried = found.items.iter().filter(|record| record.offer.attempts > 0);
    let tried = tried.map(|record| record.offer.delivery_id).collect();
    let mut attempts: HashMap<DeliveryId, Vec<Attempt>> = HashMap::new();
    for (delivery_id, attempt) in store.attempts_at(tried).await? {
        attempts.entry(delivery_id).or_default().push(attempt);
    }
    let pushed = is_pushed_to(&caller.party, caller.environment);
    let of = |delivery_id| attempts.get(&delivery_id).into_iter().flatten();
    let items: Vec<_> =
        found.items.iter().map(|record| view::delivery(record, of(record.offer.delivery_id), pushed, now)).collect();
    Ok(page::list(&items, found.next_cursor.as_deref()))
}

/// Whether messages that are due go out by themselves.
fn is_pushed_to(party: &Party, environment: Environment) -> bool {
    party.takes_pushes(environment) && matches!(party.environment(environment).delivery, DeliverySettings::Push(_))
}

async fn replay<S: Store>(
    State(deps): State<Deps<S>>,
    caller: PartyCaller,
    key: IdempotencyKey,
    PathId(delivery_id): PathId<DeliveryId>,
    body: JsonBody,
) -> Result<Response, Problem> {
    correlate(delivery_id.request());
    body.is_nothing()?;
    let (store, now) = (deps.edge.store.clone(), deps.edge.now());
    let ticket = match key.admit(&store, &caller, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let (party, environment) = (caller.party.id.clone(), caller.environment);
    let answer = move |replayed: &Replayed| -> StoredAnswer {
        let body = json!({ "delivery_id": delivery_id, "status": replayed.state });
        idempotency::answer(StatusCode::ACCEPTED, body.to_string())
    };
    let remember = ticket.remember(answer);
    let command = ReplayOwn { delivery_id, party, environment, at: now };
    let replayed = ticket.hold(async move { store.apply(command, Urgency::Caller, remember).await }).await??;
    Ok(idempotency::response(answer(&replayed)))
}
