//! Seals anew, at start, what was sealed with a key of before, so that the old key is needed no more once it is done.

use event_schema::id::PartyId;
use platform_base::vault::Vault;
use rusqlite::{Connection, params};

use crate::{
    error::{OpenError, opening},
    rows, stored_party,
};

/// Rows that are sealed anew in one transaction.
const STEP: u32 = 256;

/// Seals everything anew that the present key has not sealed, a bounded number of rows at a time: when the process ends
/// in between, the next start goes on.
///
/// # Errors
/// [`OpenError::OtherKey`] when none of the vault's keys has sealed a row.
pub(crate) fn all(connection: &mut Connection, vault: &Vault) -> Result<(), OpenError> {
    let mut done = 0;
    loop {
        let sealed = step(connection, vault).map_err(opening)?;
        if sealed == 0 {
            break;
        }
        done += sealed;
    }
    if done > 0 {
        tracing::info!(
            parties = done,
            "stored credentials were sealed with the present key; earlier ones can be dropped"
        );
    }
    Ok(())
}

/// Seals some rows anew and answers how many; none when there are no more.
fn step(connection: &mut Connection, vault: &Vault) -> rusqlite::Result<usize> {
    let transaction = connection.transaction()?;
    let header = vault.header();
    let rows = {
        let sealed_before = "SELECT id, secrets FROM parties WHERE substr(secrets, 1, length(?1)) <> ?1 LIMIT ?2";
        let mut statement = transaction.prepare_cached(sealed_before)?;
        let rows = statement.query_map(params![header, STEP], |row| {
            let id: PartyId = rows::parse(row, 0)?;
            let clear = stored_party::open(vault, &id, row.get_ref(1)?.as_blob()?)?;
            Ok((id, clear))
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()?
    };
    for (id, clear) in &rows {
        let sealed = stored_party::seal(vault, id, clear)?;
        transaction
            .prepare_cached("UPDATE parties SET secrets = ?2 WHERE id = ?1")?
            .execute(params![id.as_str(), sealed])?;
    }
    transaction.commit()?;
    Ok(rows.len())
}
