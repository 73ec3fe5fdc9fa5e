//! The REST API that a simulated third party hosts, with its faults.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
    serve::Listener,
};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use super::{
    Party,
    work::{self, Message},
};
use crate::demo::cast::Manner;

/// Where a party takes messages.
pub(super) const PATH: &str = "/offers";

/// Where nothing is any more.
pub(super) const OLD_PATH: &str = "/gone";

/// A flaky party drops every so manieth connection before it has read anything.
const DROPPED: u64 = 6;

/// A flaky party fails no message more often than this on purpose, so that the demo stays short.
const MOST_FAILURES: u32 = 1;

/// Serves until the demo ends.
pub(super) async fn serve(party: Arc<Party>, listener: TcpListener) {
    let app = Router::new().route(PATH, post(take)).with_state(Arc::clone(&party));
    let outcome = axum::serve(Connections { listener, party, accepted: 0 }, app).await;
    if let Err(error) = outcome {
        tracing::error!(%error, "a simulated party stopped");
    }
}

async fn take(State(party): State<Arc<Party>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let wait = party.chance().wait(party.role.manner.push_answer_after());
    tokio::time::sleep(wait).await;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if party.expected_header().is_some_and(|(name, value)| header(name) != value) {
        party.screen.aside(party.role.id, "got a message without its credential: 401");
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let (message_id, Some(message)) = (header("webhook-id").to_owned(), Message::read(&body)) else {
        party.screen.aside(party.role.id, "got a message that it cannot read: 400");
        return StatusCode::BAD_REQUEST.into_response();
    };
    if let Some(status) = party.fails(&message_id) {
        party.screen.aside(party.role.id, &format!("fails on purpose: {status}"));
        return (status, [("connection", "close")]).into_response();
    }
    let again = !party.notes().messages.insert(message_id);
    if again {
        party.screen.aside(party.role.id, "has this message already: same id, so it is not done twice");
    } else {
        work::begin(&party, message);
    }
    // A flaky party keeps no connection, so that it has some to drop.
    let headers = (party.role.manner == Manner::Flaky).then_some([("connection", "close")]);
    match headers {
        Some(headers) => (StatusCode::OK, headers).into_response(),
        None => StatusCode::OK.into_response(),
    }
}

impl Party {
    /// What a flaky party answers instead of taking the message.
    fn fails(&self, message_id: &str) -> Option<StatusCode> {
        if self.role.manner != Manner::Flaky || !self.chance().one_in(2) {
            return None;
        }
        let mut notes = self.notes();
        let failures = notes.failures.entry(message_id.to_owned()).or_default();
        *failures += 1;
        let status = self.chance().pick([StatusCode::INTERNAL_SERVER_ERROR, StatusCode::SERVICE_UNAVAILABLE]);
        (*failures <= MOST_FAILURES).then_some(status)
    }
}

/// Accepts connections; a flaky party drops some at once.
struct Connections {
    listener: TcpListener,
    party: Arc<Party>,
    accepted: u64,
}

impl Listener for Connections {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let connection = Listener::accept(&mut self.listener).await;
            self.accepted += 1;
            if self.party.role.manner != Manner::Flaky || !self.accepted.is_multiple_of(DROPPED) {
                return connection;
            }
            self.party.screen.aside(self.party.role.id, "drops the connection on purpose");
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
