//! The one shape of every refusal: `application/problem+json` (RFC 9457; DESIGN section 6).

mod kind;
mod mapping;

use std::{borrow::Cow, error::Error, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use event_schema::fault::Fault;
use marketplace_core::causes::Causes;
use serde::Serialize;

use self::kind::Kind;

/// The media type of a [`Problem`].
pub const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// How long a caller is asked to wait when the store cannot take something now.
const BUSY: Duration = Duration::from_secs(1);

/// A refusal, with everything that its answer says. Converts from every error that a handler meets.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    kind: Kind,
    detail: Cow<'static, str>,
    errors: Vec<Fault>,
    current_status: Option<&'static str>,
    retry_after: Option<Duration>,
    challenge: Option<Challenge>,
    /// For the log only; never shown to the caller.
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What a 401 asks for, in its `WWW-Authenticate` header (RFC 9110 section 11.6.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Challenge {
    /// Any credential: none was given.
    Any,
    /// Another bearer token: this one proves nothing (RFC 6750 section 3.1).
    BearerToken,
    /// Another API key: this one opens nothing.
    ApiKey,
}

impl Challenge {
    fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Any => r#"Bearer realm="marketplace", ApiKey realm="marketplace""#,
            Self::BearerToken => r#"Bearer realm="marketplace", error="invalid_token""#,
            Self::ApiKey => r#"ApiKey realm="marketplace""#,
        })
    }
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            current_status: None,
            retry_after: None,
            challenge: None,
            source: None,
        }))
    }

    /// 400: what was sent cannot be read at all.
    #[must_use]
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Malformed, detail)
    }

    /// 401: no credential, or one that proves nothing.
    #[must_use]
    pub fn unauthorized(challenge: Challenge, detail: &'static str) -> Self {
        let mut problem = Self::new(Kind::Unauthorized, detail);
        problem.0.challenge = Some(challenge);
        problem
    }

    /// 403: a good credential that may not do this.
    #[must_use]
    pub fn forbidden(detail: &'static str) -> Self {
        Self::new(Kind::Forbidden, detail)
    }

    /// 404: not there or not the caller's, and never which.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "there is nothing at this address that you may see")
    }

    /// 405: the address exists, the method does not.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(Kind::MethodNotAllowed, "the header `allow` says what can be done")
    }

    /// 408: the caller was too slow to send.
    #[must_use]
    pub fn timeout() -> Self {
        Self::new(Kind::Timeout, "the body took too long to arrive")
    }

    /// 409 because of what is going on, and not because of the state of a thing.
    #[must_use]
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, detail)
    }

    /// 409: the thing is in this state, in which that cannot be done.
    #[must_use]
    pub fn state(current_status: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut problem = Self::new(Kind::Conflict, detail);
        problem.0.current_status = Some(current_status);
        problem
    }

    /// 413: more than this many bytes.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        Self::new(Kind::TooLarge, format!("the body may have at most {limit} bytes"))
    }

    /// 415: a content type other than JSON.
    #[must_use]
    pub fn media_type() -> Self {
        Self::new(Kind::MediaType, "send `content-type: application/json`")
    }

    /// 422: readable, but these fields break the rules.
    #[must_use]
    pub fn invalid(errors: Vec<Fault>) -> Self {
        let mut problem = Self::new(Kind::Invalid, "`errors` names the fields at fault");
        problem.0.errors = errors;
        problem
    }

    /// 422 for one field.
    #[must_use]
    pub fn invalid_field(pointer: &str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![Fault::new(pointer, detail)])
    }

    /// 422 for the request as a whole.
    #[must_use]
    pub fn unprocessable(detail: &'static str) -> Self {
        Self::new(Kind::Invalid, detail)
    }

    /// 429: again after this long.
    #[must_use]
    pub fn too_many(detail: &'static str, retry_after: Duration) -> Self {
        let mut problem = Self::new(Kind::TooMany, detail);
        problem.0.retry_after = Some(retry_after);
        problem
    }

    /// 503: again in a moment.
    #[must_use]
    pub fn unavailable(detail: &'static str) -> Self {
        let mut problem = Self::new(Kind::Unavailable, detail);
        problem.0.retry_after = Some(BUSY);
        problem
    }

    /// 500: always the same words; the source goes to the log, when the answer is made.
    #[must_use]
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let mut problem = Self::new(Kind::Internal, "it has been logged under the id in the header `x-request-id`");
        problem.0.source = Some(source.into());
        problem
    }

    /// The status that the answer will have.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.kind.status()
    }

    /// The fields at fault, if the answer will name any.
    #[must_use]
    pub fn errors(&self) -> &[Fault] {
        &self.0.errors
    }
}

/// A problem as it is written.
#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "type")]
    uri: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    errors: &'a [Fault],
    #[serde(skip_serializing_if = "Option::is_none")]
    current_status: Option<&'static str>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Parts { kind, detail, errors, current_status, retry_after, challenge, source } = *self.0;
        if let Some(source) = source {
            tracing::error!(error = %Causes(source.as_ref()), "a request failed");
        }
        let status = kind.status();
        let wire = Wire {
            uri: kind.uri(),
            title: kind.title(),
            status: status.as_u16(),
            detail: &detail,
            errors: &errors,
            current_status,
        };
        // Strings, numbers and lists of them: there is nothing that could fail to be written.
        let body = serde_json::to_vec(&wire).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
        if let Some(wait) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge.header());
        }
        response
    }
}

/// Rounded up, at least one: `Retry-After` knows whole seconds only (RFC 9110 section 10.2.3).
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests;
