//! One loopback server for everything that functions call besides the table: EventBridge, SQS, KMS and SES as far as
//! they are called, the keys of users' tokens, and a third party's endpoint.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// The server. It ends when this is dropped.
pub(crate) struct StandIn {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl StandIn {
    /// Starts one that tells this JWK set.
    ///
    /// # Errors
    /// There is no free port.
    pub(crate) async fn start(key_set: String) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/jwks.json", get(|State(keys): State<Arc<str>>| async move { keys.to_string() }))
            .route("/offers", post(|| async { StatusCode::ACCEPTED }))
            .route("/v2/email/outbound-emails", post(|| async { json!({ "MessageId": "1" }).to_string() }))
            .route("/", post(call))
            .with_state(Arc::from(key_set));
        let task = tokio::spawn(async move {
            // It ends with its task.
            let _: std::io::Result<()> = axum::serve(listener, router).await;
        });
        Ok(Self { address, task })
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A call in AWS's JSON protocols.
async fn call(headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let question: Value = serde_json::from_slice(&body).unwrap_or_default();
    let count = |list: &str| question[list].as_array().map_or(0, Vec::len);
    let answer = match target.rsplit('.').next().unwrap_or_default() {
        "PutEvents" => {
            let entries: Vec<Value> =
                (0..count("Entries")).map(|entry| json!({ "EventId": entry.to_string() })).collect();
            json!({ "FailedEntryCount": 0, "Entries": entries })
        }
        "SendMessageBatch" => {
            let sent = |entry: usize| json!({ "Id": entry.to_string(), "MessageId": "1", "MD5OfMessageBody": "0" });
            json!({ "Successful": (0..count("Entries")).map(sent).collect::<Vec<_>>(), "Failed": [] })
        }
        // What is sealed here is not sealed at all.
        "Encrypt" => json!({ "CiphertextBlob": question["Plaintext"], "KeyId": question["KeyId"] }),
        "Decrypt" => json!({ "Plaintext": question["CiphertextBlob"], "KeyId": question["KeyId"] }),
        _ => return (StatusCode::NOT_IMPLEMENTED, target.to_owned()).into_response(),
    };
    ([("content-type", "application/x-amz-json-1.1")], answer.to_string()).into_response()
}
