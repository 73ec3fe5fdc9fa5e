//! Third parties as operators see them: everything but secrets.

use event_schema::id::{Environment, KeyId, PartyId};
use jiff::Timestamp;
use marketplace_core::{
    delivery::{DeliverySettings, Secret, Withheld},
    party::{AcceptanceClock, Party, PartyState},
    pattern::Pattern,
};
use serde::Serialize;
use serde_json::{Value, json};

/// The answer to a creation. A stored one has no key in it: keys are shown once.
pub(super) fn created(party: &Party, key_id: KeyId, key: Option<&Secret>) -> Value {
    let mut answer = json!({
        "id": party.id,
        "name": party.name,
        "state": party.state,
        "key_id": key_id,
    });
    if let Some(key) = key {
        answer["api_key"] = key.expose().into();
    }
    answer
}

/// A party in a list.
#[derive(Serialize)]
pub(super) struct PartySummary<'a> {
    id: &'a PartyId,
    name: &'a str,
    state: PartyState,
    created_at: Timestamp,
}

impl<'a> PartySummary<'a> {
    pub(super) fn of(party: &'a Party) -> Self {
        Self { id: &party.id, name: &party.name, state: party.state, created_at: party.created_at }
    }
}

/// A party by itself.
#[derive(Serialize)]
pub(crate) struct PartyView<'a> {
    id: &'a PartyId,
    name: &'a str,
    contact_email: &'a str,
    state: PartyState,
    scope: Option<&'a Pattern>,
    created_at: Timestamp,
    environments: Environments<'a>,
}

#[derive(Serialize)]
struct Environments<'a> {
    prod: EnvironmentView<'a>,
    test: EnvironmentView<'a>,
    dev: EnvironmentView<'a>,
}

#[derive(Serialize)]
struct EnvironmentView<'a> {
    open: bool,
    state: PartyState,
    /// Why nothing is pushed here for now, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<&'a str>,
    filter: Option<&'a Pattern>,
    delivery: DeliverySettings<Withheld>,
    acceptance: &'a [AcceptanceClock],
}

impl<'a> PartyView<'a> {
    pub(crate) fn of(party: &'a Party, now: Timestamp) -> Self {
        let view = |environment| {
            let settings = party.environment(environment);
            EnvironmentView {
                open: settings.open,
                state: party.state_in(environment),
                paused: settings.paused.as_deref(),
                filter: settings.filter.as_ref(),
                delivery: settings.delivery.masked().at(now),
                acceptance: &settings.acceptance,
            }
        };
        Self {
            id: &party.id,
            name: &party.name,
            contact_email: &party.contact_email,
            state: party.state,
            scope: party.scope.as_ref(),
            created_at: party.created_at,
            environments: Environments {
                prod: view(Environment::Prod),
                test: view(Environment::Test),
                dev: view(Environment::Dev),
            },
        }
    }
}
