//! The Lambda Runtime API on a loopback port, for one instance of a function (AWS Lambda Developer Guide, "Using the
//! Lambda runtime API for custom runtimes").

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use marketplace_core::ports::Clock as _;
use platform_base::clock::SystemClock;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
    task::JoinHandle,
    time::timeout,
};

/// How long an invocation may take: as long as the template lets the functions run.
const LONGEST: Duration = Duration::from_secs(30);

/// What a function said.
enum Said {
    Answer(Bytes, Instant),
    Error(String),
}

/// The API of one instance. It ends when this is dropped.
pub(crate) struct RuntimeApi {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    wakes: mpsc::Sender<String>,
    said: mpsc::Receiver<Said>,
    task: JoinHandle<()>,
}

struct Desk {
    wakes: Mutex<mpsc::Receiver<String>>,
    said: mpsc::Sender<Said>,
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RuntimeApi {
    /// Opens one.
    ///
    /// # Errors
    /// There is no free port.
    pub(crate) async fn open() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (wakes, waiting) = mpsc::channel(1);
        let (say, said) = mpsc::channel(1);
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(error))
            .with_state(Arc::new(Desk { wakes: Mutex::new(waiting), said: say }));
        let task = tokio::spawn(async move {
            // It ends with its task.
            let _: std::io::Result<()> = axum::serve(listener, router).await;
        });
        Ok(Self { address, wakes, said, task })
    }

    /// Lays out an event for whoever asks next.
    ///
    /// # Errors
    /// One lies there already.
    pub(crate) fn lay_out(&self, wake: String) -> anyhow::Result<()> {
        self.wakes.try_send(wake).context("the last event was not taken")
    }

    /// Waits for the function's answer; when it came.
    ///
    /// # Errors
    /// The function failed, or did not answer in time.
    pub(crate) async fn answer(&mut self) -> anyhow::Result<(Bytes, Instant)> {
        let said = timeout(LONGEST, self.said.recv()).await.context("the function does not answer")?;
        match said.context("the API has ended")? {
            Said::Answer(answer, at) => Ok((answer, at)),
            Said::Error(error) => anyhow::bail!("the function failed: {error}"),
        }
    }
}

async fn next(State(desk): State<Arc<Desk>>) -> Response {
    let Some(wake) = desk.wakes.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = SystemClock.now().as_millisecond() + i64::try_from(LONGEST.as_millis()).unwrap_or(i64::MAX);
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:bench".to_owned()),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0".to_owned(),
        ),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, wake).into_response()
}

async fn response(State(desk): State<Arc<Desk>>, Path(_): Path<String>, answer: Bytes) -> StatusCode {
    said(&desk, Said::Answer(answer, Instant::now())).await
}

async fn error(State(desk): State<Arc<Desk>>, error: String) -> StatusCode {
    said(&desk, Said::Error(error)).await
}

async fn said(desk: &Desk, said: Said) -> StatusCode {
    match desk.said.send(said).await {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::GONE,
    }
}
