//! AWS as the functions see it: calls of `DynamoDB` go on to an engine, all others are kept and answered.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tests::DynamoServer;
use tokio::{net::TcpListener, task::JoinHandle};

/// What `PutEvents` refuses, of all entries that were ever offered.
type Refuses = fn(&Value) -> bool;

/// A call that was made.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Such as `AmazonSQS.SendMessageBatch`, or `POST /v2/email/outbound-emails`.
    pub(crate) name: String,
    /// JSON; null for what is none.
    pub(crate) body: Value,
}

/// The server. It ends when this is dropped.
pub(crate) struct Cloud {
    address: SocketAddr,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

struct Inner {
    engine: DynamoServer,
    client: reqwest::Client,
    calls: Mutex<Vec<Call>>,
    refuses: Mutex<Option<Refuses>>,
    keys: Mutex<Value>,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            engine: DynamoServer::start().await,
            client: reqwest::Client::new(),
            calls: Mutex::default(),
            refuses: Mutex::default(),
            keys: Mutex::new(json!({ "keys": [] })),
        });
        let server = Router::new().fallback(answer).with_state(inner.clone());
        let task = tokio::spawn(async move { axum::serve(listener, server).await.unwrap() });
        Self { address, inner, task }
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The calls of this name so far, oldest first.
    pub(crate) fn calls(&self, name: &str) -> Vec<Value> {
        let calls = self.inner.calls.lock().unwrap();
        calls.iter().filter(|call| call.name == name).map(|call| call.body.clone()).collect()
    }

    /// The names of all calls so far.
    pub(crate) fn names(&self) -> Vec<String> {
        self.inner.calls.lock().unwrap().iter().map(|call| call.name.clone()).collect()
    }

    /// Every entry of `PutEvents` that was taken.
    pub(crate) fn events(&self) -> Vec<Value> {
        let entries = self.calls("AWSEvents.PutEvents").into_iter();
        let all = entries.flat_map(|call| call["Entries"].as_array().cloned().unwrap_or_default());
        all.filter(|entry| entry["refused"].is_null()).collect()
    }

    /// From now on `PutEvents` refuses entries of which this is true.
    pub(crate) fn refuses(&self, refuses: Option<Refuses>) {
        *self.inner.refuses.lock().unwrap() = refuses;
    }

    /// The key set that is answered at `/keys`.
    pub(crate) fn has_keys(&self, keys: Value) {
        *self.inner.keys.lock().unwrap() = keys;
    }
}

async fn answer(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    if target.starts_with("DynamoDB") {
        return pass(&inner, &headers, body).await;
    }
    let name = if target.is_empty() { format!("{method} {}", uri.path()) } else { target.to_owned() };
    let mut body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let answer = match name.as_str() {
        "GET /keys" => Ok(inner.keys.lock().unwrap().clone()),
        "AWSEvents.PutEvents" => Ok(put_events(&inner, &mut body)),
        "AmazonSQS.SendMessageBatch" => Ok(send_message_batch(&body)),
        "POST /v2/email/outbound-emails" => Ok(json!({ "MessageId": "mail-1" })),
        "AWSEvents.ListConnections" => Ok(json!({ "Connections": [] })),
        "AWSEvents.ListRules" => Ok(json!({ "Rules": [] })),
        _ => Err(json!({ "__type": "ResourceNotFoundException", "message": "there is no such thing" })),
    };
    inner.calls.lock().unwrap().push(Call { name, body });
    let (status, answer) = match answer {
        Ok(answer) => (StatusCode::OK, answer),
        Err(fault) => (StatusCode::BAD_REQUEST, fault),
    };
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.1")], answer.to_string()).into_response()
}

async fn pass(inner: &Inner, headers: &HeaderMap, body: Bytes) -> Response {
    let mut ask = inner.client.post(inner.engine.url()).body(body);
    for name in ["authorization", "content-type", "x-amz-target", "x-amz-date"] {
        if let Some(value) = headers.get(name) {
            ask = ask.header(name, value);
        }
    }
    let answer = ask.send().await.unwrap();
    let status = answer.status();
    let text = answer.bytes().await.unwrap();
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], text).into_response()
}

/// Entries that are refused are marked as such in what is kept.
fn put_events(inner: &Inner, body: &mut Value) -> Value {
    let refuses = *inner.refuses.lock().unwrap();
    let offered = inner.calls.lock().unwrap().len();
    let mut answers = vec![];
    for (number, entry) in body["Entries"].as_array_mut().unwrap().iter_mut().enumerate() {
        if refuses.is_some_and(|refuses| refuses(entry)) {
            entry["refused"] = json!(true);
            answers.push(json!({ "ErrorCode": "InternalFailure", "ErrorMessage": "not now" }));
        } else {
            let id = format!("bus-{offered}-{number}");
            entry["id"] = json!(id);
            answers.push(json!({ "EventId": id }));
        }
    }
    let failed = answers.iter().filter(|answer| answer["EventId"].is_null()).count();
    json!({ "FailedEntryCount": failed, "Entries": answers })
}

fn send_message_batch(body: &Value) -> Value {
    let sent = |entry: &Value| json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": md5_free(entry) });
    let entries = body["Entries"].as_array().unwrap();
    json!({ "Successful": entries.iter().map(sent).collect::<Vec<_>>(), "Failed": [] })
}

/// The SDK checks no digest of what it has sent.
fn md5_free(_: &Value) -> &'static str {
    "d41d8cd98f00b204e9800998ecf8427e"
}
