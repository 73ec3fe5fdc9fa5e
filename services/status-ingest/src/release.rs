//! A third party gives back an offer that it has accepted.

use axum::{Router, extract::State, response::Response, routing::post};
use event_schema::{fault::Fault, id::DeliveryId};
use http_edge::{
    body::JsonBody,
    caller::PartyCaller,
    finish::correlate,
    idempotency::{self, Admitted, IdempotencyKey},
    path::PathId,
    problem::Problem,
};
use marketplace_core::{
    command::release::Release,
    ports::{Store, Urgency},
};
use serde::Deserialize;

use crate::{
    Deps,
    status::{input::MAX_REASON, written},
};

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new().route("/v1/deliveries/{delivery_id}/release", post(release::<S>))
}

/// The body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseBody {
    reason: String,
}

impl ReleaseBody {
    /// A user waits for something that was promised, so there has to be a reason.
    fn check(self) -> Result<String, Problem> {
        let fault = match self.reason.chars().count() {
            _ if self.reason.trim().is_empty() => "must not be empty".to_owned(),
            length if length > MAX_REASON => format!("must have at most {MAX_REASON} characters"),
            _ => return Ok(self.reason),
        };
        Err(Problem::invalid(vec![Fault::new("/reason", fault)]))
    }
}

async fn release<S: Store>(
    State(deps): State<Deps<S>>,
    caller: PartyCaller,
    key: IdempotencyKey,
    PathId(delivery_id): PathId<DeliveryId>,
    body: JsonBody,
) -> Result<Response, Problem> {
    correlate(delivery_id.request());
    let reason = body.parse::<ReleaseBody>()?.check()?;
    let (store, now) = (deps.edge.store, deps.edge.clock.now());
    let ticket = match key.admit(&store, &caller, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let party = caller.party.id.clone();
    let command = Release { delivery_id, party: party.clone(), environment: caller.environment, reason, at: now };
    let remember = ticket.remember({
        let party = party.clone();
        move |answered| written(&party, answered)
    });
    let answered = ticket.hold(async move { store.apply(command, Urgency::Caller, remember).await }).await??;
    Ok(idempotency::response(written(&party, &answered)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_reason_and_it_fits() {
        let check = |reason: &str| ReleaseBody { reason: reason.to_owned() }.check();
        assert_eq!(check("out of stock").ok().as_deref(), Some("out of stock"));
        assert!(check(&"é".repeat(MAX_REASON)).is_ok());
        for wrong in ["", " \n", &"x".repeat(MAX_REASON + 1)] {
            let problem = check(wrong).unwrap_err();
            assert_eq!(problem.errors()[0].pointer, "/reason");
        }
    }
}
