//! Copying a live database to a file, as one moment of it; restoring is copying that file back.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read as _},
    path::Path,
};

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

/// Where a database's header says how it is written to and read (SQLite, "Database File Format", section 1.3.3).
const VERSIONS: std::ops::Range<usize> = 18..20;

/// What stands there in a copy: "not with a write-ahead log". A database of ours at work always has a log.
const WITHOUT_LOG: [u8; 2] = [1, 1];

/// Removes the log that a crash left beside a database that a backup was copied over since: SQLite would carry what
/// is in the log into the backup. To be called before the database is opened.
///
/// # Errors
/// The database could not be read, or the log not removed.
pub(crate) fn forget_a_log_of_before(database: &Path) -> io::Result<()> {
    let mut header = [0; VERSIONS.end];
    let read = File::open(database).and_then(|mut file| file.read_exact(&mut header));
    match read {
        Ok(()) if header[VERSIONS] == WITHOUT_LOG => {}
        Ok(()) => return Ok(()),
        // There is no database yet, or an empty one.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) => return Ok(()),
        Err(error) => return Err(error),
    }
    for suffix in ["-wal", "-shm"] {
        let mut log = database.as_os_str().to_owned();
        log.push(suffix);
        match fs::remove_file(&log) {
            Ok(()) => tracing::warn!(file = %log.display(), "removed: it is not of the backup that was copied back"),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
