//! Answers that are not refusals.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::problem::Problem;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer with a JSON body.
#[must_use]
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(text) => json_text(status, text),
        Err(error) => Problem::internal(error).into_response(),
    }
}

/// An answer whose body is JSON text already.
#[must_use]
pub fn json_text(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// An answer without a body.
#[must_use]
pub fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// The same answer with the address of what was made (RFC 9110 section 10.2.2). The path must be plain ASCII, as
/// ids are.
#[must_use]
pub fn located(mut response: Response, path: impl TryInto<HeaderValue>) -> Response {
    if let Ok(path) = path.try_into() {
        response.headers_mut().insert(header::LOCATION, path);
    }
    response
}
