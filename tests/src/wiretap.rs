//! Somebody on the line between callers and a server, who remembers every byte that the server answered.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    task::{JoinHandle, JoinSet},
};

/// What was answered on one connection, in order.
type Heard = Arc<Mutex<Vec<u8>>>;

/// Passes on whatever comes. It ends when it is dropped.
pub struct Wiretap {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    passing: JoinHandle<()>,
}

impl Wiretap {
    /// Listens in front of a server, whose address is without a slash at the end.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn on(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let heard = Arc::default();
        let server = server.trim_start_matches("http://").to_owned();
        let passing = tokio::spawn(pass(listener, server, Arc::clone(&heard)));
        Self { address, heard, passing }
    }

    /// Where callers find the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that was answered so far.
    ///
    /// # Panics
    /// Never: nobody panics while writing to it.
    #[must_use]
    pub fn heard(&self) -> Vec<u8> {
        let connections = self.heard.lock().expect("nobody panics with it");
        connections.iter().flat_map(|heard| heard.lock().expect("nobody panics with it").clone()).collect()
    }
}

impl Drop for Wiretap {
    fn drop(&mut self) {
        self.passing.abort();
    }
}

async fn pass(listener: TcpListener, server: String, all: Arc<Mutex<Vec<Heard>>>) {
    // Connections end with the set, and the set with this task.
    let mut connections = JoinSet::new();
    while let Ok((caller, _)) = listener.accept().await {
        // A server that is starting again may not be there.
        let Ok(server) = TcpStream::connect(&server).await else { continue };
        let heard = Heard::default();
        all.lock().expect("nobody panics with it").push(Arc::clone(&heard));
        let ((from_caller, to_caller), (from_server, to_server)) = (caller.into_split(), server.into_split());
        connections.spawn(copy(from_caller, to_server, None));
        connections.spawn(copy(from_server, to_caller, Some(heard)));
        while connections.try_join_next().is_some() {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, heard: Option<Heard>) {
    let mut buffer = vec![0; 16 * 1_024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if let Some(heard) = &heard {
            heard.lock().expect("nobody panics with it").extend_from_slice(&buffer[..count]);
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
