//! A third party has pushes to its endpoint stop in one environment, and go on again. What comes meanwhile waits.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::post};
use http_edge::{
    body::JsonBody,
    caller::ManagingParty,
    idempotency::{self, Admitted, IdempotencyKey},
    problem::Problem,
};
use marketplace_core::{
    contact,
    party::{LONGEST_REASON, Party, PartyCommand, own_reason},
    ports::{Store, StoredAnswer},
};
use serde::Deserialize;

use crate::{Deps, me::Me};

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new().route("/v1/me/pause", post(pause::<S>)).route("/v1/me/resume", post(resume::<S>))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pause {
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resume {}

impl Pause {
    fn check(&self) -> Result<String, Problem> {
        let said = self.reason.as_deref().map(str::trim);
        let fits = |said: &str| {
            (1..=LONGEST_REASON).contains(&said.chars().count()) && !said.chars().any(contact::is_unfit_for_names)
        };
        if said.is_none_or(fits) {
            return Ok(own_reason(said));
        }
        let rule = format!("must have 1 to {LONGEST_REASON} characters, and none that controls");
        Err(Problem::invalid_field("/reason", rule))
    }
}

async fn pause<S: Store>(
    State(deps): State<Deps<S>>,
    ManagingParty(caller): ManagingParty,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let reason = body.parse_optional::<Pause>()?.check()?;
    let command = PartyCommand::Pause(caller.environment, reason);
    apply(deps, ManagingParty(caller), command, key, &body).await
}

async fn resume<S: Store>(
    State(deps): State<Deps<S>>,
    ManagingParty(caller): ManagingParty,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let Resume {} = body.parse_optional()?;
    let command = PartyCommand::Resume(caller.environment);
    apply(deps, ManagingParty(caller), command, key, &body).await
}

/// Both are done once however often they are asked for; the answer is what the party is like then.
async fn apply<S: Store>(
    deps: Deps<S>,
    ManagingParty(caller): ManagingParty,
    command: PartyCommand,
    key: IdempotencyKey,
    body: &JsonBody,
) -> Result<Response, Problem> {
    let now = deps.edge.now();
    let ticket = match key.admit(&deps.edge.store, &caller, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let environment = caller.environment;
    let answer =
        move |party: &Party| -> StoredAnswer { idempotency::json(StatusCode::OK, &Me::of(party, environment, now)) };
    let remember = ticket.remember(answer);
    let (store, id, by) = (deps.edge.store, caller.party.id.clone(), caller.author());
    let party = ticket.hold(async move { store.apply_to_party(id, command, by, now, remember).await }).await??;
    Ok(idempotency::response(answer(&party)))
}
