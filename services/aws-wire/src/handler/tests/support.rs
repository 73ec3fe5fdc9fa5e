//! A sink that does as the detail says, and a client that signs.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign},
    sign::v4,
};
use axum::http::HeaderMap;
use tokio::sync::Semaphore;

use super::*;
use crate::{AcceptedEvent, SinkError};

pub(super) const SECRET: &str = "the secret of the tests";

/// 2026-11-21T12:00:00Z.
pub(super) const NOW: Timestamp = Timestamp::constant(1_795_262_400, 0);

/// Takes everything, but what a detail says that it should not.
#[derive(Clone)]
pub(super) struct Sink {
    accepted: Arc<Mutex<Vec<AcceptedEvent>>>,
    waiting: Arc<AtomicU64>,
    permits: Arc<Semaphore>,
}

impl Default for Sink {
    fn default() -> Self {
        let permits = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        Self { accepted: Arc::default(), waiting: Arc::default(), permits }
    }
}

impl Sink {
    pub(super) fn accepted(&self) -> Vec<AcceptedEvent> {
        self.accepted.lock().expect("no test panicked").clone()
    }

    /// From now on, nothing is stored before it is released.
    pub(super) fn hold(&self) {
        self.permits.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn release(&self, events: usize) {
        self.permits.add_permits(events);
    }

    /// How many events have come, stored or not.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl EventSink for Sink {
    async fn accept(&self, event: AcceptedEvent) -> Result<(), SinkError> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.permits.acquire().await.expect("never closed").forget();
        let detail: Value = serde_json::from_str(&event.detail).unwrap_or_default();
        match detail["sink"].as_str() {
            Some("invalid") => Err(SinkError::Invalid("no such thing".to_owned())),
            Some("unavailable") => Err(SinkError::Unavailable),
            Some("unexpected") => Err(SinkError::Unexpected("a secret of the store".into())),
            _ => {
                self.accepted.lock().expect("no test panicked").push(event);
                Ok(())
            }
        }
    }
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// Ids that count up.
#[derive(Default)]
pub(super) struct Counting(AtomicU64);

impl Randomness for Counting {
    fn secret(&self) -> [u8; 32] {
        [0; 32]
    }

    fn uuid(&self, _: Timestamp) -> Uuid {
        Uuid::from_u64_pair(0, self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn fraction(&self) -> f64 {
        0.5
    }
}

pub(super) fn app_with(sink: &Sink) -> Router {
    app_at(sink, Stopped)
}

pub(super) fn app_at(sink: &Sink, clock: impl Clock) -> Router {
    app(Deps {
        sink: sink.clone(),
        clock: Arc::new(clock),
        randomness: Arc::new(Counting::default()),
        secret: SecretString::from(SECRET),
    })
}

/// An entry that may be put.
pub(super) fn entry(detail: &str) -> Value {
    json!({
        "Source": "com.marketplace.market",
        "DetailType": "marketplace requests",
        "Detail": detail,
        "EventBusName": "marketplace",
    })
}

/// What the caller reads.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

/// Signs a call and sends it.
pub(super) async fn call(sink: &Sink, target: &str, body: &str) -> Answer {
    send(app_with(sink), signed(SECRET, target, body)).await
}

pub(super) async fn send(app: Router, request: Request<Body>) -> Answer {
    let (parts, body) = app.oneshot(request).await.expect("infallible").into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body");
    let body = serde_json::from_slice(&body).expect("JSON");
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(super) fn text_of(refusal: &Value) -> &str {
    refusal["message"].as_str().expect("a message")
}

/// A call as AWS's SDKs send and sign it.
pub(super) fn signed(secret: &str, target: &str, body: &str) -> Request<Body> {
    let headers =
        [("host", "127.0.0.1:8080"), ("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
    let identity = Credentials::new(ACCESS_KEY_ID, secret, None, None, "tests").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name(SERVICE)
        .time(NOW.into())
        .settings(SigningSettings::default())
        .build()
        .expect("complete");
    let uri = "http://127.0.0.1:8080/";
    let signable = SignableRequest::new("POST", uri, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
    let params = SigningParams::from(params);
    let signature = sign(signable.expect("valid"), &params).expect("signed");
    let mut request = Request::post("/");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut request = request.body(Body::from(body.to_owned())).expect("a request");
    signature.into_parts().0.apply_to_request_http1x(&mut request);
    request
}
