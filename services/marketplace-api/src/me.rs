//! Third parties' self-service: what they are, what they want to see, and how they are reached.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{get, put},
};
use event_schema::{
    fault::Fault,
    id::{Environment, PartyId},
};
use http_edge::{
    body::JsonBody,
    caller::{ManagingParty, PartyCaller},
    problem::Problem,
    reply,
};
use jiff::Timestamp;
use marketplace_core::{
    delivery::{DeliveryInput, DeliverySettings, resolve},
    health::HealthView,
    mapping::Mapping,
    party::{AcceptanceClock, Party, PartyCommand, PartyState},
    pattern::Pattern,
    ports::Store,
    transport::Transport,
};
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};

use crate::{
    Deps, pattern_field,
    signing::{self, ShownDelivery},
};

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new()
        .route("/v1/me", get(read::<S>))
        .route("/v1/me/filter", put(set_filter::<S>))
        .route("/v1/me/delivery", put(set_delivery::<S>))
}

/// A party as it sees itself through one of its keys.
#[derive(Serialize)]
pub(crate) struct Me<'a> {
    id: &'a PartyId,
    name: &'a str,
    environment: Environment,
    open: bool,
    state: PartyState,
    /// Why nothing is pushed here for now, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<&'a str>,
    scope: Option<&'a Pattern>,
    filter: Option<&'a Pattern>,
    delivery: ShownDelivery<'a>,
    acceptance: &'a [AcceptanceClock],
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping: Option<&'a Mapping>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<HealthView>,
}

impl<'a> Me<'a> {
    pub(crate) fn of(party: &'a Party, environment: Environment, now: Timestamp) -> Self {
        let settings = party.environment(environment);
        Self {
            id: &party.id,
            name: &party.name,
            environment,
            open: settings.open,
            state: party.state_in(environment),
            paused: settings.paused.as_deref(),
            scope: party.scope.as_ref(),
            filter: settings.filter.as_ref(),
            delivery: ShownDelivery::masked(&settings.delivery, now),
            acceptance: &settings.acceptance,
            mapping: settings.mapping.as_deref(),
            health: None,
        }
    }
}

async fn read<S: Store>(State(deps): State<Deps<S>>, caller: PartyCaller) -> Result<Response, Problem> {
    let (party, environment) = (&caller.party, caller.environment);
    let health = match &party.environment(environment).delivery {
        DeliverySettings::Push(push) if push.transport == Transport::Direct => {
            Some(deps.edge.store.health(&party.id, environment).await?.view())
        }
        DeliverySettings::Push(_) | DeliverySettings::Poll => None,
    };
    Ok(reply::json(StatusCode::OK, &Me { health, ..Me::of(party, environment, deps.edge.now()) }))
}

/// `{"pattern": null}` is a setting, and `{}` a mistake.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFilter {
    #[serde(deserialize_with = "Option::deserialize")]
    pattern: Option<Box<RawValue>>,
}

async fn set_filter<S: Store>(
    State(deps): State<Deps<S>>,
    ManagingParty(caller): ManagingParty,
    body: JsonBody,
) -> Result<Response, Problem> {
    let NewFilter { pattern } = body.parse()?;
    let pattern = pattern.map(|raw| pattern_field::read("/pattern", &raw)).transpose();
    let pattern = pattern.map_err(|fault| Problem::invalid(vec![fault]))?;
    let answer = json!({ "pattern": pattern });
    apply(&deps, &caller, PartyCommand::SetFilter(caller.environment, pattern)).await?;
    Ok(reply::json(StatusCode::OK, &answer))
}

async fn set_delivery<S: Store>(
    State(deps): State<Deps<S>>,
    ManagingParty(caller): ManagingParty,
    body: JsonBody,
) -> Result<Response, Problem> {
    let input: DeliveryInput = body.parse()?;
    let stored = &caller.party.environment(caller.environment).delivery;
    let seed = signing::seed(&deps.edge, deps.edge.now());
    let settings = resolve(input, Some(stored), deps.allow_private_endpoints, &seed).map_err(|faults| {
        Problem::invalid(faults.into_iter().map(|fault| Fault::new(fault.pointer, fault.detail)).collect())
    })?;
    let command = PartyCommand::SetDelivery(caller.environment, Box::new(settings));
    let party = apply(&deps, &caller, command).await?;
    let answer = ShownDelivery::after(&party.environment(caller.environment).delivery, &seed);
    Ok(reply::json(StatusCode::OK, &answer))
}

/// Changes what a party has set.
pub(crate) async fn apply<S: Store>(
    deps: &Deps<S>,
    caller: &PartyCaller,
    command: PartyCommand,
) -> Result<Party, Problem> {
    let (id, by, now) = (caller.party.id.clone(), caller.author(), deps.edge.now());
    Ok(deps.edge.store.apply_to_party(id, command, by, now, None).await?)
}
