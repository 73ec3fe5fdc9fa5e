//! A third party answers an offer, named by itself or by its request.

pub(crate) mod input;

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::post};
use event_schema::id::{DeliveryId, PartyId, RequestId};
use http_edge::{
    body::JsonBody,
    caller::PartyCaller,
    finish::correlate,
    idempotency::{self, Admitted, IdempotencyKey},
    path::PathId,
    problem::Problem,
};
use marketplace_core::{
    command::{
        answer::{Answer, Answered, Target},
        witness::Witness,
    },
    ports::{Store, StoredAnswer, Urgency},
};

use self::input::{Said, StatusBody};
use crate::{Deps, rehearsal};

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new()
        .route("/v1/deliveries/{delivery_id}/status", post(of_delivery::<S>))
        .route("/v1/requests/{id}/status", post(of_request::<S>))
}

async fn of_delivery<S: Store>(
    State(deps): State<Deps<S>>,
    party: PartyCaller,
    key: IdempotencyKey,
    PathId(delivery): PathId<DeliveryId>,
    body: JsonBody,
) -> Result<Response, Problem> {
    answer(deps, party, key, Target::Delivery(delivery), body).await
}

async fn of_request<S: Store>(
    State(deps): State<Deps<S>>,
    party: PartyCaller,
    key: IdempotencyKey,
    PathId(request): PathId<RequestId>,
    body: JsonBody,
) -> Result<Response, Problem> {
    answer(deps, party, key, Target::Request(request), body).await
}

async fn answer<S: Store>(
    deps: Deps<S>,
    caller: PartyCaller,
    key: IdempotencyKey,
    target: Target,
    body: JsonBody,
) -> Result<Response, Problem> {
    correlate(match target {
        Target::Delivery(delivery) => delivery.request(),
        Target::Request(request) => request,
    });
    let (store, now) = (deps.edge.store, deps.edge.clock.now());
    let (party, environment) = (caller.party.id.clone(), caller.environment);
    let witness = Witness { target, party: party.clone(), environment, status: None, status_code: 0, at: now };
    let mapping = caller.settings().mapping.as_deref();
    let Said { status, reason, details } = match body.parse::<StatusBody>().and_then(|body| body.check(mapping)) {
        Ok(said) => said,
        Err(problem) => return Err(rehearsal::refused(&store, &caller, witness, problem).await),
    };
    let witness = Witness { status: Some(status), ..witness };
    let ticket = match key.admit(&store, &caller, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        // The same again by its own word is no second answer.
        Admitted::Done(answer) => return Ok(answer),
    };
    let command = Answer { target, party: party.clone(), environment, status, reason, details, at: now };
    let remember = ticket.remember({
        let party = party.clone();
        move |answered| written(&party, answered)
    });
    let applied = store.clone();
    let answered = ticket.hold(async move { applied.apply(command, Urgency::Caller, remember).await }).await?;
    match answered {
        Ok(answered) => {
            rehearsal::seen(&store, &caller, witness, StatusCode::OK).await;
            Ok(idempotency::response(written(&party, &answered)))
        }
        Err(error) => Err(rehearsal::refused(&store, &caller, witness, error.into()).await),
    }
}

/// Ids and states need no escaping in JSON.
pub(crate) fn written(party: &PartyId, answered: &Answered) -> StoredAnswer {
    let Answered { delivery_id, state } = answered;
    let request_id = delivery_id.request();
    let body = format!(
        r#"{{"request_id":"{request_id}","delivery_id":"{delivery_id}","third_party":"{party}","status":"{state}"}}"#
    );
    idempotency::answer(StatusCode::OK, body)
}

#[cfg(test)]
mod tests {
    use marketplace_core::lifecycle::OfferState;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_answer_is_json_with_these_fields() {
        let request = RequestId(uuid::Uuid::from_u128(7));
        let delivery_id = DeliveryId::new(request, [3; 10]);
        for state in OfferState::ALL {
            let answer = written(&"3rdparty1".parse().unwrap(), &Answered { delivery_id, state });
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(
                body,
                json!({
                    "request_id": request, "delivery_id": delivery_id,
                    "third_party": "3rdparty1", "status": state,
                })
            );
        }
    }
}
