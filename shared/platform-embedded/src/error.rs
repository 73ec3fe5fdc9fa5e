//! What can go wrong below the ports, and what the ports say of it.

use std::{error::Error, io};

use marketplace_core::ports::StoreError;
use rusqlite::ErrorCode;

use platform_base::vault::VaultError;

/// Why the data folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer program has written the file; this one would not understand it.
    #[error("the database has version {file}, but this program knows only up to {program}")]
    Newer {
        /// The file's version.
        file: usize,
        /// The newest version that this program knows.
        program: usize,
    },
    /// Another process has the folder open.
    #[error("another process uses this data folder")]
    InUse,
    /// The secret key is not the one that the stored credentials were sealed with.
    #[error(
        "third parties' stored credentials were encrypted with another key: set MARKETPLACE_SECRET_KEY to it (or \
         MARKETPLACE_SECRET_KEY_PREVIOUS, when it was replaced), or put the file `secret-key` of the gateway that made \
         this database into its data folder"
    )]
    OtherKey,
    /// The database refused.
    #[error("the database cannot be opened")]
    Sqlite(#[from] rusqlite::Error),
    /// The folder or a thread could not be made.
    #[error("the data folder cannot be used")]
    Io(#[from] io::Error),
    /// A stored row is not what this program writes.
    #[error("a stored row cannot be read")]
    Row(#[source] Box<dyn Error + Send + Sync>),
}

/// Tells the wrong key from a damaged file.
pub(crate) fn opening(error: rusqlite::Error) -> OpenError {
    match &error {
        rusqlite::Error::FromSqlConversionFailure(_, _, cause)
            if matches!(cause.downcast_ref(), Some(VaultError::OtherKey)) =>
        {
            OpenError::OtherKey
        }
        _ => OpenError::Sqlite(error),
    }
}

/// What a port says of a database error: a full or failing disk is "try later", all else is unexpected.
pub(crate) fn store_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Unavailable("the disk is full"),
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => StoreError::Unavailable("the disk fails"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Unavailable("the database is busy"),
        _ => StoreError::Unexpected(Box::new(error)),
    }
}

/// A row holds something that this program does not write.
pub(crate) fn corrupt(column: usize, error: impl Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, Box::new(error))
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn trouble_with_the_disk_is_try_later_and_all_else_is_unexpected() {
        let told = |code| store_error(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for code in
            [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_CANTOPEN, ffi::SQLITE_BUSY]
        {
            assert!(matches!(told(code), StoreError::Unavailable(_)), "{code}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_CONSTRAINT_PRIMARYKEY, ffi::SQLITE_MISUSE] {
            assert!(matches!(told(code), StoreError::Unexpected(_)), "{code}");
        }
        assert!(matches!(store_error(rusqlite::Error::QueryReturnedNoRows), StoreError::Unexpected(_)));
    }
}
