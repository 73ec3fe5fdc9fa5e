//! Moving the write-ahead log into the database, so that it neither grows without bound nor makes callers wait.
//!
//! A thread of its own moves pages while the writer goes on (`PASSIVE` never blocks it). Under a writer that
//! never rests that thread is never quite done, and SQLite starts the log over only when all of it was moved; so
//! when the log is long the writer finishes the rest itself, between two commits.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    time::Duration,
};

use marketplace_core::causes::Causes;
use rusqlite::Connection;

use crate::shared::Shared;

/// How often the thread looks.
const EVERY: Duration = Duration::from_secs(1);

/// A log longer than this is finished by the writer, in bytes.
const LONG: u64 = 64 * 1024 * 1024;

/// How many commits lie between two looks at the log's length.
const COMMITS_BETWEEN_LOOKS: u32 = 64;

/// Watches the log's length on the writer's behalf.
pub(crate) struct LogWatch {
    log: PathBuf,
    commits: u32,
}

impl LogWatch {
    /// Sets the writer's connection up so that checkpoints happen only here.
    pub(crate) fn configure(connection: &Connection, database: &Path) -> rusqlite::Result<Self> {
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", i64::try_from(LONG).unwrap_or(i64::MAX))?;
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        Ok(Self { log: log.into(), commits: 0 })
    }

    /// Called by the writer between two commits.
    pub(crate) fn after_commit(&mut self, connection: &Connection) {
        self.commits += 1;
        if self.commits < COMMITS_BETWEEN_LOOKS {
            return;
        }
        self.commits = 0;
        if std::fs::metadata(&self.log).is_ok_and(|log| log.len() > LONG) {
            move_pages(connection);
        }
    }
}

/// Ends the thread when it is dropped.
pub(crate) struct Checkpoints {
    _stop: Sender<()>,
}

impl Checkpoints {
    /// Starts the thread, with a connection of its own.
    pub(crate) fn start(connection: Connection, shared: Arc<Shared>) -> std::io::Result<Self> {
        let (stop, stopped) = channel::<()>();
        let end = shared.tail.end();
        std::thread::Builder::new().name("checkpoints".to_owned()).spawn(move || {
            let mut moved = 0;
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let now = *end.borrow();
                if now != moved {
                    moved = now;
                    move_pages(&connection);
                }
            }
        })?;
        Ok(Self { _stop: stop })
    }
}

/// Moves what can be moved without waiting for anybody. A failure loses nothing: the log holds it all.
fn move_pages(connection: &Connection) {
    let moved = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    if let Err(error) = moved {
        tracing::warn!(error = %Causes(&error), "the write-ahead log could not be moved");
    }
}
