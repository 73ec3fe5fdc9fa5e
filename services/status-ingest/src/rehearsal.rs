//! Where parties are certified, what they post is seen, also what is refused: that is what they are judged by.

use axum::http::StatusCode;
use http_edge::problem::Problem;
use marketplace_core::{
    certification::ENVIRONMENT,
    command::witness::Witness,
    ports::{Store, Urgency},
};

/// It was refused; answers how.
pub(crate) async fn refused<S: Store>(store: &S, witness: Witness, problem: Problem) -> Problem {
    seen(store, witness, problem.status()).await;
    problem
}

/// It was answered with this. Nothing is written but for what a certification asked.
pub(crate) async fn seen<S: Store>(store: &S, witness: Witness, status: StatusCode) {
    if witness.environment != ENVIRONMENT {
        return;
    }
    let witness = Witness { status_code: status.as_u16(), ..witness };
    if let Err(error) = store.apply(witness, Urgency::Caller, None).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "what a party posted was not seen");
    }
}
