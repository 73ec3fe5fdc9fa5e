//! JSON bodies: read within limits, refused with the place of the fault.

mod fault;

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::problem::Problem;

/// Most bytes of a body (DESIGN section 6).
pub const MAX_BYTES: usize = 256 * 1024;

/// How much of a body that is too large is read and thrown away, so that its sender gets to read the answer:
/// closing on unread bytes makes most systems discard what was sent in the other direction.
const DISCARDED_BYTES: usize = 8 * 1024 * 1024;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bytes of a JSON body, not read yet. Refuses what is not declared as JSON (415) or too large (413).
#[derive(Clone, Debug)]
pub struct JsonBody(Bytes);

impl JsonBody {
    /// The bytes as they came; none when there was no body.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the body as a `T`.
    ///
    /// # Errors
    /// 400 when there is no body or it is not JSON, 422 with the field at fault when it is not a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if self.0.is_empty() {
            return Err(Problem::malformed("this call needs a JSON body"));
        }
        parse(&self.0)
    }

    /// Reads the body as a `T`, and no body at all as an empty object.
    ///
    /// # Errors
    /// As [`Self::parse`], but for an empty body.
    pub fn parse_optional<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if self.0.is_empty() {
            return parse(b"{}");
        }
        parse(&self.0)
    }

    /// For calls that take nothing: no body, or an empty object.
    ///
    /// # Errors
    /// As [`Self::parse`], but for an empty body.
    pub fn is_nothing(&self) -> Result<(), Problem> {
        /// There is nothing to say.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}

        self.parse_optional().map(|Nothing {}| ())
    }
}

/// Reads the text of a JSON object as a `T`.
fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    // Serde would also take an array for a struct, its elements for the fields in order.
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(well_formed(text).err().unwrap_or_else(|| Problem::invalid_field("", "must be an object")));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        // The first fault may stand before a place where the text stops being JSON at all.
        well_formed(text).err().unwrap_or_else(|| Problem::invalid(vec![fault::of(&error)]))
    })?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// 400 unless the text is JSON. Does not recurse, so no depth is too deep for it.
fn well_formed(text: &[u8]) -> Result<(), Problem> {
    let text = std::str::from_utf8(text).map_err(|_| Problem::malformed("the body is not UTF-8"))?;
    serde_json::from_str::<IgnoredAny>(text).map(|_| ()).map_err(|error| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::malformed(format!("the body is not JSON: {error}"))
}

impl<T: Send + Sync> FromRequest<T> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &T) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if !may_be_json(&parts.headers) {
            return Err(Problem::media_type());
        }
        if is_hopeless(&parts.headers) {
            return Err(Problem::too_large(MAX_BYTES));
        }
        let read = tokio::time::timeout(PATIENCE, read(body));
        read.await.unwrap_or_else(|_| Err(Problem::timeout())).map(Self)
    }
}

/// For `#[serde(default, deserialize_with)]` on an `Option<Option<T>>`: tells `null` from a field that was left out.
///
/// # Errors
/// When the value is no `T`.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Without a content type the body is taken at its word (RFC 9110 section 8.3).
fn may_be_json(headers: &HeaderMap) -> bool {
    let Some(declared) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let Ok(declared) = declared.to_str() else {
        return false;
    };
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// A client that waits for leave to send (RFC 9110 section 10.1.1) is told at once, and so is one that would send more
/// than is thrown away.
fn is_hopeless(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let most = if headers.contains_key(header::EXPECT) { MAX_BYTES } else { DISCARDED_BYTES };
    length.is_some_and(|length| length > most)
}

async fn read(mut body: Body) -> Result<Bytes, Problem> {
    match Limited::new(&mut body, MAX_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(body).await;
            Err(Problem::too_large(MAX_BYTES))
        }
        Err(_) => Err(Problem::malformed("the body broke off")),
    }
}

async fn discard(mut body: Body) {
    let mut discarded = 0;
    while let Some(Ok(frame)) = body.frame().await {
        discarded += frame.data_ref().map_or(0, Bytes::len);
        if discarded > DISCARDED_BYTES {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
