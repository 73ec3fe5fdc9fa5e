//! A `DynamoDB` engine in a process of its own: `dynoxide`, which keeps its tables in memory.

use std::{net::SocketAddr, process::Stdio};

use tokio::{
    net::{TcpSocket, TcpStream},
    process::{Child, Command},
};

use crate::{eventually, surroundings};

/// The engine's server. It is killed when this is dropped.
pub struct DynamoServer {
    address: SocketAddr,
    /// Bound and not listening: keeps the port for the process.
    _port: TcpSocket,
    _child: Child,
}

impl DynamoServer {
    /// Starts one without tables and waits until it listens.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn start() -> Self {
        let port = TcpSocket::new_v4().expect("a socket");
        // With this on both sides a bound port can be listened on by somebody else.
        port.set_reuseaddr(true).expect("an option of every socket");
        port.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let address = port.local_addr().expect("bound");
        let mut child = Command::new(surroundings::dynamodb_server())
            .args(["serve", "--log", "quiet", "--port", &address.port().to_string()])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("the engine can be run");
        eventually("the engine listens", async || {
            let ended = child.try_wait().expect("a child of ours");
            assert!(ended.is_none(), "{ended:?}");
            TcpStream::connect(address).await.ok().map(drop)
        })
        .await;
        Self { address, _port: port, _child: child }
    }

    /// Its address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
