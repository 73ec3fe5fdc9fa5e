//! Operators' third parties: made, read, changed and disabled.

mod input;
mod output;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use event_schema::id::{Environment, PartyId};
use http_edge::{
    body::JsonBody,
    caller::{Operator, Principal},
    idempotency::{self, Admitted, IdempotencyKey},
    page::{self, ListQuery},
    path::PathId,
    problem::Problem,
    reply,
};
use marketplace_core::{
    party::{Party, PartyCommand},
    ports::Store,
};

use self::{input::PartyChanges, output::PartySummary};
pub(crate) use self::{
    input::{NewParty, name},
    output::PartyView,
};
use crate::{Deps, keys};

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new()
        .route("/v1/third-parties", post(create::<S>).get(list::<S>))
        .route("/v1/third-parties/{id}", get(read::<S>).patch(change::<S>).delete(disable::<S>))
}

async fn create<S: Store>(
    State(deps): State<Deps<S>>,
    operator: Operator,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let now = deps.edge.now();
    let party = body.parse::<NewParty>()?.check(now)?;
    let ticket = match key.admit(&deps.edge.store, &operator, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let (secret, api_key) = keys::first(&deps.edge, &party.id, Environment::Prod, now);
    let key_id = api_key.key_id;
    // A repeat is answered without the key.
    let remember = ticket.remember(move |party| {
        idempotency::answer(StatusCode::CREATED, output::created(party, key_id, None).to_string())
    });
    let (id, by, store) = (party.id.clone(), operator.principal(), deps.edge.store);
    let command = PartyCommand::Join(Box::new(party), api_key);
    let party = ticket.hold(async move { store.apply_to_party(id, command, by, now, remember).await }).await??;
    let answer = output::created(&party, key_id, Some(&secret));
    Ok(reply::located(reply::json(StatusCode::CREATED, &answer), format!("/v1/third-parties/{}", party.id)))
}

async fn list<S: Store>(State(deps): State<Deps<S>>, _: Operator, query: ListQuery) -> Result<Response, Problem> {
    let page = deps.edge.store.parties(query.page).await?;
    let items: Vec<_> = page.items.iter().map(|party| PartySummary::of(party)).collect();
    Ok(page::list(&items, page.next_cursor.as_deref()))
}

async fn read<S: Store>(
    State(deps): State<Deps<S>>,
    _: Operator,
    PathId(id): PathId<PartyId>,
) -> Result<Response, Problem> {
    let party = deps.edge.store.party(&id).await?.ok_or_else(Problem::not_found)?;
    Ok(reply::json(StatusCode::OK, &PartyView::of(&party, deps.edge.now())))
}

async fn change<S: Store>(
    State(deps): State<Deps<S>>,
    operator: Operator,
    PathId(id): PathId<PartyId>,
    body: JsonBody,
) -> Result<Response, Problem> {
    let patch = body.parse::<PartyChanges>()?.check()?;
    let party = apply(&deps, id, PartyCommand::Patch(patch), &operator).await?;
    Ok(reply::json(StatusCode::OK, &PartyView::of(&party, deps.edge.now())))
}

/// The party's id is never used again; disabling it twice is once.
async fn disable<S: Store>(
    State(deps): State<Deps<S>>,
    operator: Operator,
    PathId(id): PathId<PartyId>,
) -> Result<Response, Problem> {
    apply(&deps, id, PartyCommand::Disable, &operator).await?;
    Ok(reply::no_content())
}

async fn apply<S: Store>(
    deps: &Deps<S>,
    id: PartyId,
    command: PartyCommand,
    operator: &Operator,
) -> Result<Party, Problem> {
    let (by, now) = (operator.principal(), deps.edge.now());
    Ok(deps.edge.store.apply_to_party(id, command, by, now, None).await?)
}
