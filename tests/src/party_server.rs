//! A third party's server: a real one on loopback that does what a test tells it to, and remembers what it was sent.
//!
//! It speaks HTTP/1.1 by hand, so that tests see every header as it was sent and can hang up or keep silent.

use std::{
    collections::HashMap,
    future::pending,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{described, eventually};

/// One request as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    /// When its last byte was read.
    pub at: Instant,
    /// Such as `POST`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// The names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Received {
    /// The one header of this name.
    ///
    /// # Panics
    /// When it is there twice.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(found, _)| found == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice: {self:?}");
        value
    }

    /// The message's id.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn webhook_id(&self) -> &str {
        self.header("webhook-id").expect("every message has an id")
    }

    /// The body.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The message's type.
    #[must_use]
    pub fn kind(&self) -> String {
        text(&self.json()["type"])
    }

    /// The offer that the message is about.
    #[must_use]
    pub fn delivery_id(&self) -> String {
        text(&self.json()["data"]["delivery_id"])
    }

    /// The request that the message is about.
    #[must_use]
    pub fn request_id(&self) -> String {
        text(&self.json()["data"]["request"]["id"])
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

/// What the server does once it has read a request.
#[derive(Clone, Debug)]
pub struct Reply {
    kind: Kind,
    after: Duration,
    gate: Option<watch::Receiver<bool>>,
}

#[derive(Clone, Debug)]
enum Kind {
    Answer { status: u16, headers: String, body: String },
    HangUp,
    Reset,
    HalfClose,
    SlowBody,
    Silence,
}

impl Reply {
    /// Answers with this status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::new(Kind::Answer { status, headers: String::new(), body: String::new() })
    }

    /// Is not there: what the managed transport gives up at once; see [`Market::join_refusing`](crate::Market::join_refusing).
    #[must_use]
    pub fn never_again() -> Self {
        Self::status(404)
    }

    /// Answers 200 with a JSON body.
    #[must_use]
    pub fn json(body: &Value) -> Self {
        let headers = "content-type: application/json\r\n".to_owned();
        Self::new(Kind::Answer { status: 200, headers, body: body.to_string() })
    }

    /// Closes the connection without an answer.
    #[must_use]
    pub fn hang_up() -> Self {
        Self::new(Kind::HangUp)
    }

    /// Resets the connection without an answer.
    #[must_use]
    pub fn reset() -> Self {
        Self::new(Kind::Reset)
    }

    /// Says that it will say nothing more, and goes on listening.
    #[must_use]
    pub fn half_close() -> Self {
        Self::new(Kind::HalfClose)
    }

    /// Answers 500 at once, and with its body a byte at a time, without end.
    #[must_use]
    pub fn slow_body() -> Self {
        Self::new(Kind::SlowBody)
    }

    /// Never answers.
    #[must_use]
    pub fn silence() -> Self {
        Self::new(Kind::Silence)
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Kind::Answer { headers, .. } = &mut self.kind {
            headers.push_str(&format!("{name}: {value}\r\n"));
        }
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, text: &str) -> Self {
        if let Kind::Answer { body, .. } = &mut self.kind {
            text.clone_into(body);
        }
        self
    }

    /// The same, but this much later: how slow the third party is.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    /// The same, but not before this is true.
    #[must_use]
    pub fn once(mut self, gate: &watch::Sender<bool>) -> Self {
        self.gate = Some(gate.subscribe());
        self
    }

    fn new(kind: Kind) -> Self {
        Self { kind, after: Duration::ZERO, gate: None }
    }
}

/// Decides on the answer to the `n`-th request (from 0) at one path.
type Behaviour = Arc<dyn Fn(usize, &Received) -> Reply + Send + Sync>;

struct State {
    behaviour: Behaviour,
    received: Vec<Received>,
    by_path: HashMap<String, usize>,
    /// Whether its party has fields of its own, of which third parties are told nothing.
    maps: bool,
    /// How messages differed from what third parties are told of them.
    faults: Vec<String>,
}

impl State {
    fn take_in(&mut self, request: &Received) {
        self.received.push(request.clone());
        // Whatever else comes, such as calls for tokens, is no message.
        if request.header("webhook-id").is_some() && !self.maps {
            self.faults.extend(described::faults(request));
        }
    }

    /// What was received, which is what third parties are told that they receive.
    fn described(&self) -> &[Received] {
        assert!(self.faults.is_empty(), "third-party.yaml describes something else: {:#?}", self.faults);
        &self.received
    }
}

/// What a server received, as long as anybody wants to know.
#[derive(Clone)]
pub struct Log(Arc<Mutex<State>>);

impl Log {
    /// Everything so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        lock(&self.0).described().to_vec()
    }
}

/// The server. It ends when it is dropped.
pub struct PartyServer {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

impl PartyServer {
    /// A server that answers the `n`-th request (from 0) at each path with `behaviour(n, request)`.
    pub async fn start(behaviour: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self::serve(listener, behaviour)
    }

    /// A server that gives the same answer to everything.
    pub async fn always(reply: Reply) -> Self {
        Self::start(move |_, _| reply.clone()).await
    }

    /// A server that gives these answers, in turn at each path, and the last one from then on.
    pub async fn answers(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Vec<_> = replies.into_iter().collect();
        Self::start(move |number, _| replies[number.min(replies.len() - 1)].clone()).await
    }

