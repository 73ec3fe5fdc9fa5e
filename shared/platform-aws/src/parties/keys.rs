//! API keys: found by their hash with every call, and by their id when one is revoked.

use data_encoding::HEXLOWER;
use event_schema::id::{KeyId, PartyId};
use marketplace_core::party::ApiKey;

use crate::{
    item::{Item, ItemError, Key},
    requests::journal::party_pk,
    table::{Condition, Table, TableError, Write},
};

const HASH: &str = "hash";
const KEY_ID: &str = "key_id";
const PARTY: &str = "party";
const ENVIRONMENT: &str = "environment";
const CREATED_AT: &str = "created_at";

/// The row that a call finds.
pub(super) fn by_hash(hash: &[u8; 32]) -> Key {
    Key::new(format!("K#{}", HEXLOWER.encode(hash)), "KEY")
}

/// The row by which a party's key is found to be revoked.
fn by_id(party: &PartyId, key: KeyId) -> Key {
    Key::new(party_pk(party), format!("KEY#{key}"))
}

/// Both rows of a new key.
pub(super) fn added(key: &ApiKey) -> [Write; 2] {
    let found = Item::new(&by_hash(&key.hash))
        .text(KEY_ID, key.key_id.to_string())
        .text(PARTY, key.party.as_str())
        .text(ENVIRONMENT, key.environment.as_str())
        .time(CREATED_AT, key.created_at);
    [found, Item::new(&by_id(&key.party, key.key_id)).bytes(HASH, key.hash)].map(Write::insert)
}

/// Takes both rows of a party's key away; none if the party has no such key.
pub(super) async fn revoked(table: &Table, party: &PartyId, key: KeyId) -> Result<Option<[Write; 2]>, TableError> {
    let named = by_id(party, key);
    let Some(row) = table.get(&named).await? else {
        return Ok(None);
    };
    let found = by_hash(&row.get_array(HASH)?);
    Ok(Some([named, found].map(|key| Write::delete(key).when(Condition::Present))))
}

/// A key as it is stored under this hash.
pub(super) fn read(item: &Item, hash: [u8; 32]) -> Result<ApiKey, ItemError> {
    Ok(ApiKey {
        key_id: item.get_parsed(KEY_ID)?,
        party: item.get_parsed(PARTY)?,
        environment: item.get_parsed(ENVIRONMENT)?,
        hash,
        created_at: item.get_time(CREATED_AT)?,
    })
}
