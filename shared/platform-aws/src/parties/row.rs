//! A party's own row: everything in clear text but the secrets, which are sealed for each environment apart.

use data_encoding::HEXLOWER;
use event_schema::id::{Environment, PartyId};
use marketplace_core::{causes::Causes, delivery::Secrets, party::Party, ports::StoreError};
use sha2::{Digest, Sha256};

use crate::{
    item::{Item, ItemError, REVISION},
    registry::stored::{AllSecrets, Stored, VERSION, party_key},
    sealer::{Owner, SealError, Sealer},
    table::TableError,
};

/// The highest journal sequence of the party's changes.
const LAST_SEQUENCE: &str = "last_sequence";

/// The attributes of the sealed secrets, in the order of [`Environment::ALL`].
const SEALED: [&str; 3] = ["secrets_prod", "secrets_test", "secrets_dev"];

/// A party as it was read.
pub(super) struct PartyRow {
    pub(super) party: Party,
    pub(super) revision: u64,
    pub(super) last_sequence: u64,
    /// The sealed secrets; none where there are none.
    pub(super) sealed: [Option<Vec<u8>>; 3],
}

/// Reads a party with its secrets.
pub(super) async fn read(item: &Item, id: &PartyId, sealer: &Sealer) -> Result<PartyRow, StoreError> {
    let stored: Stored = item.get_document().map_err(TableError::from)?;
    let sealed = sealed(item).map_err(TableError::from)?;
    let party = match sealer {
        Sealer::Closed => stored.without_secrets(),
        Sealer::Local(_) | Sealer::Kms(_) => stored.with(&opened(&sealed, id, sealer).await?).map_err(unexpected)?,
    };
    Ok(PartyRow {
        party,
        revision: item.revision().map_err(TableError::from)?,
        last_sequence: item.get_number(LAST_SEQUENCE).map_err(TableError::from)?,
        sealed,
    })
}

async fn opened(sealed: &[Option<Vec<u8>>; 3], id: &PartyId, sealer: &Sealer) -> Result<AllSecrets, StoreError> {
    let mut secrets = AllSecrets::default();
    for environment in Environment::ALL {
        if let Some(sealed) = &sealed[environment as usize] {
            let clear = sealer.open(sealed, Owner { party: id, environment }).await.map_err(unsealed)?;
            secrets[environment as usize] = serde_json::from_slice(&clear).map_err(unexpected)?;
        }
    }
    Ok(secrets)
}

fn sealed(item: &Item) -> Result<[Option<Vec<u8>>; 3], ItemError> {
    let sealed = |environment| item.optional(SEALED[environment], Item::get_bytes).map(|sealed| sealed.map(Vec::from));
    Ok([sealed(0)?, sealed(1)?, sealed(2)?])
}

/// Seals a party's secrets. What has not changed is not sealed again, so that what is sealed changes only when a secret
/// does: see [`credential_mark`].
pub(super) async fn seal(
    party: &Party,
    before: Option<&PartyRow>,
    sealer: &Sealer,
) -> Result<[Option<Vec<u8>>; 3], StoreError> {
    let mut sealed = [None, None, None];
    for environment in Environment::ALL {
        let place = environment as usize;
        let secrets = party.environments[place].delivery.secrets();
        let kept = before.filter(|before| before.party.environments[place].delivery.secrets() == secrets);
        sealed[place] = match kept {
            Some(before) => before.sealed[place].clone(),
            None if secrets == Secrets::default() => None,
            None => {
                let clear = serde_json::to_vec(&secrets).map_err(unexpected)?;
                Some(sealer.seal(&clear, Owner { party: &party.id, environment }).await.map_err(unsealed)?)
            }
        };
    }
    Ok(sealed)
}

/// The row, to be written with the version of the registry that it makes.
pub(super) fn item(
    party: &Party,
    sealed: [Option<Vec<u8>>; 3],
    revision: u64,
    version: u64,
    last_sequence: u64,
) -> Result<Item, ItemError> {
    let mut item = Item::new(&party_key(&party.id))
        .number(REVISION, revision)
        .number(VERSION, version)
        .number(LAST_SEQUENCE, last_sequence);
    for (attribute, sealed) in SEALED.into_iter().zip(sealed) {
        if let Some(sealed) = sealed {
            item = item.bytes(attribute, sealed);
        }
    }
    item.document(&Stored::of(party))
}

/// Stands for a secret where it must not be: changes with it, and tells nothing of it, since what it is made of is
/// sealed.
pub(super) fn credential_mark(row: &PartyRow, environment: Environment) -> String {
    let sealed = row.sealed[environment as usize].as_deref();
    sealed.map_or_else(|| "none".to_owned(), |sealed| HEXLOWER.encode(&Sha256::digest(sealed)[..8]))
}

fn unexpected(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unexpected(Box::new(error))
}

fn unsealed(error: SealError) -> StoreError {
    tracing::error!(error = %Causes(&error), "secrets are out of reach");
    StoreError::Unexpected(Box::new(error))
}
