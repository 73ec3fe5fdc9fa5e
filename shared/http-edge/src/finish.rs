//! What goes around every service's routes, once: refusals for unknown addresses, panics caught, an id and a
//! line in the log for each request.

use std::{any::Any, sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use event_schema::id::RequestId;
use marketplace_core::ports::{Clock, Randomness};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument, Span, field};
use uuid::Uuid;

use crate::{problem::Problem, rate_limit::Standing};

/// The header with the id under which an answer is found in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where ids of requests come from.
#[derive(Clone)]
struct Ids {
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
}

impl Ids {
    fn next(&self) -> Uuid {
        self.randomness.uuid(self.clock.now())
    }
}

/// Puts the last touches to a server's routes. To be called once, on all of them together.
pub fn finish(routes: Router, clock: Arc<dyn Clock>, randomness: Arc<dyn Randomness>) -> Router {
    routes
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(CatchPanicLayer::custom(answer_of_a_panic))
        .layer(middleware::from_fn_with_state(Ids { clock, randomness }, observe))
}

/// Says in the log which request the present call is about: the id that its events have as `correlation_id`.
pub fn correlate(request: RequestId) {
    Span::current().record("correlation.id", field::display(request));
}

/// The span says what was called and never with what: addresses hold no secrets, queries and headers may.
async fn observe(State(ids): State<Ids>, request: Request, next: Next) -> Response {
    let id = ids.next();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let known = path.clone();
    let span = tracing::info_span!(
        "http",
        call.id = %id,
        correlation.id = field::Empty,
        method = %request.method(),
        path = path.as_ref().map_or("", MatchedPath::as_str),
    );
    let response = answer(id, request, next).instrument(span).await;
    // The route, not the address: as many series as there are routes and statuses.
    let route = known.map_or_else(String::new, |path| path.as_str().to_owned());
    let status = response.status().as_u16().to_string();
    metrics::counter!("marketplace_http_answers_total", "route" => route, "status" => status).increment(1);
    response
}

async fn answer(id: Uuid, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let mut response = Standing::told(next.run(request)).await;
    let duration_ms = began.elapsed().as_secs_f64() * 1_000.0;
    let status = response.status();
    // At thousands of calls a second a line for each that went well is a cost and no help; who wants them asks.
    if status.is_client_error() || status.is_server_error() {
        tracing::info!(status = status.as_u16(), duration_ms, "answered");
    } else {
        tracing::debug!(status = status.as_u16(), duration_ms, "answered");
    }
    let mut buffer = Uuid::encode_buffer();
    if let Ok(id) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut buffer)) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands over the box")]
fn answer_of_a_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    Problem::internal(format!("a handler panicked: {}", text.unwrap_or("without a word"))).into_response()
}

#[cfg(test)]
mod tests;
