//! Copying a live database to a file, as one moment of it; restoring is copying that file back.

use std::{fs::File, io, path::Path};

use rusqlite::{Connection, OpenFlags};

/// Why a backup was not made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target exists: a backup never overwrites.
    #[error("the target exists already")]
    Exists,
    /// The database refused.
    #[error("the database could not be copied")]
    Sqlite(#[from] rusqlite::Error),
    /// The copy could not be made durable.
    #[error("the copy could not be made durable")]
    Io(#[from] io::Error),
}

/// Copies the database of a data folder, which a gateway may be using, to `target`.
///
/// # Errors
/// The target exists, or the database could not be read, or the copy not written.
pub fn backup(data_dir: &Path, target: &Path) -> Result<(), BackupError> {
    if target.exists() {
        return Err(BackupError::Exists);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(crate::database(data_dir), flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    // `VACUUM INTO` reads one snapshot and never makes the writer wait, unlike the incremental backup, which
    // starts over at every change.
    connection.execute("VACUUM INTO ?1", [target.to_string_lossy()])?;
    File::open(target)?.sync_all()?;
    Ok(())
}
