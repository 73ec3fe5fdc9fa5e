//! The database's tables and their history: the file carries its version and migrates forward at start.

use rusqlite::Connection;

use crate::error::OpenError;

/// Each step takes the file from one version to the next. A released step never changes; new ones are appended.
const MIGRATIONS: [&str; 1] = [include_str!("schema/1.sql")];

/// Brings the file to the newest version.
///
/// # Errors
/// [`OpenError::Newer`] when a newer program has written the file; [`OpenError::Sqlite`] when a step fails.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    if version > MIGRATIONS.len() {
        return Err(OpenError::Newer { file: version, program: MIGRATIONS.len() });
    }
    for (done, step) in MIGRATIONS.iter().enumerate().skip(version) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", i64::try_from(done + 1).unwrap_or(i64::MAX))?;
        transaction.commit()?;
    }
    Ok(())
}
