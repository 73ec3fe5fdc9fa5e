//! `POST /`: who calls, which operation, and the answer in the shape of AWS JSON 1.1.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, FromRequest as _, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::post,
};
use jiff::Timestamp;
use marketplace_core::ports::{Clock, Randomness};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{error::WireError, put_events, sigv4::Verifier, sink::EventSink, test_event_pattern};

/// The access key id that callers sign with (DESIGN section 7).
pub const ACCESS_KEY_ID: &str = "marketplace";

/// No body is longer than this, in bytes. The limit of EventBridge itself, [`crate::MAX_TOTAL_BYTES`], is on what is
/// put; JSON within JSON is longer on the wire, since its quotes are escaped.
pub const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// The service that signatures are for.
const SERVICE: &str = "events";

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const JSON_1_1: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");

/// What this protocol needs of the outside.
pub struct Deps<S> {
    /// Takes the events.
    pub sink: S,
    /// For signatures' age and events without a time.
    pub clock: Arc<dyn Clock>,
    /// For ids of events and calls.
    pub randomness: Arc<dyn Randomness>,
    /// The secret access key of [`ACCESS_KEY_ID`].
    pub secret: SecretString,
}

struct Shared<S> {
    sink: S,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    verifier: Verifier,
}

/// The router of `POST /`. It limits bodies itself.
pub fn app<S: EventSink>(deps: Deps<S>) -> Router {
    let verifier = Verifier::new(ACCESS_KEY_ID, &deps.secret, SERVICE);
    let Deps { sink, clock, randomness, secret: _ } = deps;
    let shared = Arc::new(Shared { sink, clock, randomness, verifier });
    Router::new().route("/", post(handle::<S>)).with_state(shared)
}

async fn handle<S: EventSink>(State(shared): State<Arc<Shared<S>>>, request: Request) -> Response {
    let now = shared.clock.now();
    let id = shared.randomness.uuid(now);
    let answer = answer(&shared, now, request).await;
    encode(id, answer)
}

async fn answer<S: EventSink>(shared: &Shared<S>, now: Timestamp, request: Request) -> Result<Value, WireError> {
    let (parts, body) = request.into_parts();
    let claim = shared.verifier.claim(&parts, now)?;
    let body = read(body).await?;
    shared.verifier.check(&claim, &parts, &body)?;
    match parts.headers.get(TARGET).map(HeaderValue::as_bytes) {
        Some(b"AWSEvents.PutEvents") => put_events::put_events(&body, &shared.sink, &*shared.randomness, now).await,
        Some(b"AWSEvents.TestEventPattern") => test_event_pattern::test_event_pattern(&body),
        _ => Err(WireError::UnknownOperation),
    }
}

async fn read(body: Body) -> Result<Bytes, WireError> {
    let mut limited = Request::new(body);
    DefaultBodyLimit::max(MAX_BODY_BYTES).apply(&mut limited);
    Bytes::from_request(limited, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => WireError::TooLarge(MAX_BODY_BYTES),
        _ => WireError::Unreadable,
    })
}

fn encode(id: Uuid, answer: Result<Value, WireError>) -> Response {
    let request_id = id.to_string();
    let (status, code, body) = match answer {
        Ok(body) => (StatusCode::OK, None, body),
        Err(error) => {
            let code = error.code();
            tracing::info!(call.id = %request_id, error.code = code, "call refused");
            (error.status(), Some(code), json!({ "__type": code, "message": error.to_string() }))
        }
    };
    let mut response = (status, body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON_1_1);
    if let Ok(value) = HeaderValue::try_from(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    if let Some(code) = code {
        headers.insert(ERROR_TYPE, HeaderValue::from_static(code));
    }
    response
}

#[cfg(test)]
mod tests;
