//! What the gateway is measured against: a plain forwarder that stores nothing.
//!
//! An axum handler puts the body into a bounded queue and answers; lanes take it from there and POST it on with
//! reqwest, all of it on the runtime that tokio makes by default, as the gateway's is.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post, serve::ListenerExt as _};
use reqwest::{
    Client, Method, Request, Url,
    header::{CONTENT_TYPE, HeaderValue},
};
use tokio::{net::TcpListener, sync::mpsc};

/// How many requests are on their way to the sink at once.
const LANES: usize = 64;

/// How many wait for each lane; more than that and the handler waits.
const QUEUE: usize = 32;

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
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let lanes = Lanes::start(arguments.endpoints.into())?;
    let app = Router::new().route("/v1/requests", post(accept)).with_state(Arc::new(lanes));
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    // Should it end early, that shows in what is not delivered.
    tokio::spawn(axum::serve(listener, app).into_future());
    announce(address);
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
    Ok(())
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
