//! Bad weather between the store and `DynamoDB`: a proxy that turns away, loses answers, and lets indexes lag behind.
//!
//! Which calls meet with what is drawn from a fixed seed; which call is the n-th depends on the tasks' order.

use std::{
    collections::{HashMap, HashSet},
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// Of a hundred calls, so many are turned away: throttled, or in conflict with another transaction.
const TURNED_AWAY: u64 = 10;

/// Of a hundred calls, the answers of so many are lost.
const LOST: u64 = 5;

/// Of a hundred questions to an index that was asked the same before, so many get the earlier answer.
const STALE: u64 = 25;

/// The proxy. It ends when this is dropped.
pub(crate) struct Faults {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Faults {
    /// Starts one in front of the engine at this address.
    pub(crate) async fn start(engine: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let weather = Weather {
            engine,
            client: reqwest::Client::new(),
            drawn: AtomicU64::new(0x5eed),
            answers: Mutex::default(),
            tokens: Mutex::default(),
        };
        let proxy = Router::new().fallback(pass).with_state(Arc::new(weather));
        let task = tokio::spawn(async move { axum::serve(listener, proxy).await.expect("served") });
        Self { address, task }
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

struct Weather {
    engine: String,
    client: reqwest::Client,
    drawn: AtomicU64,
    /// The last answer to each question that was asked of an index.
    answers: Mutex<HashMap<Bytes, Bytes>>,
    /// The tokens of transactions that the engine has seen: those it has made are in conflict with nothing any more.
    tokens: Mutex<HashSet<String>>,
}

impl Weather {
    /// A number below a hundred: the next of a `SplitMix64` sequence.
    fn draw(&self) -> u64 {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.drawn.fetch_add(GOLDEN, Ordering::Relaxed).wrapping_add(GOLDEN);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 100
    }

    async fn ask(&self, headers: &HeaderMap, body: &Bytes) -> (StatusCode, Bytes) {
        let mut ask = self.client.post(&self.engine).body(body.clone());
        for name in [header::AUTHORIZATION, header::CONTENT_TYPE, TARGET, DATE] {
            if let Some(value) = headers.get(&name) {
                ask = ask.header(name, value);
            }
        }
        let answer = ask.send().await.expect("the engine answers");
        (answer.status(), answer.bytes().await.expect("a whole answer"))
    }
}

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const DATE: HeaderName = HeaderName::from_static("x-amz-date");

async fn pass(State(weather): State<Arc<Weather>>, headers: HeaderMap, body: Bytes) -> Response {
    let question: Value = serde_json::from_slice(&body).expect("JSON");
    let luck = weather.draw();
    let token = question["ClientRequestToken"].as_str().unwrap_or_default().to_owned();
    if luck < TURNED_AWAY {
        let repeated = weather.tokens.lock().expect("no panic").contains(&token);
        return turned_away(&question, repeated, luck);
    }
    weather.tokens.lock().expect("no panic").insert(token);
    let of_an_index = question.get("IndexName").is_some();
    if of_an_index
        && weather.draw() < STALE
        && let Some(earlier) = weather.answers.lock().expect("no panic").get(&body).cloned()
    {
        return answer(StatusCode::OK, earlier);
    }
    let (status, text) = weather.ask(&headers, &body).await;
    if of_an_index && status.is_success() {
        weather.answers.lock().expect("no panic").insert(body, text.clone());
    }
    if luck < TURNED_AWAY + LOST {
        return fault(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", &[]);
    }
    answer(status, text)
}

/// What is turned away was not done.
fn turned_away(question: &Value, repeated: bool, luck: u64) -> Response {
    let bad_request = |code, reasons: &[Value]| fault(StatusCode::BAD_REQUEST, code, reasons);
    match (question["TransactItems"].as_array(), luck % 2) {
        (Some(items), 0) if !repeated => {
            let mut reasons = vec![json!({ "Code": "None" }); items.len()];
            reasons[0] = json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" });
            bad_request("TransactionCanceledException", &reasons)
        }
        (_, 0) => bad_request("ThrottlingException", &[]),
        _ => bad_request("ProvisionedThroughputExceededException", &[]),
    }
}

fn fault(status: StatusCode, code: &str, reasons: &[Value]) -> Response {
    let mut body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "bad weather" });
    if !reasons.is_empty() {
        body["CancellationReasons"] = reasons.into();
    }
    answer(status, body.to_string().into())
}

fn answer(status: StatusCode, body: Bytes) -> Response {
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], body).into_response()
}
