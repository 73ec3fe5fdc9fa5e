//! Third parties try a filter before they set it: on the requests of the past that lie within their scope.
//!
//! A back-test has bounds, and takes turns with others: it reads a page at a time, judges it away from the threads that
//! answer other callers, and pauses for as long as that took.

mod input;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Extension, Router, extract::State, http::StatusCode, response::Response, routing::post};
use event_schema::id::RequestId;
use http_edge::{
    body::JsonBody,
    caller::ManagingParty,
    idempotency::{self, Admitted, IdempotencyKey},
    problem::Problem,
};
use jiff::Timestamp;
use marketplace_core::{
    backtest::{BackTest, Explained, Found, PastRequest, Sample},
    ports::{PageQuery, Store},
};
use serde::Serialize;
use tokio::sync::Semaphore;

use self::input::{Asked, Body};
use crate::Deps;

/// Most requests that one back-test looks at.
const MOST: usize = 10_000;

/// How long it goes on at most.
const LONGEST: Duration = Duration::from_secs(5);

/// How many requests are read at once: at most 64 KiB each.
const STEP: usize = 100;

/// How many back-tests run at the same time, of all callers.
const AT_ONCE: usize = 1;

/// How long a caller waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new()
        .route("/v1/me/filter/test", post(test::<S>))
        .layer(Extension(Turns(Arc::new(Semaphore::new(AT_ONCE)))))
}

/// Who waits for a back-test to end before theirs begins.
#[derive(Clone)]
struct Turns(Arc<Semaphore>);

async fn test<S: Store>(
    State(deps): State<Deps<S>>,
    Extension(turns): Extension<Turns>,
    ManagingParty(caller): ManagingParty,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let now = deps.edge.now();
    let asked = body.parse::<Body>()?.check(&caller, now)?;
    let ticket = match key.admit(&deps.edge.store, &caller, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let (stamp, store) = (ticket.stamp(), deps.edge.store);
    let work = async move {
        let text = answer(&store, &turns, asked).await?;
        let answer = idempotency::answer(StatusCode::OK, text);
        idempotency::keep(&store, stamp, &answer).await?;
        Ok::<_, Problem>(answer)
    };
    Ok(idempotency::response(ticket.hold(work).await??))
}

/// What a back-test answers.
#[derive(Serialize)]
struct Answer {
    window: LookedAt,
    would_match: usize,
    would_not_match: usize,
    samples: Samples,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

/// Which time was looked at, and how many requests there were in it.
#[derive(Serialize)]
struct LookedAt {
    from: Timestamp,
    to: Timestamp,
    requests: usize,
    complete: bool,
}

#[derive(Serialize)]
struct Samples {
    matching: Vec<Sample>,
    not_matching: Vec<Sample>,
}

#[derive(Serialize)]
struct Explanation {
    request_id: RequestId,
    #[serde(flatten)]
    explained: Explained,
}

async fn answer<S: Store>(store: &S, turns: &Turns, asked: Asked) -> Result<String, Problem> {
    let explanation = match asked.request_id {
        Some(id) => Some(explain(store, &asked.test, id).await?),
        None => None,
    };
    let turn = tokio::time::timeout(PATIENCE, turns.0.acquire()).await;
    let _turn = turn.map_err(|_| Problem::unavailable("other back-tests are running"))?.map_err(Problem::internal)?;
    let mut window = LookedAt { from: asked.window.from, to: asked.window.to, requests: 0, complete: true };
    let (found, complete) = look(store, &asked).await?;
    if !complete {
        window.from = found.oldest.unwrap_or(window.from);
    }
    let answer = Answer {
        window: LookedAt { requests: found.requests(), complete, ..window },
        would_match: found.would_match,
        would_not_match: found.would_not_match,
        samples: Samples { matching: found.matching, not_matching: found.not_matching },
        explanation,
    };
    serde_json::to_string(&answer).map_err(Problem::internal)
}

/// The request need not lie in the window; but it has to be one that the party may know of.
async fn explain<S: Store>(store: &S, test: &BackTest, id: RequestId) -> Result<Explanation, Problem> {
    let record = store.request(id, false).await?.filter(|record| record.head.environment == test.environment);
    let request = PastRequest::of(&record.ok_or_else(Problem::not_found)?);
    let event = request.event(test.environment).map_err(Problem::internal)?;
    let explained = test.explain(&event).ok_or_else(Problem::not_found)?;
    Ok(Explanation { request_id: id, explained })
}

/// Looks at the requests of the window, newest first; whether that was all of them.
async fn look<S: Store>(store: &S, asked: &Asked) -> Result<(Found, bool), Problem> {
    let until = Instant::now() + LONGEST;
    let test = Arc::new(asked.test.clone());
    let (mut found, mut looked_at, mut cursor) = (Found::new(asked.samples), 0, None);
    loop {
        let query = PageQuery { cursor, limit: STEP.min(MOST - looked_at) };
        let page = store.past_requests(asked.test.environment, asked.window, query).await?;
        looked_at += page.items.len();
        let judging = Instant::now();
        let in_time;
        (found, in_time) = judge(found, page.items, test.clone(), until).await?;
        cursor = page.next_cursor;
        if !in_time || cursor.is_none() || looked_at >= MOST {
            return Ok((found, in_time && cursor.is_none()));
        }
        tokio::time::sleep(judging.elapsed()).await;
    }
}

/// Judges a page on a thread on which nobody else waits; false when the time was over before its end.
async fn judge(
    mut found: Found,
    page: Vec<PastRequest>,
    test: Arc<BackTest>,
    until: Instant,
) -> Result<(Found, bool), Problem> {
    let judged = tokio::task::spawn_blocking(move || {
        for request in page {
            if Instant::now() >= until {
                return Ok((found, false));
            }
            found.look_at(&request, &test)?;
        }
        Ok::<_, serde_json::Error>((found, true))
    });
    judged.await.map_err(Problem::internal)?.map_err(Problem::internal)
}
