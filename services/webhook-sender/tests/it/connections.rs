//! Connections: made, kept for the next message, refused, and never through a proxy.

use std::{net::SocketAddr, sync::Arc};

use marketplace_core::transport::{Failure, Outcome};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

use crate::stub::{Reply, Stub, attempt, send, sender, settings};

/// A port that nobody listens on.
async fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_connection_serves_many_messages() {
    let stub = Stub::start(|_, _| Reply::with(200, "", "thanks")).await;
    let sender = sender(true, 5_000);
    let endpoint = sender.endpoint(&settings(&stub.url("/"), json!({"type": "none"}))).unwrap();
    for _ in 0..20 {
        assert_eq!(send(&sender, &endpoint).await.status_code(), Some(200));
    }
    assert_eq!((stub.received().len(), stub.connections()), (20, 1));
}

/// A clean end of an idle connection is seen before the next message is sent, or costs a new connection;
/// either way the message is not reported as lost.
#[tokio::test]
async fn a_server_may_close_every_connection() {
    let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let stub = Stub::start(|_, _| Reply::Close(answer.to_vec())).await;
    let sender = sender(true, 5_000);
    let endpoint = sender.endpoint(&settings(&stub.url("/"), json!({"type": "none"}))).unwrap();
    for _ in 0..20 {
        assert_eq!(send(&sender, &endpoint).await.status_code(), Some(200));
    }
    assert_eq!(stub.received().len(), 20);
}

#[tokio::test]
async fn a_refused_connection_is_told_apart() {
    let report = attempt(&format!("http://{}/", closed_port().await)).await;
    assert_eq!(report.outcome, Outcome::Failed(Failure::ConnectFailed));
    assert!(report.detail.unwrap().contains("refused"));
}

#[tokio::test]
async fn a_server_without_tls_fails_the_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
        // Hanging up first could reset the connection, and the greeting would be lost.
        while stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {}
    });
    let report = attempt(&format!("https://{address}/")).await;
    assert_eq!(report.outcome, Outcome::Failed(Failure::TlsFailed), "{report:?}");
}

/// `.invalid` never resolves (RFC 6761, 6.4).
#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_apart() {
    let report = attempt("http://books.invalid/").await;
    assert_eq!(report.outcome, Outcome::Failed(Failure::NameNotResolved), "{report:?}");
}

#[tokio::test]
async fn a_slow_endpoint_delays_no_other() {
    let slow = Stub::start(|_, _| Reply::Stall(Vec::new())).await;
    let fast = Stub::always(200).await;
    let sender = sender(true, 60_000);
    let endpoint = |stub: &Stub| sender.endpoint(&settings(&stub.url("/"), json!({"type": "none"}))).unwrap();
    let (slow_endpoint, fast_endpoint) = (Arc::new(endpoint(&slow)), endpoint(&fast));
    let mut stuck = JoinSet::new();
    for _ in 0..200 {
        let (sender, endpoint) = (sender.clone(), Arc::clone(&slow_endpoint));
        stuck.spawn(async move { send(&sender, &endpoint).await });
    }
    for _ in 0..200 {
        assert_eq!(send(&sender, &fast_endpoint).await.status_code(), Some(200));
    }
    assert!(stuck.try_join_next().is_none(), "the slow ones are still waiting");
}
