//! A polling party's inbox: lease what waits, acknowledge it, keep it longer, give it back.

mod input;
mod lease;
mod turns;

use std::sync::Arc;

use axum::{Extension, Router, extract::State, http::StatusCode, response::Response, routing::post};
use event_schema::id::DeliveryId;
use futures::future::try_join_all;
use http_edge::{
    body::JsonBody,
    caller::PartyCaller,
    idempotency::{self, Admitted, IdempotencyKey},
    problem::Problem,
};
use jiff::Timestamp;
use marketplace_core::{
    command::inbox::{InboxAction, InboxResult, UseInbox},
    ports::{Store, StoreError, Urgency},
};
use serde::Serialize;

use self::{
    input::{Acknowledged, Extended, Released},
    turns::Turns,
};
use crate::Deps;

/// How many of one party's are changed at the same time: they share commits.
const AT_ONCE: usize = 100;

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new()
        .route("/v1/inbox/lease", post(lease::lease::<S>))
        .route("/v1/inbox/ack", post(acknowledge::<S>))
        .route("/v1/inbox/extend", post(extend::<S>))
        .route("/v1/inbox/release", post(release::<S>))
        .layer(Extension(Arc::<Turns>::default()))
}

async fn acknowledge<S: Store>(
    State(deps): State<Deps<S>>,
    Extension(turns): Extension<Arc<Turns>>,
    party: PartyCaller,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let ids = body.parse::<Acknowledged>()?.check()?;
    let now = deps.edge.now();
    let job = Job { ids, party, action: InboxAction::Acknowledge, done: "acknowledged", now, turns };
    job.run(deps, key, body).await
}

async fn extend<S: Store>(
    State(deps): State<Deps<S>>,
    Extension(turns): Extension<Arc<Turns>>,
    party: PartyCaller,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let now = deps.edge.now();
    let (ids, until) = body.parse::<Extended>()?.check(now)?;
    let job = Job { ids, party, action: InboxAction::Extend(until), done: "extended", now, turns };
    job.run(deps, key, body).await
}

async fn release<S: Store>(
    State(deps): State<Deps<S>>,
    Extension(turns): Extension<Arc<Turns>>,
    party: PartyCaller,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let ids = body.parse::<Released>()?.check()?;
    let now = deps.edge.now();
    let job = Job { ids, party, action: InboxAction::Release, done: "released", now, turns };
    job.run(deps, key, body).await
}

/// The same action on each of a list of offers.
struct Job {
    /// As they were written: what is no id is nobody's offer.
    ids: Vec<String>,
    party: PartyCaller,
    action: InboxAction,
    /// The word for having done it.
    done: &'static str,
    now: Timestamp,
    turns: Arc<Turns>,
}

#[derive(Serialize)]
struct Results<'a> {
    results: Vec<OneResult<'a>>,
}

#[derive(Serialize)]
struct OneResult<'a> {
    delivery_id: &'a str,
    result: &'static str,
}

impl Job {
    async fn run<S: Store>(self, deps: Deps<S>, key: IdempotencyKey, body: JsonBody) -> Result<Response, Problem> {
        let store = deps.edge.store;
        let ticket = match key.admit(&store, &self.party, body.bytes(), self.now).await? {
            Admitted::New(ticket) => ticket,
            Admitted::Done(answer) => return Ok(answer),
        };
        let stamp = ticket.stamp();
        let work = async move {
            let results = Results { results: self.each(&store).await? };
            let text = serde_json::to_string(&results).map_err(Problem::internal)?;
            let answer = idempotency::answer(StatusCode::OK, text);
            idempotency::keep(&store, stamp, &answer).await?;
            Ok::<_, Problem>(answer)
        };
        Ok(idempotency::response(ticket.hold(work).await??))
    }

    async fn each<S: Store>(&self, store: &S) -> Result<Vec<OneResult<'_>>, StoreError> {
        let mut results = Vec::with_capacity(self.ids.len());
        for chunk in self.ids.chunks(AT_ONCE) {
            let _turn = self.turns.take(&self.party.party.id).await;
            results.extend(try_join_all(chunk.iter().map(|id| self.one(store, id))).await?);
        }
        Ok(results)
    }

    async fn one<'a, S: Store>(&self, store: &S, id: &'a str) -> Result<OneResult<'a>, StoreError> {
        let result = match id.parse::<DeliveryId>() {
            Ok(delivery_id) => store.apply(self.command(delivery_id), Urgency::Caller, None).await?,
            Err(_) => InboxResult::Unknown,
        };
        let result = match result {
            InboxResult::Done => self.done,
            InboxResult::Already => "already",
            InboxResult::Unknown => "unknown",
        };
        Ok(OneResult { delivery_id: id, result })
    }

    fn command(&self, delivery_id: DeliveryId) -> UseInbox {
        UseInbox {
            delivery_id,
            party: self.party.party.id.clone(),
            environment: self.party.environment,
            action: self.action,
            at: self.now,
        }
    }
}
