//! Operators' dead letters: what was given up, and another run for it.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use event_schema::{
    fault::Fault,
    id::{DeliveryId, Environment, PartyId, RequestId},
    words::MessageType,
};
use http_edge::{
    body::JsonBody,
    caller::Operator,
    idempotency::{self, Admitted, IdempotencyKey},
    page::{self, ListQuery},
    problem::Problem,
};
use jiff::Timestamp;
use marketplace_core::{
    offer::Offer,
    ports::{DeadLetterQuery, Store},
};
use serde::Serialize;

use self::replay::Selection;
use crate::Deps;

mod replay;

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new().route("/v1/dead-letters", get(list::<S>)).route("/v1/dead-letters/replay", post(replay_them::<S>))
}

/// A message whose pushes ended for good.
#[derive(Serialize)]
struct DeadLetterView<'a> {
    delivery_id: DeliveryId,
    request_id: RequestId,
    third_party: &'a PartyId,
    environment: Environment,
    message: MessageType,
    /// When it was given up.
    at: Timestamp,
    reason: &'a str,
    /// HTTP attempts made in its last run.
    attempts: u32,
}

impl<'a> DeadLetterView<'a> {
    fn of(offer: &'a Offer) -> Option<Self> {
        let message = offer.message.as_ref()?;
        let dead = message.dead.as_ref()?;
        Some(Self {
            delivery_id: offer.delivery_id,
            request_id: offer.delivery_id.request(),
            third_party: &offer.party,
            environment: offer.environment,
            message: message.kind,
            at: dead.at,
            reason: &dead.reason,
            attempts: message.attempts,
        })
    }
}

async fn list<S: Store>(State(deps): State<Deps<S>>, _: Operator, query: ListQuery) -> Result<Response, Problem> {
    let which = which(&query).map_err(|fault| Problem::invalid(vec![fault]))?;
    let page = deps.edge.store.dead_letters(which, query.page).await?;
    let items: Vec<_> = page.items.iter().filter_map(DeadLetterView::of).collect();
    Ok(page::list(&items, page.next_cursor.as_deref()))
}

fn which(query: &ListQuery) -> Result<DeadLetterQuery, Fault> {
    let third_party = query.get("third_party").map(str::parse).transpose();
    let since = query.get("since").map(str::parse).transpose();
    Ok(DeadLetterQuery {
        third_party: third_party.map_err(|_| Fault::new("/third_party", "must be a third party's id"))?,
        since: since.map_err(|_| Fault::new("/since", "must be a time, such as 2026-01-31T12:00:00Z"))?,
    })
}

/// Answers when every one of them has its new run, durably.
async fn replay_them<S: Store>(
    State(deps): State<Deps<S>>,
    operator: Operator,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let selection = body.parse::<Selection>()?.check()?;
    let now = deps.edge.now();
    let ticket = match key.admit(&deps.edge.store, &operator, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let (stamp, store) = (ticket.stamp(), deps.edge.store);
    let work = async move {
        let count = selection.replay(&store, now).await?;
        let answer = idempotency::answer(StatusCode::ACCEPTED, format!(r#"{{"count":{count}}}"#));
        idempotency::keep(&store, stamp, &answer).await?;
        Ok::<_, Problem>(answer)
    };
    Ok(idempotency::response(ticket.hold(work).await??))
}
