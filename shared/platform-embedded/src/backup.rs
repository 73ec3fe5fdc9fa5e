//! Copying a live database to a file, as one moment of it; restoring is copying that file back.

use std::{fs::File, io, path::Path};

use rusqlite::{Connection, OpenFlags};
use tempfile::NamedTempFile;

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

/// Copies the database of a data folder, which a gateway may be using, to `target`. What is there in the end is a
/// whole backup or nothing.
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
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Removed again, with whatever is in it, unless the copy is whole and gets its name. Readable by its owner only.
    let unfinished = NamedTempFile::new_in(folder)?;
    // `VACUUM INTO` reads one snapshot and never makes the writer wait, unlike the incremental backup, which
    // starts over at every change.
    connection.execute("VACUUM INTO ?1", [unfinished.path().to_string_lossy()])?;
    unfinished.as_file().sync_all()?;
    match unfinished.persist_noclobber(target) {
        Err(fault) if fault.error.kind() == io::ErrorKind::AlreadyExists => Err(BackupError::Exists),
        Err(fault) => Err(BackupError::Io(fault.error)),
        // The name is durable when its folder is.
        Ok(_) => Ok(File::open(folder)?.sync_all()?),
    }
}
