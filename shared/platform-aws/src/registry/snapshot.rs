//! Snapshots of the registry, so that a new process does not begin with the first party that ever joined.
//!
//! A snapshot is a few rows, each a JSON array of parties without their secrets, packed (see `pack`), and one row that names
//! them. Parties resemble each other: packed, a tenth of the bytes is on its way when a router begins. Rows of a snapshot have
//! a name of their own, so that two who write at the same time do not mix theirs. The snapshot before the newest is kept, for
//! those who are just reading it.

use std::{error::Error, sync::Arc};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use marketplace_core::{party::Party, ports::StoreError};
use serde::{Deserialize, Serialize};

use super::stored::{REGISTRY, Stored};
use crate::{
    Aws,
    item::{Item, Key},
    table::{Condition, Table, TableError, Write},
};

/// A snapshot is written when the log has grown by so many changes.
pub const EVERY: u64 = 500;

/// Bytes of JSON in one row, at most: even what cannot be made shorter fits into the 400 KB that DynamoDB takes.
const ROW_BYTES: usize = 350_000;

/// Rows that are asked for at the same time.
const ROWS_AT_ONCE: usize = 16;

/// Rows that are deleted together.
const DELETES: usize = 25;

/// The row that says which snapshot is the newest.
fn pointer_key() -> Key {
    Key::new(REGISTRY, "SNAPSHOT")
}

/// What the pointer holds.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Pointer {
    newest: Named,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Named>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Named {
    name: String,
    version: u64,
    rows: usize,
}

impl Named {
    fn keys(&self) -> impl Iterator<Item = Key> {
        (0..self.rows).map(|row| Key::new(REGISTRY, format!("SNAPSHOT#{}#{row}", self.name)))
    }
}

/// All parties at some version, some of them perhaps newer.
pub(super) struct Snapshot {
    pub(super) version: u64,
    pub(super) parties: Vec<Arc<Party>>,
}

/// The newest snapshot, if there is one.
pub(super) async fn read(table: &Table) -> Result<Option<Snapshot>, TableError> {
    let mut patience = table.patience();
    loop {
        let Some(pointer) = table.get(&pointer_key()).await? else {
            return Ok(None);
        };
        let named = pointer.get_document::<Pointer>()?.newest;
        if let Some(parties) = parties_of(table, &named).await? {
            return Ok(Some(Snapshot { version: named.version, parties }));
        }
        // Two newer ones have been written meanwhile, and this one is gone.
        if !patience.again().await {
            return Err(TableError::Busy("snapshots are written faster than read".into()));
        }
    }
}

/// The parties of a snapshot; none when a row of it is gone. Parses a row while the next ones are on their way: a
/// router begins with this.
async fn parties_of(table: &Table, named: &Named) -> Result<Option<Vec<Arc<Party>>>, TableError> {
    let get = |key: Key| async move { table.get(&key).await };
    let mut rows = stream::iter(named.keys().map(get)).buffered(ROWS_AT_ONCE);
    let mut parties = vec![];
    while let Some(row) = rows.try_next().await? {
        let Some(row) = row else {
            return Ok(None);
        };
        for stored in unpacked(&row)? {
            parties.push(Arc::new(stored.without_secrets()));
        }
    }
    Ok(Some(parties))
}

/// The attribute with the parties of a row.
const PACKED: &str = "packed";

/// Packs JSON: the LZ4 block format, since unpacking is on the way of a router's first event; its size goes first.
fn pack(json: &str) -> Vec<u8> {
    lz4_flex::block::compress_prepend_size(json.as_bytes())
}

/// The parties of a row.
fn unpacked(row: &Item) -> Result<Vec<Stored>, TableError> {
    fn unexpected(error: impl Error + Send + Sync + 'static) -> TableError {
        TableError::Unexpected(Box::new(error))
    }

    let packed = row.get_bytes(PACKED)?;
    let json = lz4_flex::block::decompress_size_prepended(packed).map_err(unexpected)?;
    serde_json::from_slice(&json).map_err(unexpected)
}

impl Aws {
    /// Writes a snapshot of the registry if its log has grown by [`EVERY`] since the last one; false if it has not.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read or written; the snapshot before is still good then.
    pub async fn write_snapshot(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.registry.refresh(&self.table).await?;
        let row = self.table.get(&pointer_key()).await?;
        let revision = row.as_ref().map(Item::revision).transpose().map_err(TableError::from)?;
        let pointer: Option<Pointer> = row.as_ref().map(Item::get_document).transpose().map_err(TableError::from)?;
        let (version, chunks) = self.chunks()?;
        if version < pointer.as_ref().map_or(0, |pointer| pointer.newest.version) + EVERY {
            return Ok(false);
        }
        let newest = Named { name: self.randomness.uuid(now).to_string(), version, rows: chunks.len() };
        for (key, chunk) in newest.keys().zip(chunks) {
            self.table.put(Item::new(&key).bytes(PACKED, pack(&chunk)), None).await?;
        }
        let (before, oldest) = pointer.map_or((None, None), |pointer| (Some(pointer.newest), pointer.before));
        let item = Item::new(&pointer_key()).number(crate::item::REVISION, revision.map_or(1, |old| old + 1));
        let item = item.document(&Pointer { newest, before }).map_err(TableError::from)?;
        self.table.write(vec![Write::put(item).when(Condition::unchanged(revision))]).await?;
        self.forget(oldest).await?;
        Ok(true)
    }

    /// The registry's version and its parties as JSON arrays.
    fn chunks(&self) -> Result<(u64, Vec<String>), StoreError> {
        let routing = self.registry.routing();
        let mut chunks = vec![];
        for party in routing.parties() {
            let text =
                serde_json::to_string(&Stored::of(party)).map_err(|error| StoreError::Unexpected(Box::new(error)))?;
            match chunks.last_mut() {
                Some(chunk) if String::len(chunk) + text.len() < ROW_BYTES => {
                    chunk.push(',');
                    chunk.push_str(&text);
                }
                _ => chunks.push(format!("[{text}")),
            }
        }
        chunks.iter_mut().for_each(|chunk| chunk.push(']'));
        Ok((routing.version(), chunks))
    }

    async fn forget(&self, snapshot: Option<Named>) -> Result<(), TableError> {
        let keys: Vec<Key> = snapshot.iter().flat_map(Named::keys).collect();
        for keys in keys.chunks(DELETES) {
            self.table.write(keys.iter().cloned().map(Write::delete).collect()).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_reads_back_and_what_is_spoilt_does_not() {
        let item = |packed: Vec<u8>| Item::new(&pointer_key()).bytes(PACKED, packed);
        assert!(unpacked(&item(pack("[]"))).unwrap().is_empty());
        assert!(unpacked(&item(pack("[{}]"))).is_err());
        let mut spoilt = pack("[]");
        spoilt.truncate(4);
        assert!(unpacked(&item(spoilt)).is_err());
    }
}
