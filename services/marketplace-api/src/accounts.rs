//! What the routes about local accounts share: the ports behind them.
//!
//! Only where identity is local (DESIGN section 6); with Cognito these routes are not mounted.

use std::sync::Arc;

use axum::Router;
use http_edge::edge::{AtEdge, Edge};
use marketplace_core::ports::{Notices, Store, identity::Identity};

use crate::{
    jwks,
    people::{self, People},
    sessions, users,
};

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

impl<S: Clone, I, N: Clone> Accounts<S, I, N> {
    /// What is the same wherever people's identity is.
    pub(crate) fn people(&self) -> People<S, N> {
        People { edge: self.edge.clone(), notices: self.notices.clone(), public_url: self.public_url.clone() }
    }
}

/// `/v1/users` and all below it but the operators' part, `/v1/sessions` and `/.well-known/jwks.json`.
pub fn routes<S: Store, I: Identity, N: Notices>(accounts: Accounts<S, I, N>) -> Router {
    let people = people::routes(accounts.people());
    let local = Router::new().merge(users::routes()).merge(sessions::routes()).merge(jwks::routes());
    local.with_state(accounts).merge(people)
}

#[cfg(test)]
mod tests;
