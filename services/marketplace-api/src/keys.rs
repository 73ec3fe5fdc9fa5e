//! Operators' way to give a third party another key, and to take one away.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{delete, post},
};
use event_schema::id::{Environment, KeyId, PartyId};
use http_edge::{
    api_key::FreshKey,
    body::JsonBody,
    caller::{Operator, Principal},
    edge::Edge,
    idempotency::{self, Admitted, IdempotencyKey},
    path::{PathId, PathIds},
    problem::Problem,
    reply,
};
use jiff::Timestamp;
use marketplace_core::{
    delivery::Secret,
    party::{ApiKey, PartyCommand},
    ports::Store,
};
use serde::Deserialize;
use serde_json::json;

use crate::Deps;

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new()
        .route("/v1/third-parties/{id}/keys", post(add::<S>))
        .route("/v1/third-parties/{id}/keys/{key_id}", delete(revoke::<S>))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    environment: Environment,
}

/// A key that was just made: what the party is shown once, and what is kept.
pub(crate) fn fresh<S>(edge: &Edge<S>, party: &PartyId, environment: Environment, now: Timestamp) -> (Secret, ApiKey) {
    let fresh = FreshKey::new(environment, edge.randomness.secret());
    let kept = ApiKey {
        key_id: KeyId(edge.randomness.uuid(now)),
        party: party.clone(),
        environment,
        hash: fresh.hash,
        created_at: now,
    };
    (fresh.text, kept)
}

async fn add<S: Store>(
    State(deps): State<Deps<S>>,
    operator: Operator,
    key: IdempotencyKey,
    PathId(party): PathId<PartyId>,
    body: JsonBody,
) -> Result<Response, Problem> {
    let NewKey { environment } = body.parse()?;
    let now = deps.edge.now();
    let ticket = match key.admit(&deps.edge.store, &operator, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let (secret, api_key) = fresh(&deps.edge, &party, environment, now);
    let mut answer = json!({ "key_id": api_key.key_id, "environment": environment });
    // A repeat is answered without the key.
    let kept = answer.to_string();
    let remember = ticket.remember(move |_| idempotency::answer(StatusCode::CREATED, kept.clone()));
    let (by, store) = (operator.principal(), deps.edge.store);
    let command = PartyCommand::AddKey(api_key);
    ticket.hold(async move { store.apply_to_party(party, command, by, now, remember).await }).await??;
    answer["api_key"] = secret.expose().into();
    Ok(reply::json(StatusCode::CREATED, &answer))
}

async fn revoke<S: Store>(
    State(deps): State<Deps<S>>,
    operator: Operator,
    PathIds(party, key): PathIds<PartyId, KeyId>,
) -> Result<Response, Problem> {
    let command = PartyCommand::RevokeKey(key);
    let now = deps.edge.now();
    deps.edge.store.apply_to_party(party, command, operator.principal(), now, None).await?;
    Ok(reply::no_content())
}
