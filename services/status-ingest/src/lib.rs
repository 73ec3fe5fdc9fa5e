//! HTTP for third parties' machines: they post statuses, and poll their inboxes (DESIGN section 6).

mod inbox;
mod rehearsal;
mod release;
mod status;

use std::time::Duration;

use axum::Router;
use http_edge::{
    edge::{AtEdge, Edge},
    finish::finish,
};
use marketplace_core::ports::Store;
use tokio::sync::watch;

/// The longest that anybody may ask to wait for something to come into an inbox (DESIGN section 6).
pub const MAX_WAIT: Duration = Duration::from_secs(20);

/// What the service needs. Cloning is cheap.
#[derive(Clone)]
pub struct Deps<S> {
    /// Who is calling, and the store.
    pub edge: Edge<S>,
    /// The longest that this server lets anybody wait, at most [`MAX_WAIT`] (`MARKETPLACE_MAX_WAIT_SECONDS`).
    pub max_wait: Duration,
    /// Turns true when the server is about to stop: who waits is answered at once then.
    pub closing: watch::Receiver<bool>,
}

impl<S: Store> AtEdge for Deps<S> {
    type Store = S;

    fn edge(&self) -> &Edge<S> {
        &self.edge
    }
}

/// The routes alone, to be merged with others' and [finished](finish) together.
pub fn routes<S: Store>(deps: Deps<S>) -> Router {
    Router::new().merge(status::routes()).merge(release::routes()).merge(inbox::routes()).with_state(deps)
}

/// The service by itself.
pub fn app<S: Store>(deps: Deps<S>) -> Router {
    let (clock, randomness) = (deps.edge.clock.clone(), deps.edge.randomness.clone());
    finish(routes(deps), clock, randomness)
}
