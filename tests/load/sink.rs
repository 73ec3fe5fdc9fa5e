//! The third parties of a load: one server that takes every delivery and answers at once.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::{http, ledger::Ledger, request, thread::Thread};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// A delivery, and when it was there.
pub(crate) struct Arrival {
    /// The request's number.
    pub(crate) number: u64,
    /// When all of it had been read.
    pub(crate) at: Instant,
}

/// The running server; ends with the thread that it runs on.
pub(crate) struct Sink {
    address: SocketAddr,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

#[derive(Clone)]
struct Book {
    ledger: Arc<Ledger>,
    arrivals: Option<mpsc::UnboundedSender<Arrival>>,
}

impl Sink {
    /// Starts it; what arrives is written in the ledger.
    ///
    /// # Errors
    /// There is no free port.
    pub(crate) async fn start(thread: &Thread, ledger: Arc<Ledger>) -> anyhow::Result<Self> {
        Self::run(thread, ledger, false).await
    }

    /// Starts one that also tells of every arrival.
    ///
    /// # Errors
    /// There is no free port.
    pub(crate) async fn telling(thread: &Thread, ledger: Arc<Ledger>) -> anyhow::Result<Self> {
        Self::run(thread, ledger, true).await
    }

    async fn run(thread: &Thread, ledger: Arc<Ledger>, tells: bool) -> anyhow::Result<Self> {
        let (tell, arrivals) = mpsc::unbounded_channel();
        let book = Book { ledger, arrivals: tells.then_some(tell) };
        let listener = thread.handle().spawn(TcpListener::bind(("127.0.0.1", 0))).await??;
        let address = listener.local_addr()?;
        // Should it end early, that shows in what does not arrive.
        thread.handle().spawn(serve(listener, book));
        Ok(Self { address, arrivals })
    }

    /// The endpoint at which the delivery with this place among those of its request is to arrive.
    pub(crate) fn endpoint(&self, place: usize) -> String {
        format!("http://{}/{place}", self.address)
    }

    /// The next arrival, of those that are told.
    pub(crate) async fn arrival(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }
}

async fn serve(listener: TcpListener, book: Book) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let book = book.clone();
        tokio::spawn(async move {
            // Whoever sends what is no HTTP is cut off; what it meant to deliver is missing then.
            let _ = take(stream, book).await;
        });
    }
}

async fn take(mut stream: TcpStream, book: Book) -> anyhow::Result<()> {
    let mut buffer = http::buffer();
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        let mut done = 0;
        let mut answers = 0;
        while let Some((extent, path)) = http::request(&buffer[done..])? {
            book.note(path, extent.body(&buffer[done..]));
            done += extent.end();
            answers += 1;
        }
        buffer.drain(..done);
        for _ in 0..answers {
            stream.write_all(ANSWER).await?;
        }
    }
}

impl Book {
    fn note(&self, path: &str, body: &[u8]) {
        let place = path.trim_start_matches('/').parse().unwrap_or(usize::MAX);
        let number = request::number_in(body).unwrap_or(u64::MAX);
        self.ledger.arrived(number, place);
        if let Some(arrivals) = &self.arrivals {
            let at = Instant::now();
            let _ = arrivals.send(Arrival { number, at });
        }
    }
}
