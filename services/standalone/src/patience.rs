//! Connections that nothing becomes of are closed: whoever opens many and says little must not use up the
//! descriptors that others need.
//!
//! One rule covers those who stay silent, those who send a body byte by byte, and those who do not read their answer: a
//! call may be as long in coming, and then as long under way, as [`PATIENCE`] says. A head has to come sooner. And there
//! are never more connections than leave descriptors for the database and for what is pushed.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep},
};

/// How long a connection may be idle, and how long a call may be under way with no byte of its answer written. The
/// longest is a lease, 20 s after a body that may take 30 s; clients expect idle connections to be good for a minute.
const PATIENCE: Duration = Duration::from_secs(75);

/// How long the head of a call may take from its first byte on; up to as much again can pass before it is noticed.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// What ends a head (RFC 9112, section 2.1).
const END_OF_HEAD: &[u8; 4] = b"\r\n\r\n";

/// Most connections, however many descriptors there may be.
const MOST_CONNECTIONS: u64 = 65_536;

/// Accepts connections that have [`PATIENCE`], as many as there is room for.
pub(crate) struct PatientListener {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

impl PatientListener {
    pub(crate) fn new(listener: TcpListener) -> Self {
        let room = usize::try_from(room(raise_limit())).unwrap_or(Semaphore::MAX_PERMITS);
        Self { listener, room: Arc::new(Semaphore::new(room)) }
    }
}

/// Half of the descriptors are for connections.
fn room(descriptors: Option<u64>) -> u64 {
    descriptors.map_or(MOST_CONNECTIONS, |limit| limit / 2).clamp(16, MOST_CONNECTIONS)
}

/// Lets this process have as many descriptors as it may ask for; answers how many, none for any number.
fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    }
}

impl Listener for PatientListener {
    type Io = Patient<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let place = match self.room.clone().try_acquire_owned() {
            Ok(place) => Some(place),
            Err(_) => {
                tracing::warn!("as many connections as there is room for: new ones wait");
                // It is never closed.
                self.room.clone().acquire_owned().await.ok()
            }
        };
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Answers are small and written whole: waiting for more would only add latency.
        let _ = stream.set_nodelay(true);
        (Patient { _place: place, ..Patient::new(stream, PATIENCE, HEAD_PATIENCE) }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection with a limit on the time between signs of life: the first byte of a call, and any byte of an answer.
pub(crate) struct Patient<T> {
    stream: T,
    patience: Duration,
    head_patience: Duration,
    alive_at: Instant,
    progress: Progress,
    /// Set once and moved only when it fires, so that a call costs no more than two looks at the clock.
    alarm: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

/// How much of a call has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Progress {
    /// The next byte is the first of it.
    Idle,
    /// Some of its head, which ends with so many bytes of [`END_OF_HEAD`].
    Head(usize),
    /// All of its head.
    Rest,
}

impl Progress {
    fn after(self, bytes: &[u8]) -> Self {
        let mut matched = match self {
            Self::Idle => 0,
            Self::Head(matched) => matched,
            Self::Rest => return Self::Rest,
        };
        for byte in bytes {
            // A carriage return that does not go on may still begin anew.
            matched = match *byte {
                expected if expected == END_OF_HEAD[matched] => matched + 1,
                b'\r' => 1,
                _ => 0,
            };
            if matched == END_OF_HEAD.len() {
                return Self::Rest;
            }
        }
        Self::Head(matched)
    }
}

impl<T> Patient<T> {
    fn new(stream: T, patience: Duration, head_patience: Duration) -> Self {
        let alarm = Box::pin(sleep(head_patience.min(patience)));
        let (alive_at, progress) = (Instant::now(), Progress::Idle);
        Self { stream, patience, head_patience, alive_at, progress, alarm, _place: None }
    }

    /// To be asked whenever there is nothing to do: an error when that has been so for too long.
    fn still_patient<R>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<R>> {
        while self.alarm.as_mut().poll(context).is_ready() {
            let in_head = matches!(self.progress, Progress::Head(_));
            let end = self.alive_at + if in_head { self.head_patience } else { self.patience };
            let now = Instant::now();
            if end <= now {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            // A call that begins meanwhile may have less time than is left now.
            self.alarm.as_mut().reset(end.min(now + self.head_patience));
        }
        Poll::Pending
    }

    fn written(&mut self, wrote: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if wrote.is_pending() {
            return self.still_patient(context);
        }
        self.alive_at = Instant::now();
        self.progress = Progress::Idle;
        wrote
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() {
            return self.still_patient(context);
        }
        if self.progress == Progress::Idle {
            self.alive_at = Instant::now();
        }
        self.progress = self.progress.after(&buffer.filled()[before..]);
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
        (Patient::new(ours, BRIEF, BRIEF), theirs)
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
    async fn a_head_has_less_time_than_the_rest() {
        for (sent, closed) in [("POST / HTTP/1.1\r\nhost: x\r\n", true), ("POST / HTTP/1.1\r\n\r\n", false)] {
            let (ours, mut theirs) = duplex(64);
            let mut connection = Patient::new(ours, FOREVER * 2, BRIEF);
            theirs.write_all(sent.as_bytes()).await.unwrap();
            let ended = timeout(BRIEF * 5, until_closed(&mut connection)).await;
            assert_eq!(ended.is_ok(), closed, "{sent}");
        }
    }

    #[test]
    fn the_end_of_a_head_is_found_wherever_the_reads_fall() {
        let text = b"GET / HTTP/1.1\r\na: b\r\r\n\r\nbody";
        let end = text.len() - "body".len();
        for cut in 0..text.len() {
            let first = Progress::Idle.after(&text[..cut]);
            assert_eq!(first == Progress::Rest, cut >= end, "{cut}");
            assert_eq!(first.after(&text[cut..]), Progress::Rest, "{cut}");
        }
        assert_eq!(Progress::Idle.after(b"GET /\r\n"), Progress::Head(2));
    }

    #[test]
    fn half_of_the_descriptors_are_left_for_other_things() {
        assert_eq!((room(Some(1_024)), room(Some(20)), room(None)), (512, 16, MOST_CONNECTIONS));
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
