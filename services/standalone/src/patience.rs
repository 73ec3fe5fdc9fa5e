//! Connections that nothing becomes of are closed: whoever opens many and says little must not use up the
//! descriptors that others need.
//!
//! One rule covers those who stay silent, those who send a head or a body byte by byte, and those who do not read
//! their answer: a call may be as long in coming, and then as long under way, as [`PATIENCE`] says.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{Instant, Sleep, sleep},
};

/// How long a connection may be idle, and how long a call may be under way with no byte of its answer written. The
/// longest is a lease, 20 s after a body that may take 30 s; clients expect idle connections to be good for a minute.
const PATIENCE: Duration = Duration::from_secs(75);

/// Accepts connections that have [`PATIENCE`].
pub(crate) struct PatientListener(pub(crate) TcpListener);

impl Listener for PatientListener {
    type Io = Patient<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Answers are small and written whole: waiting for more would only add latency.
        let _ = stream.set_nodelay(true);
        (Patient::new(stream, PATIENCE), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection with a limit on the time between signs of life: the first byte of a call, and any byte of an answer.
pub(crate) struct Patient<T> {
    stream: T,
    patience: Duration,
    alive_at: Instant,
    /// Whether the next byte that comes is the first of a call.
    is_idle: bool,
    /// Set once and moved only when it fires, so that a call costs no more than two looks at the clock.
    alarm: Pin<Box<Sleep>>,
}

impl<T> Patient<T> {
    fn new(stream: T, patience: Duration) -> Self {
        Self { stream, patience, alive_at: Instant::now(), is_idle: true, alarm: Box::pin(sleep(patience)) }
    }

    /// To be asked whenever there is nothing to do: an error when that has been so for too long.
    fn still_patient<R>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<R>> {
        while self.alarm.as_mut().poll(context).is_ready() {
            let end = self.alive_at + self.patience;
            if end <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(end);
        }
        Poll::Pending
    }

    fn written(&mut self, wrote: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if wrote.is_pending() {
            return self.still_patient(context);
        }
        self.alive_at = Instant::now();
        self.is_idle = true;
        wrote
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() {
            return self.still_patient(context);
        }
        if self.is_idle {
            self.alive_at = Instant::now();
            self.is_idle = false;
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(wrote, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.written(wrote, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
        time::timeout,
    };

    use super::*;

    const BRIEF: Duration = Duration::from_millis(100);

    /// Far more than any of these takes; only a connection that is never closed uses it up.
    const FOREVER: Duration = Duration::from_secs(20);

    fn connection() -> (Patient<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(16);
        (Patient::new(ours, BRIEF), theirs)
    }

    async fn until_closed(connection: &mut Patient<DuplexStream>) -> io::ErrorKind {
        let reading = async {
            loop {
                if let Err(error) = connection.read_u8().await {
                    return error.kind();
                }
            }
        };
        timeout(FOREVER, reading).await.expect("it is closed in the end")
    }

    #[tokio::test]
    async fn who_stays_silent_is_closed_and_not_before_time() {
        let began = Instant::now();
        let (mut connection, _theirs) = connection();
        assert_eq!(until_closed(&mut connection).await, io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= BRIEF);
    }

    #[tokio::test]
    async fn who_sends_byte_by_byte_is_closed_too() {
        let (mut connection, mut theirs) = connection();
        let dripping = async {
            while theirs.write_u8(b'x').await.is_ok() {
                sleep(BRIEF / 50).await;
            }
        };
        tokio::select! {
            closed = until_closed(&mut connection) => assert_eq!(closed, io::ErrorKind::TimedOut),
            () = dripping => panic!("nobody else closes it"),
        }
    }

    #[tokio::test]
    async fn who_does_not_read_the_answer_is_closed_too() {
        let (mut connection, _theirs) = connection();
        let written = timeout(FOREVER, connection.write_all(&[0; 1_000])).await.expect("it is closed in the end");
        assert_eq!(written.expect_err("nobody reads").kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn the_next_call_gives_more_time() {
        let (mut connection, mut theirs) = connection();
        sleep(BRIEF * 2).await;
        let called = Instant::now();
        theirs.write_u8(b'?').await.unwrap();
        assert_eq!(connection.read_u8().await.unwrap(), b'?');
        assert_eq!(until_closed(&mut connection).await, io::ErrorKind::TimedOut);
        assert!(called.elapsed() >= BRIEF);
    }

    #[tokio::test]
    async fn an_answer_gives_more_time() {
        let (mut connection, _theirs) = connection();
        sleep(BRIEF * 2).await;
        let answered = Instant::now();
        connection.write_u8(b'!').await.unwrap();
        assert_eq!(until_closed(&mut connection).await, io::ErrorKind::TimedOut);
        assert!(answered.elapsed() >= BRIEF);
    }
}
