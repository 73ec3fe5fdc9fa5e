//! API keys: found by their hash with every call, and all of a party's through rows in its own partition.

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use event_schema::id::{Environment, KeyId, PartyId};
use jiff::Timestamp;
use marketplace_core::party::{ApiKey, KeyScope};
use serde::{Deserialize, Serialize};

use crate::{
    item::{DOCUMENT, Item, ItemError, Key},
    requests::journal::party_pk,
    table::{Condition, Query, Range, Table, TableError, Write},
};

const HASH: &str = "hash";
const KEY_ID: &str = "key_id";
const PARTY: &str = "party";
const ENVIRONMENT: &str = "environment";
const CREATED_AT: &str = "created_at";

/// What the sort keys of a party's keys begin with.
const PREFIX: &str = "KEY#";

/// What keys of before do not say.
#[derive(Deserialize, Serialize)]
struct Details {
    scope: KeyScope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
}

impl Details {
    /// Keys of before may do everything.
    fn of_before() -> Self {
        Self { scope: KeyScope::Manage, name: None, prefix: None, expires_at: None, last_used_at: None }
    }
}

/// The row that a call finds.
pub(super) fn by_hash(hash: &[u8; 32]) -> Key {
    Key::new(format!("K#{}", HEXLOWER.encode(hash)), "KEY")
}

/// The row by which a party's key is found among all of its keys.
fn by_id(party: &PartyId, key: KeyId) -> Key {
    Key::new(party_pk(party), format!("{PREFIX}{key}"))
}

/// Both rows of a new key.
pub(super) fn added(key: &ApiKey) -> Result<[Write; 2], ItemError> {
    let listed = Item::new(&by_id(&key.party, key.key_id)).bytes(HASH, key.hash);
    Ok([item(key)?, listed].map(Write::insert))
}

/// Takes both rows of a key away.
pub(super) fn revoked(key: &ApiKey) -> [Write; 2] {
    let keys = [by_hash(&key.hash), by_id(&key.party, key.key_id)];
    keys.map(|key| Write::delete(key).when(Condition::Present))
}

/// A party's keys, in no order.
pub(super) async fn of(table: &Table, party: &PartyId) -> Result<Vec<ApiKey>, TableError> {
    let listed = table.all(&Query::partition(party_pk(party), Range::Prefix(PREFIX.to_owned()))).await?;
    let hashes = listed.iter().map(|row| row.get_array(HASH)).collect::<Result<Vec<[u8; 32]>, _>>()?;
    let hash_of: HashMap<_, _> = hashes.iter().map(|hash| (by_hash(hash), *hash)).collect();
    let mut keys = vec![];
    for row in table.get_all(&hashes.iter().map(by_hash).collect::<Vec<_>>()).await? {
        if let Some(hash) = hash_of.get(&row.key()?) {
            keys.push(read(&row, *hash)?);
        }
    }
    Ok(keys)
}

/// Writes a key that was found again, with this use of it, if it has not been revoked.
pub(super) async fn record_use(table: &Table, key: &ApiKey, now: Timestamp) -> Result<(), TableError> {
    let used = ApiKey { last_used_at: Some(now), ..key.clone() };
    match table.put(item(&used)?, Some(Condition::Present)).await {
        Ok(()) | Err(TableError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn item(key: &ApiKey) -> Result<Item, ItemError> {
    let row = Item::new(&by_hash(&key.hash))
        .text(KEY_ID, key.key_id.to_string())
        .text(PARTY, key.party.as_str())
        .text(ENVIRONMENT, key.environment.as_str())
        .time(CREATED_AT, key.created_at);
    row.document(&Details {
        scope: key.scope,
        name: key.name.clone(),
        prefix: Some(key.prefix.clone()),
        expires_at: key.expires_at,
        last_used_at: key.last_used_at,
    })
}

/// A key as it is stored.
pub(super) fn read(item: &Item, hash: [u8; 32]) -> Result<ApiKey, ItemError> {
    let environment: Environment = item.get_parsed(ENVIRONMENT)?;
    let details = item.optional(DOCUMENT, |item, _| item.get_document())?;
    let Details { scope, name, prefix, expires_at, last_used_at } = details.unwrap_or_else(Details::of_before);
    Ok(ApiKey {
        key_id: item.get_parsed(KEY_ID)?,
        party: item.get_parsed(PARTY)?,
        environment,
        scope,
        name,
        prefix: prefix.unwrap_or_else(|| format!("mk_{environment}_")),
        hash,
        created_at: item.get_time(CREATED_AT)?,
        expires_at,
        last_used_at,
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_key_of_before_may_do_everything() {
        let new = ApiKey::new(
            KeyId(Uuid::from_u128(1)),
            "books".parse().unwrap(),
            Environment::Test,
            [7; 32],
            Timestamp::UNIX_EPOCH,
        );
        let mut attributes = item(&new).unwrap().into_attributes();
        attributes.remove(DOCUMENT);
        assert_eq!(read(&Item::from(attributes), new.hash).unwrap(), new);
        let said = ApiKey {
            scope: KeyScope::Integrate,
            name: Some("CI".to_owned()),
            prefix: "mk_test_0123".to_owned(),
            ..new
        };
        assert_eq!(read(&item(&said).unwrap(), said.hash).unwrap(), said);
    }
}
