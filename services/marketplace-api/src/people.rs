//! What people do here wherever their identity is: their profile, and confirming what they are told by.

use std::sync::Arc;

use axum::Router;
use http_edge::edge::{AtEdge, Edge};
use marketplace_core::ports::{Notices, Store};

use crate::users::{confirmation, profile};

/// The state of the routes about people. Cloning is cheap.
#[derive(Clone)]
pub struct People<S, N> {
    /// Who is calling, and the store.
    pub edge: Edge<S>,
    /// For confirmation links.
    pub notices: N,
    /// Where people reach the marketplace, without a slash at the end.
    pub public_url: Arc<str>,
}

impl<S: Store, N: Notices> AtEdge for People<S, N> {
    type Store = S;

    fn edge(&self) -> &Edge<S> {
        &self.edge
    }
}

/// `/v1/users/me` and `/v1/users/confirm`.
pub fn routes<S: Store, N: Notices>(people: People<S, N>) -> Router {
    Router::new().merge(profile::routes()).merge(confirmation::routes()).with_state(people)
}
