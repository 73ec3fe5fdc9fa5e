//! What the gateway is measured against: a forwarder that stores nothing, made to be as fast as it can be.
//!
//! An axum handler puts the body into a bounded queue and answers; a fixed number of lanes take it from there and
//! POST it on with reqwest. There are as many threads as the gateway's runtime has, each with a listener, a client
//! and lanes of its own: tried against one runtime over all threads, that took a fifth less processor time.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post, serve::ListenerExt as _};
use reqwest::{
    Client, Method, Request, Url,
    header::{CONTENT_TYPE, HeaderValue},
};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::mpsc,
};

use crate::thread::Thread;

/// How many requests each thread has on their way to the sink at once.
const LANES: usize = 32;

/// How many wait for each lane; more than that and the handler waits.
const QUEUE: usize = 32;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Where everything goes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Each body is sent to all of these.
    endpoints: Vec<Url>,
}

struct Job {
    endpoint: usize,
    body: Bytes,
}

struct Lanes {
    senders: Vec<mpsc::Sender<Job>>,
    next: AtomicUsize,
    endpoints: usize,
}

/// Runs until standard input ends, which is when whoever started it is gone. Prints its address first.
///
/// # Errors
/// It cannot listen.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let first = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..available_parallelism()?.get() {
        listeners.push(listen(address)?);
    }
    let endpoints: Arc<[Url]> = arguments.endpoints.into();
    let threads: Vec<Thread> = listeners.iter().map(|_| Thread::start("forwarder")).collect::<Result<_, _>>()?;
    for (thread, listener) in threads.iter().zip(listeners) {
        // Should one end early, that shows in what is not delivered.
        thread.handle().spawn(serve(listener, endpoints.clone()));
    }
    announce(address);
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
    Ok(())
}

/// The system deals the connections out among all who listen like this.
fn listen(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

async fn serve(listener: std::net::TcpListener, endpoints: Arc<[Url]>) -> anyhow::Result<()> {
    let app = Router::new().route("/v1/requests", post(accept)).with_state(Arc::new(Lanes::start(endpoints)?));
    let listener = TcpListener::from_std(listener)?.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    Ok(axum::serve(listener, app).await?)
}

#[expect(clippy::print_stdout, reason = "whoever started it waits for this line")]
fn announce(address: SocketAddr) {
    println!("{address}");
}

async fn accept(State(lanes): State<Arc<Lanes>>, body: Bytes) -> StatusCode {
    for endpoint in 0..lanes.endpoints {
        let lane = lanes.next.fetch_add(1, Ordering::Relaxed) % LANES;
        let job = Job { endpoint, body: body.clone() };
        if lanes.senders[lane].send(job).await.is_err() {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
    }
    StatusCode::ACCEPTED
}

impl Lanes {
    fn start(endpoints: Arc<[Url]>) -> reqwest::Result<Self> {
        let client =
            Client::builder().no_proxy().http1_only().tcp_nodelay(true).pool_max_idle_per_host(LANES).build()?;
        let count = endpoints.len();
        let lane = |_| {
            let (sender, jobs) = mpsc::channel(QUEUE);
            tokio::spawn(forward(client.clone(), endpoints.clone(), jobs));
            sender
        };
        Ok(Self { senders: (0..LANES).map(lane).collect(), next: AtomicUsize::new(0), endpoints: count })
    }
}

async fn forward(client: Client, endpoints: Arc<[Url]>, mut jobs: mpsc::Receiver<Job>) {
    while let Some(Job { endpoint, body }) = jobs.recv().await {
        let mut request = Request::new(Method::POST, endpoints[endpoint].clone());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(body.into());
        // It keeps nothing, so what fails is lost; the ledger would show it.
        let _ = client.execute(request).await;
    }
}
