//! `POST /v1/sessions`: an address and a password for a token.

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
    routing::post,
};
use http_edge::{body::JsonBody, problem::Problem, reply};
use marketplace_core::{
    contact,
    delivery::Secret,
    ports::{Notices, Store, identity::Identity},
};
use serde::Deserialize;
use serde_json::json;

use crate::accounts::Accounts;

/// RFC 6749 section 5.1: nobody on the way keeps a token.
const NOT_STORED: HeaderValue = HeaderValue::from_static("no-store");

pub(crate) fn routes<S: Store, I: Identity, N: Notices>() -> Router<Accounts<S, I, N>> {
    Router::new().route("/v1/sessions", post(sign_in))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    email: String,
    password: Secret,
}

/// Takes no idempotency key: the answer is a secret, and a repeat of it harms nothing.
async fn sign_in<S: Store, I: Identity, N: Notices>(
    State(accounts): State<Accounts<S, I, N>>,
    body: JsonBody,
) -> Result<Response, Problem> {
    let SignIn { email, password } = body.parse()?;
    let now = accounts.edge.now();
    // What is no address belongs to nobody, and takes as long to refuse.
    let account = contact::parse_email(&email).unwrap_or(email);
    let user = accounts.edge.store.user_by_email(&account).await?;
    let stored = user.as_ref().map(|user| user.password_hash.as_str());
    accounts.identity.check_password(&account, stored, &password, now).await?;
    let user = user.ok_or_else(|| Problem::internal("a password fitted no account"))?;
    let token = accounts.identity.issue_token(&user.id, now)?;
    let answer = json!({
        "access_token": token.token.expose(),
        "token_type": "Bearer",
        "expires_in": token.expires_in.as_secs(),
    });
    let mut response = reply::json(StatusCode::OK, &answer);
    response.headers_mut().insert(header::CACHE_CONTROL, NOT_STORED);
    Ok(response)
}
