//! The closed list of refusals, so that each has one status, one title and one `type` wherever it is made.

use axum::http::StatusCode;

/// The kinds of refusal; each has one status, one title and one `type`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Malformed,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Timeout,
    Conflict,
    TooLarge,
    MediaType,
    Invalid,
    TooMany,
    Internal,
    Unavailable,
}

impl Kind {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The `type`: a URI reference that a program can compare, the same for every problem of a kind.
    pub(super) fn uri(self) -> &'static str {
        match self {
            Self::Malformed => "/problems/malformed",
            Self::Unauthorized => "/problems/unauthorized",
            Self::Forbidden => "/problems/forbidden",
            Self::NotFound => "/problems/not-found",
            Self::MethodNotAllowed => "/problems/method-not-allowed",
            Self::Timeout => "/problems/timeout",
            Self::Conflict => "/problems/conflict",
            Self::TooLarge => "/problems/too-large",
            Self::MediaType => "/problems/media-type",
            Self::Invalid => "/problems/invalid",
            Self::TooMany => "/problems/too-many",
            Self::Internal => "/problems/internal",
            Self::Unavailable => "/problems/unavailable",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The request cannot be read",
            Self::Unauthorized => "No credential, or not a good one",
            Self::Forbidden => "This credential may not do this",
            Self::NotFound => "There is no such thing here",
            Self::MethodNotAllowed => "This cannot be done to it",
            Self::Timeout => "The request did not arrive in time",
            Self::Conflict => "It is not in a state in which this can be done",
            Self::TooLarge => "The body is too large",
            Self::MediaType => "The body is not JSON",
            Self::Invalid => "The request breaks the rules",
            Self::TooMany => "Too many requests",
            Self::Internal => "Something went wrong here",
            Self::Unavailable => "The marketplace cannot take this now",
        }
    }
}
