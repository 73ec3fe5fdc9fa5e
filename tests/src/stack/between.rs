//! What stands between the functions and AWS: it sees every call that they make, and lets pass what it is told to.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use super::Emulator;

/// One call of a function.
#[derive(Clone, Debug)]
pub struct Call {
    /// The access key that it was signed with: with authorization on, each function has its own.
    pub key: String,
    /// The service that it was signed for.
    pub service: String,
    /// The operation, where the call names it; else method and path.
    pub operation: String,
    /// The body; null when it is not JSON.
    pub body: Value,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// It is made.
    Passes,
    /// It is made after this time.
    Waits(Duration),
    /// It is not made, and the caller is told that there were too many.
    IsThrottled,
    /// It is made, and its answer is lost.
    LosesItsAnswer,
    /// Of the entries of a `PutEvents` every second one fails; other calls pass.
    FailsByHalf,
}

type Judge = Box<dyn Fn(&Call) -> Fate + Send + Sync>;

struct Shared {
    emulator: OnceLock<String>,
    client: reqwest::Client,
    judge: Judge,
    calls: Mutex<Vec<Call>>,
    denied: Mutex<Vec<String>>,
}

/// The proxy. It ends when this is dropped.
pub struct Between {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Between {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Between {
    /// One that decides like this; it answers nothing before it is told where the emulator is.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(judge: impl Fn(&Call) -> Fate + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let shared = Shared {
            emulator: OnceLock::new(),
            client,
            judge: Box::new(judge),
            calls: Mutex::default(),
            denied: Mutex::default(),
        };
        let shared = Arc::new(shared);
        let proxy = Router::new().fallback(meet).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, proxy).await.expect("served") });
        Self { address, shared, task }
    }

    /// Its address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Calls go on to this emulator.
    pub fn leads_to(&self, emulator: &Emulator) {
        self.shared.emulator.set(emulator.url()).ok();
    }

    /// Every call so far.
    ///
    /// # Panics
    /// Never: nobody panics with it.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().expect("nobody panics with it").clone()
    }

    /// What functions were denied so far, because their roles do not allow it.
    ///
    /// # Panics
    /// Never: nobody panics with it.
    #[must_use]
    pub fn denied(&self) -> Vec<String> {
        self.shared.denied.lock().expect("nobody panics with it").clone()
    }
}

/// How AWS says that a role does not allow something.
const DENIALS: [&str; 3] = ["AccessDenied", "not authorized", "UnauthorizedOperation"];

async fn meet(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let call = read(&method, &uri, &headers, &body);
    let fate = (shared.judge)(&call);
    shared.calls.lock().expect("nobody panics with it").push(call.clone());
    match fate {
        Fate::Passes => pass(&shared, method, uri, headers, body).await,
        Fate::Waits(time) => {
            tokio::time::sleep(time).await;
            pass(&shared, method, uri, headers, body).await
        }
        Fate::IsThrottled => {
            let problem = json!({ "__type": "ThrottlingException", "message": "too many" });
            (StatusCode::BAD_REQUEST, problem.to_string()).into_response()
        }
        Fate::LosesItsAnswer => {
            pass(&shared, method, uri, headers, body).await;
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Fate::FailsByHalf if call.operation == "PutEvents" => fail_by_half(&shared, &uri, &headers, call.body).await,
        Fate::FailsByHalf => pass(&shared, method, uri, headers, body).await,
    }
}

fn read(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Call {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    // `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, ...`
    let authorization = text(header::AUTHORIZATION);
    let scope = authorization.split("Credential=").nth(1).unwrap_or_default();
    let scope: Vec<_> = scope.split(['/', ',']).collect();
    let part = |number: usize| (*scope.get(number).unwrap_or(&"")).to_owned();
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).and_then(|at| at.split('.').nth(1));
    let form = || std::str::from_utf8(body).ok()?.split('&').find_map(|field| field.strip_prefix("Action="));
    let operation = target.or_else(form).map_or_else(|| format!("{method} {}", uri.path()), str::to_owned);
    Call { key: part(0), service: part(3), operation, body: serde_json::from_slice(body).unwrap_or_default() }
}

async fn pass(shared: &Shared, method: Method, uri: Uri, mut headers: HeaderMap, body: Bytes) -> Response {
    let Some(emulator) = shared.emulator.get() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    headers.remove(header::CONTENT_LENGTH);
    let url = format!("{emulator}{uri}");
    match shared.client.request(method, url).headers(headers).body(body).send().await {
        Ok(answer) => {
            let (status, mut headers) = (answer.status(), answer.headers().clone());
            for hop in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
                headers.remove(hop);
            }
            match answer.bytes().await {
                Ok(body) => {
                    let text = String::from_utf8_lossy(&body);
                    if status.is_client_error() && DENIALS.iter().any(|denial| text.contains(denial)) {
                        shared.denied.lock().expect("nobody panics with it").push(text.into_owned());
                    }
                    (status, headers, body).into_response()
                }
                Err(_) => StatusCode::BAD_GATEWAY.into_response(),
            }
        }
        // The emulator is gone, and with it whoever asks.
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// Puts every second entry and says of the others that they failed.
async fn fail_by_half(shared: &Shared, uri: &Uri, headers: &HeaderMap, body: Value) -> Response {
    let entries = body["Entries"].as_array().cloned().unwrap_or_default();
    let good: Vec<_> = entries.iter().skip(1).step_by(2).cloned().collect();
    let mut put = vec![];
    if !good.is_empty() {
        let body = json!({ "Entries": good }).to_string().into();
        let answer = pass(shared, Method::POST, uri.clone(), headers.clone(), body).await;
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap_or_default();
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        put = answer["Entries"].as_array().cloned().unwrap_or_default();
    }
    let mut put = put.into_iter();
    let failed = json!({ "ErrorCode": "ThrottlingException", "ErrorMessage": "too many" });
    let result = |number: usize| if number % 2 == 1 { put.next().unwrap_or(failed.clone()) } else { failed.clone() };
    let results: Vec<_> = (0..entries.len()).map(result).collect();
    let count = results.iter().filter(|result| !result["ErrorCode"].is_null()).count();
    let answer = json!({ "FailedEntryCount": count, "Entries": results }).to_string();
    ([(header::CONTENT_TYPE, "application/x-amz-json-1.1")], answer).into_response()
}
