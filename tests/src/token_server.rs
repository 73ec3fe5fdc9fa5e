//! A third party's OAuth token endpoint (RFC 6749 section 4.4).

use serde_json::json;

use crate::{PartyServer, Received, Reply};

/// Hands out `token-0`, `token-1` and so on, each good for an hour.
pub async fn token_server() -> PartyServer {
    PartyServer::start(|number, _| {
        let token = format!("token-{number}");
        Reply::json(&json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3_600 }))
    })
    .await
}

/// The token that a message came with.
#[must_use]
pub fn bearer(received: &Received) -> Option<&str> {
    received.header("authorization")?.strip_prefix("Bearer ")
}
