//! `GET /.well-known/jwks.json`: the public keys that users' tokens are verified with (RFC 7517).

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
    routing::get,
};
use http_edge::reply;
use marketplace_core::ports::{Notices, Store, identity::Identity};

use crate::accounts::Accounts;

/// For others who verify our tokens: how long they may use the keys without asking again.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");

pub(crate) fn routes<S: Store, I: Identity, N: Notices>() -> Router<Accounts<S, I, N>> {
    Router::new().route("/.well-known/jwks.json", get(key_set))
}

async fn key_set<S: Store, I: Identity, N: Notices>(State(accounts): State<Accounts<S, I, N>>) -> Response {
    let mut response = reply::json_text(StatusCode::OK, accounts.identity.key_set().to_owned());
    response.headers_mut().insert(header::CACHE_CONTROL, CACHED);
    response
}
