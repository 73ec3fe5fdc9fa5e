//! Reads as much of an answer as the attempt's record keeps, and not a byte more than it must.

use std::time::Duration;

use reqwest::Response;
use tokio::time::{Instant, timeout_at};

/// How much of an answer's body is kept, in bytes (DESIGN section 6, the attempt log).
pub const ANSWER_LIMIT: usize = 1_024;

/// How long an answer's body may take after its status line.
///
/// The status has decided everything; the body is for people, and is not worth holding up a delivery.
const GRACE: Duration = Duration::from_millis(500);

/// The first bytes of a body, as far as they arrive in time; bytes that are not UTF-8 are replaced.
pub(crate) async fn first_text(response: Response, deadline: Instant) -> String {
    let deadline = deadline.min(Instant::now() + GRACE);
    let bytes = first_bytes(response, ANSWER_LIMIT, deadline).await.bytes;
    String::from_utf8(bytes).unwrap_or_else(|fault| String::from_utf8_lossy(fault.as_bytes()).into_owned())
}

/// The beginning of a body.
pub(crate) struct FirstBytes {
    pub(crate) bytes: Vec<u8>,
    /// Whether this is all of it: it neither went on beyond the limit nor broke off.
    pub(crate) complete: bool,
}

/// The first `limit` bytes of a body. What is left unread is dropped, with its connection if need be.
pub(crate) async fn first_bytes(mut response: Response, limit: usize, deadline: Instant) -> FirstBytes {
    let mut bytes = Vec::new();
    let reading = async {
        while bytes.len() < limit {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    let wanted = chunk.len().min(limit - bytes.len());
                    bytes.extend_from_slice(&chunk[..wanted]);
                }
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
        false
    };
    let complete = timeout_at(deadline, reading).await.unwrap_or(false);
    FirstBytes { bytes, complete }
}
