//! A mail server on loopback that takes every message and counts it (RFC 5321, as little as a client needs).

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// The server. It ends when it is dropped.
pub struct MailServer {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl MailServer {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let mails = Arc::default();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&mails)));
        Self { address, mails, accepting }
    }

    /// What `MARKETPLACE_SMTP_URL` is set to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Every message that was taken so far, headers and body as they were sent. A repeated one is there twice.
    ///
    /// # Panics
    /// Never: nobody panics with it.
    #[must_use]
    pub fn mails(&self) -> Vec<String> {
        self.mails.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, mails: Arc<Mutex<Vec<String>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, mails.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Ends with the connection, however that ends.
async fn converse(stream: TcpStream, mails: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.example.com\r\n").await.ok()?;
    let mut lines = String::new();
    loop {
        lines.clear();
        if stream.read_line(&mut lines).await.ok()? == 0 {
            return None;
        }
        let command = lines.get(..4).unwrap_or_default().to_ascii_uppercase();
        if command != "DATA" {
            let reply = if command == "QUIT" { "221 bye\r\n" } else { "250 ok\r\n" };
            stream.write_all(reply.as_bytes()).await.ok()?;
            continue;
        }
        stream.write_all(b"354 go on\r\n").await.ok()?;
        let mut mail = String::new();
        while !mail.ends_with("\r\n.\r\n") {
            if stream.read_line(&mut mail).await.ok()? == 0 {
                return None;
            }
        }
        mails.lock().expect("nobody panics with it").push(mail);
        stream.write_all(b"250 taken\r\n").await.ok()?;
    }
}
