//! HTTP for people and operators, and third parties' self-service (DESIGN section 6).
//!
//! [`app`] is everything but people themselves: where their identity is local that is [`accounts::routes`], and where it
//! is Cognito's [`people::routes`] alone.

pub mod accounts;
mod backtest;
mod certification;
mod changes;
mod dead_letters;
mod deliveries;
pub mod endpoint_tests;
mod health;
mod jwks;
mod keys;
mod mappings;
mod me;
mod pattern_field;
mod pauses;
pub mod people;
mod replays;
mod requests;
mod sessions;
mod sign_ups;
mod signing;
mod test_accounts;
mod third_parties;
mod users;

use std::{future::Future, pin::Pin, sync::Arc};

use axum::Router;
use http_edge::{
    edge::{AtEdge, Edge},
    finish::finish,
};
use marketplace_core::ports::Store;

pub use self::sign_ups::SignUpPolicy;

/// Whether the service can work now; what is wrong, if not, is for the log.
pub type Readiness = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// What the service needs. Cloning is cheap.
#[derive(Clone)]
pub struct Deps<S> {
    /// Who is calling, and the store.
    pub edge: Edge<S>,
    /// Whether third parties' endpoints may be private and without TLS (development only).
    pub allow_private_endpoints: bool,
    /// Who may sign up.
    pub sign_up: SignUpPolicy,
    /// For `/readyz`.
    pub readiness: Readiness,
}

impl<S: Store> AtEdge for Deps<S> {
    type Store = S;

    fn edge(&self) -> &Edge<S> {
        &self.edge
    }
}

/// The routes alone, to be merged with others' and [finished](finish) together.
pub fn routes<S: Store>(deps: Deps<S>) -> Router {
    Router::new()
        .merge(backtest::routes())
        .merge(certification::routes())
        .merge(changes::routes())
        .merge(dead_letters::routes())
        .merge(deliveries::routes())
        .merge(health::routes())
        .merge(keys::routes())
        .merge(mappings::routes())
        .merge(me::routes())
        .merge(pauses::routes())
        .merge(replays::routes())
        .merge(requests::routes())
        .merge(sign_ups::routes())
        .merge(signing::routes())
        .merge(test_accounts::routes())
        .merge(third_parties::routes())
        .with_state(deps)
}

/// The service by itself.
pub fn app<S: Store>(deps: Deps<S>) -> Router {
    let (clock, randomness) = (deps.edge.clock.clone(), deps.edge.randomness.clone());
    finish(routes(deps), clock, randomness)
}
