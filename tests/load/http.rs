//! As little HTTP/1.1 as a load needs: what measures must cost less than what is measured.

use std::{io, net::SocketAddr};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Most headers of one message.
const MOST_HEADERS: usize = 32;

/// What a buffer begins with; it grows where a message is longer.
const BUFFER: usize = 16 * 1024;

/// Where a whole message ends in a buffer.
pub(crate) struct Extent {
    /// Bytes before the body.
    head: usize,
    /// Bytes of the body.
    body: usize,
}

impl Extent {
    /// How long the message is.
    pub(crate) fn end(&self) -> usize {
        self.head + self.body
    }

    /// The message's body.
    pub(crate) fn body<'a>(&self, buffer: &'a [u8]) -> &'a [u8] {
        &buffer[self.head..self.end()]
    }
}

/// The request that a buffer begins with, and its path; none while it is not all there.
///
/// # Errors
/// What is there is no request with a content length.
pub(crate) fn request(buffer: &[u8]) -> anyhow::Result<Option<(Extent, &str)>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(buffer)? else {
        return Ok(None);
    };
    let extent = extent(head, request.headers, buffer)?;
    Ok(extent.map(|extent| (extent, request.path.unwrap_or_default())))
}

/// The answer that a buffer begins with, and its status; none while it is not all there.
fn answer(buffer: &[u8]) -> anyhow::Result<Option<(Extent, u16)>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = answer.parse(buffer)? else {
        return Ok(None);
    };
    let extent = extent(head, answer.headers, buffer)?;
    Ok(extent.map(|extent| (extent, answer.code.unwrap_or_default())))
}

fn extent(head: usize, headers: &[httparse::Header<'_>], buffer: &[u8]) -> anyhow::Result<Option<Extent>> {
    let length = headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body = match length {
        Some(length) => std::str::from_utf8(length.value)?.parse()?,
        None if headers.iter().any(|header| header.name.eq_ignore_ascii_case("transfer-encoding")) => {
            bail!("a body in chunks")
        }
        None => 0,
    };
    let extent = Extent { head, body };
    Ok((extent.end() <= buffer.len()).then_some(extent))
}

/// A connection that is kept, with one call on it at a time.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came back.
pub(crate) struct Answer<'a> {
    /// The HTTP status code.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    /// Whether it is one of those that say yes.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(BUFFER) })
    }

    /// Sends a whole request and waits for the whole answer.
    ///
    /// # Errors
    /// The connection is gone, or what came back is no answer.
    pub(crate) async fn call(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            anyhow::ensure!(read > 0, "the connection was closed before an answer");
            let found = answer(&self.buffer).context("no HTTP answer")?;
            if let Some((extent, status)) = found {
                let body = extent.body(&self.buffer);
                return Ok(Answer { status, body });
            }
        }
    }
}

/// A buffer to read messages into.
pub(crate) fn buffer() -> Vec<u8> {
    Vec::with_capacity(BUFFER)
}
