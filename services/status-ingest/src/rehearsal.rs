//! Where parties are certified, what they post is seen, also what is refused: that is what they are judged by.

use axum::http::StatusCode;
use http_edge::{caller::PartyCaller, problem::Problem};
use marketplace_core::{
    causes::Causes,
    certification::{ENVIRONMENT, under_way},
    command::{Command as _, witness::Witness},
    ports::{Store, Urgency},
};

/// It was refused; answers how.
pub(crate) async fn refused<S: Store>(store: &S, caller: &PartyCaller, witness: Witness, problem: Problem) -> Problem {
    seen(store, caller, witness, problem.status()).await;
    problem
}

/// It was answered with this. Nothing is written but for what a certification asked.
pub(crate) async fn seen<S: Store>(store: &S, caller: &PartyCaller, witness: Witness, status: StatusCode) {
    let asked =
        caller.environment == ENVIRONMENT && under_way(&caller.party).is_some_and(|run| run.made(witness.request()));
    if !asked {
        return;
    }
    let witness = Witness { status_code: status.as_u16(), ..witness };
    if let Err(error) = store.apply(witness, Urgency::Caller, None).await {
        tracing::warn!(error = %Causes(&error), "what a party posted was not seen");
    }
}
