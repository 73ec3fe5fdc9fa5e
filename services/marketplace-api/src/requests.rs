//! Requests: users place, list, read and cancel them; parties and operators read what is theirs to see.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use event_schema::id::{Environment, RequestId, UserId};
use http_edge::{
    body::JsonBody,
    caller::{Caller, Person, UserCaller},
    finish::correlate,
    idempotency::{self, Admitted, IdempotencyKey},
    page::{self, ListQuery},
    path::PathId,
    problem::Problem,
    reply,
};
use marketplace_core::{
    command::{cancel::Cancel, create::Create},
    intake,
    ports::{RequestRecord, Store, Urgency, UserStore},
    view::{self, Reader, RequestView},
};

use crate::Deps;

/// Whose requests those are that operators place themselves.
const OPERATOR: &str = "operator";

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new()
        .route("/v1/requests", post(create::<S>).get(list::<S>))
        .route("/v1/requests/{id}", get(read::<S>))
        .route("/v1/requests/{id}/cancel", post(cancel::<S>))
}

async fn create<S: Store>(
    State(deps): State<Deps<S>>,
    person: Person,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let request = intake::from_api(body.bytes(), user_of(&person)?)?;
    may_use(&deps.edge.store, &person, request.environment).await?;
    let now = deps.edge.now();
    let ticket = match key.admit(&deps.edge.store, &person, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let id = RequestId(deps.edge.randomness.uuid(now));
    correlate(id);
    let created = move || idempotency::answer(StatusCode::CREATED, format!(r#"{{"id":"{id}","status":"new"}}"#));
    let remember = ticket.remember(move |(): &()| created());
    let command = Create { id, request, at: now };
    let store = deps.edge.store;
    ticket.hold(async move { store.apply(command, Urgency::Caller, remember).await }).await??;
    Ok(reply::located(idempotency::response(created()), format!("/v1/requests/{id}")))
}

fn user_of(person: &Person) -> Result<UserId, Problem> {
    match person {
        Person::User(user) => Ok(user.id.clone()),
        Person::Operator(_) => OPERATOR.parse().map_err(Problem::internal),
    }
}

/// Environments other than `prod` are for operators and for users whom an operator marked as test accounts.
async fn may_use<S: UserStore>(store: &S, person: &Person, environment: Environment) -> Result<(), Problem> {
    let Person::User(user) = person else {
        return Ok(());
    };
    if environment == Environment::Prod || store.user(&user.id).await?.is_some_and(|user| user.test_account) {
        return Ok(());
    }
    Err(Problem::invalid_field("/environment", "only test accounts may ask outside `prod`"))
}

async fn list<S: Store>(State(deps): State<Deps<S>>, user: UserCaller, query: ListQuery) -> Result<Response, Problem> {
    let page = deps.edge.store.requests_of(&user.id, query.page).await?;
    let items: Vec<_> = page.items.iter().map(|(head, offers)| view::summary(head, offers)).collect();
    Ok(page::list(&items, page.next_cursor.as_deref()))
}

async fn read<S: Store>(
    State(deps): State<Deps<S>>,
    caller: Caller,
    PathId(id): PathId<RequestId>,
) -> Result<Response, Problem> {
    correlate(id);
    let attempts = !matches!(caller, Caller::User(_));
    let record = deps.edge.store.request(id, attempts).await?.ok_or_else(Problem::not_found)?;
    let view = seen_by(&caller, &record).ok_or_else(Problem::not_found)?;
    Ok(reply::json(StatusCode::OK, &view))
}

fn seen_by<'a>(caller: &Caller, record: &'a RequestRecord) -> Option<RequestView<'a>> {
    match caller {
        Caller::Operator(_) => view::request(record, Reader::Operator),
        Caller::Party(party) => view::request(record, Reader::Party(&party.party.id, party.environment)),
        Caller::User(user) if user.id == record.head.user_id => view::request(record, Reader::User),
        Caller::User(_) => None,
    }
}

async fn cancel<S: Store>(
    State(deps): State<Deps<S>>,
    person: Person,
    key: IdempotencyKey,
    PathId(id): PathId<RequestId>,
    body: JsonBody,
) -> Result<Response, Problem> {
    correlate(id);
    body.is_nothing()?;
    let now = deps.edge.now();
    let ticket = match key.admit(&deps.edge.store, &person, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let user = match person {
        Person::User(user) => Some(user.id),
        Person::Operator(_) => None,
    };
    let cancelled = move || idempotency::answer(StatusCode::OK, format!(r#"{{"id":"{id}","status":"cancelled"}}"#));
    let remember = ticket.remember(move |(): &()| cancelled());
    let command = Cancel { request: id, user, at: now };
    let store = deps.edge.store;
    ticket.hold(async move { store.apply(command, Urgency::Caller, remember).await }).await??;
    Ok(idempotency::response(cancelled()))
}
