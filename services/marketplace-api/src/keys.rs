//! API keys: operators give a third party another key and take one away, and with a key that may manage a party does
//! so itself, in that key's environment.

mod input;
mod output;

use std::cmp::Reverse;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{delete, get},
};
use event_schema::id::{Environment, KeyId, PartyId};
use http_edge::{
    api_key::FreshKey,
    body::JsonBody,
    caller::{ManagingParty, Operator, Principal},
    edge::Edge,
    idempotency::{self, Admitted, IdempotencyKey},
    page::{self, ListQuery},
    path::{PathId, PathIds},
    problem::Problem,
    reply,
};
use jiff::Timestamp;
use marketplace_core::{
    delivery::Secret,
    party::{ApiKey, PartyCommand},
    ports::{PageQuery, Store},
};

pub(crate) use self::output::NewKeyView;
use self::{
    input::{NewKey, Wish},
    output::KeyView,
};
use crate::Deps;

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new()
        .route("/v1/third-parties/{id}/keys", get(list::<S>).post(add::<S>))
        .route("/v1/third-parties/{id}/keys/{key_id}", delete(revoke::<S>))
        .route("/v1/me/keys", get(list_own::<S>).post(add_own::<S>))
        .route("/v1/me/keys/{key_id}", delete(give_up::<S>))
}

/// A key that was just made: what the party is shown once, and what is kept.
pub(crate) fn fresh<S>(
    edge: &Edge<S>,
    party: &PartyId,
    environment: Environment,
    wish: Wish,
    now: Timestamp,
) -> (Secret, ApiKey) {
    let fresh = FreshKey::new(environment, edge.randomness.secret());
    let kept = ApiKey {
        scope: wish.scope,
        name: wish.name,
        prefix: fresh.prefix,
        expires_at: wish.expires_at,
        ..ApiKey::new(KeyId(edge.randomness.uuid(now)), party.clone(), environment, fresh.hash, now)
    };
    (fresh.text, kept)
}

/// A party's first key.
pub(crate) fn first<S>(edge: &Edge<S>, party: &PartyId, environment: Environment, now: Timestamp) -> (Secret, ApiKey) {
    fresh(edge, party, environment, Wish::default(), now)
}

async fn list<S: Store>(
    State(deps): State<Deps<S>>,
    _: Operator,
    PathId(party): PathId<PartyId>,
    query: ListQuery,
) -> Result<Response, Problem> {
    deps.edge.store.party(&party).await?.ok_or_else(Problem::not_found)?;
    let keys = deps.edge.store.keys(&party).await?;
    Ok(page_of(keys, &query.page))
}

async fn list_own<S: Store>(
    State(deps): State<Deps<S>>,
    ManagingParty(caller): ManagingParty,
    query: ListQuery,
) -> Result<Response, Problem> {
    let mut keys = deps.edge.store.keys(&caller.party.id).await?;
    keys.retain(|key| key.environment == caller.environment);
    Ok(page_of(keys, &query.page))
}

/// There are [`marketplace_core::party::MOST_KEYS`] in an environment at most, so all were read.
fn page_of(mut keys: Vec<ApiKey>, page: &PageQuery) -> Response {
    // Ids begin with the time at which they were made.
    keys.sort_by_key(|key| Reverse(key.key_id.0));
    let last: Option<KeyId> = page.cursor.as_ref().and_then(|cursor| cursor.parse().ok());
    let rest = keys.iter().filter(|key| last.is_none_or(|last| key.key_id.0 < last.0));
    let mut items: Vec<_> = rest.take(page.limit.saturating_add(1)).map(KeyView::of).collect();
    let more = items.len() > page.limit;
    items.truncate(page.limit);
    let next = items.last().filter(|_| more).map(|last| last.key_id.to_string());
    page::list(&items, next.as_deref())
}

async fn add<S: Store>(
    State(deps): State<Deps<S>>,
    operator: Operator,
    key: IdempotencyKey,
    PathId(party): PathId<PartyId>,
    body: JsonBody,
) -> Result<Response, Problem> {
    let now = deps.edge.now();
    let (environment, wish) = body.parse::<NewKey>()?.check(None, now)?;
    let command = PartyCommand::AddKey;
    let new = Addition { party, environment, wish, command, by: operator.principal(), now };
    new.make(&deps.edge, key, &operator, &body).await
}

async fn add_own<S: Store>(
    State(deps): State<Deps<S>>,
    ManagingParty(caller): ManagingParty,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let now = deps.edge.now();
    let (environment, wish) = body.parse_optional::<NewKey>()?.check(Some(caller.environment), now)?;
    let elsewhere = environment != caller.environment;
    let command: fn(ApiKey) -> PartyCommand = if elsewhere { PartyCommand::MoveIn } else { PartyCommand::AddKey };
    let new = Addition { party: caller.party.id.clone(), environment, wish, command, by: caller.author(), now };
    new.make(&deps.edge, key, &caller, &body).await
}

/// A key that is to be made for a party.
struct Addition {
    party: PartyId,
    environment: Environment,
    wish: Wish,
    command: fn(ApiKey) -> PartyCommand,
    by: String,
    now: Timestamp,
}

impl Addition {
    async fn make<S: Store>(
        self,
        edge: &Edge<S>,
        key: IdempotencyKey,
        caller: &impl Principal,
        body: &JsonBody,
    ) -> Result<Response, Problem> {
        let Self { party, environment, wish, command, by, now } = self;
        let ticket = match key.admit(&edge.store, caller, body.bytes(), now).await? {
            Admitted::New(ticket) => ticket,
            Admitted::Done(answer) => return Ok(answer),
        };
        let (secret, api_key) = fresh(edge, &party, environment, wish, now);
        // A repeat is answered without the key.
        let kept = serde_json::to_string(&NewKeyView::of(&api_key, None)).map_err(Problem::internal)?;
        let remember = ticket.remember(move |_| idempotency::answer(StatusCode::CREATED, kept.clone()));
        let answer = reply::json(StatusCode::CREATED, &NewKeyView::of(&api_key, Some(&secret)));
        let (store, command) = (edge.store.clone(), command(api_key));
        ticket.hold(async move { store.apply_to_party(party, command, by, now, remember).await }).await??;
        Ok(answer)
    }
}

async fn revoke<S: Store>(
    State(deps): State<Deps<S>>,
    operator: Operator,
    PathIds(party, key): PathIds<PartyId, KeyId>,
) -> Result<Response, Problem> {
    let (command, now) = (PartyCommand::RevokeKey(key), deps.edge.now());
    deps.edge.store.apply_to_party(party, command, operator.principal(), now, None).await?;
    Ok(reply::no_content())
}

/// A key may be given up with itself.
async fn give_up<S: Store>(
    State(deps): State<Deps<S>>,
    ManagingParty(caller): ManagingParty,
    PathId(key): PathId<KeyId>,
) -> Result<Response, Problem> {
    let (command, now) = (PartyCommand::GiveUpKey(caller.environment, key), deps.edge.now());
    deps.edge.store.apply_to_party(caller.party.id.clone(), command, caller.author(), now, None).await?;
    Ok(reply::no_content())
}
