//! A third party's server that answers exactly the bytes a test wants, and remembers what it was sent.

use std::{
    future::pending,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use event_schema::id::MessageId;
use jiff::Timestamp;
use marketplace_core::{
    delivery::{DeliverySettings, PushSettings, resolve},
    signing::Seed,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use webhook_sender::{AttemptReport, Endpoint, OutgoingMessage, Sender, SenderConfig};

pub(crate) const NOW: Timestamp = Timestamp::constant(1_800_000_000, 123_456_789);
pub(crate) const BODY: &str = r#"{"type": "offer.created",  "note": "bytes stay as they are: é"}"#;

/// One request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// `POST /path HTTP/1.1`.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    /// The one header of this name; a header that is there twice is a fault of ours.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice: {self:?}");
        value
    }
}

/// What the stub does once it has read a request.
pub(crate) enum Reply {
    /// Sends these bytes and waits for the next request.
    Send(Vec<u8>),
    /// Sends these bytes and leaves the connection open and silent.
    Stall(Vec<u8>),
    /// Sends the first bytes, and then the second ones again and again.
    Endless(Vec<u8>, Vec<u8>),
    /// Sends these bytes and closes the connection.
    Close(Vec<u8>),
    /// Resets the connection.
    Reset,
}

impl Reply {
    /// An answer with a status, more headers (each ended by CR LF) and a body.
    pub(crate) fn with(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Send(format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes())
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::with(status, "", "")
    }
}

/// A server on a loopback port; it ends with the test's runtime.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
}

impl Stub {
    /// Answers the `n`-th request (from 0) with `reply(n, request)`.
    pub(crate) async fn start(reply: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stub =
            Self { address: listener.local_addr().unwrap(), received: Arc::default(), connections: Arc::default() };
        let (received, connections) = (Arc::clone(&stub.received), Arc::clone(&stub.connections));
        let reply = Arc::new(reply);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, Arc::clone(&received), Arc::clone(&reply)));
            }
        });
        stub
    }

    pub(crate) async fn always(status: u16) -> Self {
        Self::start(move |_, _| Reply::status(status)).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn serve(
    mut stream: TcpStream,
    received: Arc<Mutex<Vec<Received>>>,
    reply: Arc<impl Fn(usize, &Received) -> Reply>,
) {
    while let Some(request) = read(&mut stream).await {
        let number = {
            let mut received = received.lock().unwrap();
            received.push(request.clone());
            received.len() - 1
        };
        // The client may hang up at any time; that is its right.
        match reply(number, &request) {
            Reply::Send(bytes) => drop(stream.write_all(&bytes).await),
            Reply::Stall(bytes) => {
                drop(stream.write_all(&bytes).await);
                pending::<()>().await;
            }
            Reply::Endless(first, again) => {
                let mut sent = stream.write_all(&first).await;
                while sent.is_ok() {
                    sent = stream.write_all(&again).await;
                }
                return;
            }
            Reply::Close(bytes) => return drop(stream.write_all(&bytes).await),
            Reply::Reset => return stream.set_zero_linger().unwrap(),
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.split("\r\n").map(str::to_owned);
    let line = lines.next()?;
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let mut request = Received { line, headers, body: String::new() };
    let length = request.header("content-length").map_or(0, |value| value.parse().unwrap());
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    request.body = String::from_utf8(bytes.split_off(head_end + 4)).unwrap();
    Some(request)
}

/// Settings as they are stored after a body was taken.
pub(crate) fn settings(url: &str, auth: Value) -> PushSettings {
    taken(json!({"mode": "push", "url": url, "auth": auth}))
}

/// Settings by which messages are signed in this way, without credentials.
pub(crate) fn signed_settings(url: &str, signature: &str) -> PushSettings {
    let auth = json!({"type": "none"});
    taken(json!({
        "mode": "push", "url": url, "auth": auth, "transport": "direct", "signed": true, "signature": signature,
    }))
}

fn taken(body: Value) -> PushSettings {
    let seed = Seed { bits: [0x5e; 32], at: NOW };
    match resolve(serde_json::from_value(body).unwrap(), None, true, &seed).unwrap() {
        DeliverySettings::Push(push) => *push,
        DeliverySettings::Poll => panic!("it is a push"),
    }
}

pub(crate) fn oauth(stub: &Stub, tokens: &Stub) -> PushSettings {
    let auth = json!({
        "type": "oauth-client-credentials",
        "token_url": tokens.url("/token"),
        "client_id": "market place",
        "client_secret": "s3cret/+%",
        "scope": "offers:write offers:read",
    });
    settings(&stub.url("/hook"), auth)
}

pub(crate) fn sender(allow_private: bool, timeout_ms: u64) -> Sender {
    let timeout = Duration::from_millis(timeout_ms);
    Sender::new(&SenderConfig { allow_private, timeout, ..SenderConfig::default() }).unwrap()
}

pub(crate) fn message() -> OutgoingMessage {
    OutgoingMessage { id: MessageId([0xab; 16]), body: BODY.into() }
}

/// One attempt at an endpoint without credentials, with 5 s of time.
pub(crate) async fn attempt(url: &str) -> AttemptReport {
    attempt_within(url, 5_000).await
}

pub(crate) async fn attempt_within(url: &str, timeout_ms: u64) -> AttemptReport {
    let sender = sender(true, timeout_ms);
    let endpoint = sender.endpoint(&settings(url, json!({"type": "none"}))).unwrap();
    send(&sender, &endpoint).await
}

pub(crate) async fn send(sender: &Sender, endpoint: &Endpoint) -> AttemptReport {
    sender.attempt(endpoint, &message(), NOW).await
}
