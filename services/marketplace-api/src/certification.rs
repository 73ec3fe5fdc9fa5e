//! A third party has itself certified in `test`, and sees how far that is and why it was not passed.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use event_schema::id::{CertificationId, PartyId};
use http_edge::{
    body::JsonBody,
    caller::{ManagingParty, PartyCaller},
    idempotency::{self, Admitted, IdempotencyKey},
    problem::Problem,
    reply,
};
use marketplace_core::{
    certification::{self, Certification, ENVIRONMENT, Report},
    party::PartyCommand,
    ports::{Store, StoredAnswer},
};

use crate::Deps;

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new().route("/v1/me/certification", get(read::<S>).post(begin::<S>))
}

async fn begin<S: Store>(
    State(deps): State<Deps<S>>,
    ManagingParty(caller): ManagingParty,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    body.is_nothing()?;
    if caller.environment != ENVIRONMENT {
        let detail = "certifications take place in `test`: use a key that opens it";
        return Err(Problem::state(caller.environment.as_str(), detail));
    }
    let now = deps.edge.now();
    let ticket = match key.admit(&deps.edge.store, &caller, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let run = Certification::new(CertificationId(deps.edge.randomness.uuid(now)), &caller.party, now);
    let answer = begun(&run, &caller.party.id);
    let kept = answer.clone();
    let remember = ticket.remember(move |_| kept.clone());
    let command = PartyCommand::BeginCertification(Box::new(run));
    let (store, id, by) = (deps.edge.store, caller.party.id.clone(), caller.author());
    ticket.hold(async move { store.apply_to_party(id, command, by, now, remember).await }).await??;
    Ok(reply::located(idempotency::response(answer), "/v1/me/certification".to_owned()))
}

/// Everything is still to come.
fn begun(run: &Certification, party: &PartyId) -> StoredAnswer {
    idempotency::json(StatusCode::ACCEPTED, &Report::new(run, party, &[]))
}

async fn read<S: Store>(State(deps): State<Deps<S>>, caller: PartyCaller) -> Result<Response, Problem> {
    let run = caller.party.environment(caller.environment).certification.as_deref().ok_or_else(Problem::not_found)?;
    let report = if run.ended.is_some() {
        Report::ended(run, &caller.party.id)
    } else {
        let plays = certification::plays(run, &deps.edge.store).await?;
        let review = certification::review(run, &plays, deps.edge.now());
        Report::new(run, &caller.party.id, &review.steps)
    };
    Ok(reply::json(StatusCode::OK, &report))
}
