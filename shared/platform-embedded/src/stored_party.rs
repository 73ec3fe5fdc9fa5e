//! How a party is laid out in its row: everything in clear text but the secrets, which are sealed together.

use event_schema::id::PartyId;
use marketplace_core::{
    certification::Certification,
    delivery::{DeliverySettings, Secrets, Withheld},
    health::Failing,
    mapping::Mapping,
    party::{AcceptanceClock, EnvironmentSettings, Party, PartyState},
    pattern::Pattern,
};
use platform_base::vault::Vault;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::{error::corrupt, rows};

/// The `settings` column, JSON.
#[derive(Deserialize, Serialize)]
struct Stored {
    name: String,
    contact_email: String,
    state: PartyState,
    scope: Option<Pattern>,
    environments: [StoredEnvironment; 3],
}

#[derive(Deserialize, Serialize)]
struct StoredEnvironment {
    open: bool,
    #[serde(default)]
    shut: bool,
    paused: Option<String>,
    filter: Option<Pattern>,
    delivery: DeliverySettings<Withheld>,
    #[serde(default)]
    failing: Option<Failing>,
    #[serde(default)]
    route: bool,
    #[serde(default)]
    acceptance: Vec<AcceptanceClock>,
    #[serde(default)]
    mapping: Option<Box<Mapping>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certification: Option<Box<Certification>>,
}

/// What is sealed with the secrets, so that one party's cannot be put into another's row.
fn context(id: &PartyId) -> Vec<u8> {
    format!("party/{id}/secrets").into_bytes()
}

/// Seals the `secrets` column of a party.
pub(crate) fn seal(vault: &Vault, id: &PartyId, clear: &[u8]) -> rusqlite::Result<Vec<u8>> {
    vault.seal(clear, &context(id)).map_err(|error| corrupt(2, error))
}

/// Opens it.
pub(crate) fn open(vault: &Vault, id: &PartyId, sealed: &[u8]) -> rusqlite::Result<Vec<u8>> {
    vault.open(sealed, &context(id)).map_err(|error| corrupt(2, error))
}

/// Inserts or replaces a party.
pub(crate) fn write(connection: &Connection, vault: &Vault, party: &Party, version: u64) -> rusqlite::Result<()> {
    let stored = |settings: &EnvironmentSettings| StoredEnvironment {
        open: settings.open,
        shut: settings.shut,
        paused: settings.paused.clone(),
        filter: settings.filter.clone(),
        failing: settings.failing,
        delivery: settings.delivery.masked(),
        route: settings.route,
        acceptance: settings.acceptance.clone(),
        mapping: settings.mapping.clone(),
        certification: settings.certification.clone(),
    };
    let settings = Stored {
        name: party.name.clone(),
        contact_email: party.contact_email.clone(),
        state: party.state,
        scope: party.scope.clone(),
        environments: party.environments.each_ref().map(stored),
    };
    let secrets = party.environments.each_ref().map(|settings| settings.delivery.secrets());
    let settings = serde_json::to_string(&settings).map_err(|error| corrupt(1, error))?;
    let secrets = serde_json::to_vec(&secrets).map_err(|error| corrupt(2, error))?;
    let sealed = seal(vault, &party.id, &secrets)?;
    connection
        .prepare_cached(
            "INSERT INTO parties (id, settings, secrets, created_at, version) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (id) DO UPDATE SET settings = ?2, secrets = ?3, created_at = ?4, version = ?5",
        )?
        .execute(params![
            party.id.as_str(),
            settings,
            sealed,
            rows::micros(party.created_at),
            rows::sequence(version)
        ])?;
    Ok(())
}

/// Reads a party and the registry's version at its last change.
pub(crate) fn read(row: &Row<'_>, vault: &Vault) -> rusqlite::Result<(u64, Party)> {
    let id: PartyId = rows::parse(row, 0)?;
    let stored: Stored = serde_json::from_str(row.get_ref(1)?.as_str()?).map_err(|error| corrupt(1, error))?;
    let secrets = open(vault, &id, row.get_ref(2)?.as_blob()?)?;
    let secrets: [Secrets; 3] = serde_json::from_slice(&secrets).map_err(|error| corrupt(2, error))?;
    let mut secrets = secrets.iter();
    let environments = stored.environments.map(|settings| {
        let delivery = secrets.next().map_or(Ok(DeliverySettings::Poll), |secrets| settings.delivery.join(secrets));
        delivery.map(|delivery| EnvironmentSettings {
            open: settings.open,
            shut: settings.shut,
            paused: settings.paused,
            filter: settings.filter,
            failing: settings.failing,
            delivery,
            route: settings.route,
            acceptance: settings.acceptance,
            mapping: settings.mapping,
            certification: settings.certification,
        })
    });
    let [prod, test, dev] = environments;
    let whole = |settings: Result<_, _>| settings.map_err(|error| corrupt(2, error));
    let party = Party {
        id,
        name: stored.name,
        contact_email: stored.contact_email,
        state: stored.state,
        scope: stored.scope,
        created_at: rows::time(3, row.get(3)?)?,
        environments: [whole(prod)?, whole(test)?, whole(dev)?],
    };
    Ok((row.get::<_, i64>(4)?.unsigned_abs(), party))
}