    fn serve(listener: TcpListener, behaviour: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().expect("bound");
        let (received, by_path, faults) = (Vec::new(), HashMap::new(), Vec::new());
        let state = State { behaviour: Arc::new(behaviour), received, by_path, maps: false, faults };
        let state = Arc::new(Mutex::new(state));
        let accepting = tokio::spawn(accept(listener, state.clone()));
        Self { address, state, accepting }
    }

    /// The endpoint of a party with a mapping: what it gets has fields of the party's own.
    #[must_use]
    pub fn that_maps(self) -> Self {
        lock(&self.state).maps = true;
        self
    }

    /// From now on it behaves like this; counting begins anew.
    pub fn becomes(&self, behaviour: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) {
        let mut state = lock(&self.state);
        state.behaviour = Arc::new(behaviour);
        state.by_path.clear();
    }

    /// The address of a path on it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything that was received so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state).described().to_vec()
    }

    /// The same for somebody else to look at.
    #[must_use]
    pub fn log(&self) -> Log {
        Log(self.state.clone())
    }

    /// What was received at one path.
    #[must_use]
    pub fn received_at(&self, path: &str) -> Vec<Received> {
        self.received().into_iter().filter(|received| received.path == path).collect()
    }

    /// Waits until so many requests came in, and answers all of them.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let what = format!("{count} requests at {}", self.address);
        eventually(what, async || Some(self.received()).filter(|received| received.len() >= count)).await
    }

    /// Waits for a message of this type about this request.
    pub async fn wait_for_message(&self, kind: &str, request: &str) -> Received {
        let fits = |received: &Received| received.kind() == kind && received.request_id() == request;
        eventually(format!("{kind} about {request}"), async || self.received().into_iter().find(fits)).await
    }

    /// Ends it, and every connection; then its port is free.
    pub async fn close(mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for PartyServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A port on which nobody listens: connections to it are refused. It stays reserved, and a server may open on it.
pub struct ClosedDoor {
    /// Where nobody listens.
    pub address: SocketAddr,
    socket: TcpSocket,
}

/// A socket whose port another one of the same process may listen on.
fn reusable() -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option of every socket");
    socket
}

impl ClosedDoor {
    /// Reserves a port.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it takes a port; that is no default")]
    pub fn new() -> Self {
        let socket = reusable();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        Self { address: socket.local_addr().expect("bound"), socket }
    }

    /// Opens a server there for a while: once it is closed, connections are refused again.
    ///
    /// # Panics
    /// When the port cannot be listened on.
    #[must_use]
    pub fn open_for_now(&self, behaviour: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> PartyServer {
        let socket = reusable();
        socket.bind(self.address).expect("a port of ours");
        PartyServer::serve(socket.listen(1_024).expect("a bound socket"), behaviour)
    }

    /// The address of a path on it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Opens a server there.
    ///
    /// # Panics
    /// When the port cannot be listened on.
    #[must_use]
    pub fn open(self, behaviour: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> PartyServer {
        PartyServer::serve(self.socket.listen(64).expect("a bound socket listens"), behaviour)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no behaviour panics")
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    // Connections end with the set, and the set with this task.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, state.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut unread = Vec::new();
    while let Some(request) = read(&mut stream, &mut unread).await {
        let (behaviour, number) = {
            let mut state = lock(&state);
            let number = *state.by_path.entry(request.path.clone()).and_modify(|number| *number += 1).or_insert(0);
            state.take_in(&request);
            (state.behaviour.clone(), number)
        };
        let reply = behaviour(number, &request);
        if let Some(mut gate) = reply.gate {
            // A gate that is gone stays as it was.
            drop(gate.wait_for(|open| *open).await);
        }
        if !reply.after.is_zero() {
            tokio::time::sleep(reply.after).await;
        }
        match reply.kind {
            Kind::Answer { status, headers, body } => {
                let length = body.len();
                let text = format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {length}\r\n\r\n{body}");
                // The client may have hung up; that is its right.
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Kind::HangUp => return,
            Kind::Reset => {
                // What was said and not acknowledged is not said again: the other side gets a reset.
                let _ = stream.set_zero_linger();
                return;
            }
            Kind::HalfClose => {
                let _ = stream.shutdown().await;
                while stream.read_buf(&mut unread).await.is_ok_and(|read| read > 0) {}
                return;
            }
            Kind::SlowBody => return answer_slowly(&mut stream).await,
            Kind::Silence => pending().await,
        }
    }
}

/// Until the client hangs up.
async fn answer_slowly(stream: &mut TcpStream) {
    let head = "HTTP/1.1 500 Status\r\ncontent-length: 1000000\r\n\r\n";
    let mut said = stream.write_all(head.as_bytes()).await;
    while said.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        said = stream.write_all(b".").await;
    }
}

/// Reads one request; `None` when the client is gone.
async fn read(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<Received> {
    let head_end = loop {
        if let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(unread).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(unread[..head_end].to_vec()).expect("a head in ASCII");
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let header = |line: &str| {
        let (name, value) = line.split_once(':').expect("a header has a colon");
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let headers: Vec<_> = lines.map(header).collect();
    let mut received = Received { at: Instant::now(), method, path, headers, body: String::new() };
    let length = received.header("content-length").map_or(0, |length| length.parse().expect("a number"));
    let end = head_end + 4 + length;
    while unread.len() < end {
        if stream.read_buf(unread).await.ok()? == 0 {
            return None;
        }
    }
    let rest = unread.split_off(end);
    received.body = String::from_utf8(unread.split_off(head_end + 4)).expect("a body in UTF-8");
    received.at = Instant::now();
    *unread = rest;
    Some(received)
}
