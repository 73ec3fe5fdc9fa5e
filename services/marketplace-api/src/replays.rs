//! A third party has many of its offers sent again, and asks how far that is.

mod input;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use event_schema::id::ReplayId;
use http_edge::{
    body::JsonBody,
    caller::PartyCaller,
    idempotency::{self, Admitted, IdempotencyKey},
    path::PathId,
    problem::Problem,
    reply,
};
use jiff::Timestamp;
use marketplace_core::{
    lifecycle::OfferState,
    ports::{PageQuery, Store, StoreError},
    replay::{Progress, ReplayJob, Selection},
};
use serde::Serialize;
use serde_json::json;

use self::input::ReplayBody;
use crate::Deps;

/// How many offers are counted at once.
const STEP: usize = 100;

/// Most offers that a dry run looks at.
const MOST: usize = 10_000;

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new().route("/v1/me/replay", post(start::<S>)).route("/v1/me/replays/{replay_id}", get(read::<S>))
}

/// A job as its party sees it.
#[derive(Serialize)]
struct ReplayView<'a> {
    replay_id: ReplayId,
    state: &'static str,
    since: Timestamp,
    until: Timestamp,
    status: &'a [OfferState],
    matched: u64,
    replayed: u64,
    refused: u64,
    started_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
}

impl<'a> ReplayView<'a> {
    fn of(job: &'a ReplayJob) -> Self {
        let (selection, progress) = (&job.selection, &job.progress);
        Self {
            replay_id: job.id,
            state: if job.is_running() { "running" } else { "done" },
            since: selection.since,
            until: selection.until,
            status: &selection.states,
            matched: progress.matched,
            replayed: progress.replayed,
            refused: progress.refused,
            started_at: job.started_at,
            finished_at: progress.finished_at,
        }
    }
}

async fn read<S: Store>(
    State(deps): State<Deps<S>>,
    caller: PartyCaller,
    PathId(id): PathId<ReplayId>,
) -> Result<Response, Problem> {
    let job = deps.edge.store.replay(&caller.party.id, caller.environment, id).await?;
    Ok(reply::json(StatusCode::OK, &ReplayView::of(&job.ok_or_else(Problem::not_found)?)))
}

async fn start<S: Store>(
    State(deps): State<Deps<S>>,
    caller: PartyCaller,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let now = deps.edge.now();
    let (selection, dry_run) = body.parse::<ReplayBody>()?.check(now)?;
    let ticket = match key.admit(&deps.edge.store, &caller, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let store = deps.edge.store;
    if dry_run {
        let stamp = ticket.stamp();
        let work = async move {
            let (matched, complete) = count(&store, &caller, &selection, now).await?;
            let answer = idempotency::json(StatusCode::OK, &json!({ "matched": matched, "complete": complete }));
            idempotency::keep(&store, stamp, &answer).await?;
            Ok::<_, Problem>(answer)
        };
        return Ok(idempotency::response(ticket.hold(work).await??));
    }
    let job = ReplayJob {
        id: ReplayId(deps.edge.randomness.uuid(now)),
        party: caller.party.id.clone(),
        environment: caller.environment,
        selection,
        started_at: now,
        progress: Progress::default(),
    };
    let place = format!("/v1/me/replays/{}", job.id);
    let answer = idempotency::json(StatusCode::ACCEPTED, &ReplayView::of(&job));
    let kept = answer.clone();
    let remember = ticket.remember(move |(): &()| kept.clone());
    ticket.hold(async move { store.start_replay(job, remember).await }).await??;
    Ok(reply::located(idempotency::response(answer), place))
}

/// How many offers are chosen, and whether that was all.
async fn count<S: Store>(
    store: &S,
    caller: &PartyCaller,
    selection: &Selection,
    now: Timestamp,
) -> Result<(usize, bool), StoreError> {
    let (mut matched, mut looked_at, mut cursor) = (0, 0, None);
    loop {
        let page = PageQuery { cursor, limit: STEP };
        let found = store.offers_to(&caller.party.id, caller.environment, selection.window(), page).await?;
        looked_at += found.items.len();
        matched += found.items.iter().filter(|record| selection.chooses(record, now)).count();
        cursor = found.next_cursor;
        if cursor.is_none() || looked_at >= MOST {
            return Ok((matched, cursor.is_none()));
        }
    }
}
