//! What the routes about local accounts share: the ports behind them.
//!
//! Only where identity is local (DESIGN section 6); with Cognito these routes are not mounted.

use std::sync::Arc;

use axum::Router;
use http_edge::edge::{AtEdge, Edge};
use marketplace_core::ports::{Notices, Store, identity::Identity};

use crate::{jwks, sessions, users};

/// The state of the routes about local accounts. Cloning is cheap.
#[derive(Clone)]
pub struct Accounts<S, I, N> {
    /// Who is calling, and the store.
    pub edge: Edge<S>,
    /// Passwords and tokens.
    pub identity: I,
    /// For confirmation links.
    pub notices: N,
    /// Where people reach the marketplace, without a slash at the end.
    pub public_url: Arc<str>,
}

impl<S: Store, I: Identity, N: Notices> AtEdge for Accounts<S, I, N> {
    type Store = S;

    fn edge(&self) -> &Edge<S> {
        &self.edge
    }
}

/// `/v1/users` but for people's own profile, `/v1/sessions` and `/.well-known/jwks.json`.
pub fn routes<S: Store, I: Identity, N: Notices>(accounts: Accounts<S, I, N>) -> Router {
    Router::new().merge(users::routes()).merge(sessions::routes()).merge(jwks::routes()).with_state(accounts)
}

#[cfg(test)]
mod tests;
