//! Connections that only read, off the runtime's threads: a slow disk must not stop the sockets.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use marketplace_core::ports::StoreError;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::error::store_error;

/// How many reads run at once.
const CONNECTIONS: usize = 4;

/// A pool of read-only connections.
pub(crate) struct Readers {
    free: Arc<Mutex<Vec<Connection>>>,
    permits: Semaphore,
}

impl Readers {
    /// Opens them, each with a page cache of this many KiB.
    pub(crate) fn open(path: &Path, cache_kib: i64) -> rusqlite::Result<Self> {
        let free = (0..CONNECTIONS)
            .map(|_| open(path, cache_kib))
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self {
            free: Arc::new(Mutex::new(free)),
            permits: Semaphore::new(CONNECTIONS),
        })
    }

    /// Runs a read against one snapshot of the database.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = |_| StoreError::Unavailable("the store is closed");
        let _permit = self.permits.acquire().await.map_err(closed)?;
        let pool = self.free.clone();
        let task = tokio::task::spawn_blocking(move || {
            let connection = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(connection) = connection else {
                return Err(StoreError::Unavailable("no connection is free"));
            };
            let outcome = one_snapshot(&connection, read);
            pool.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            outcome.map_err(store_error)
        });
        task.await
            .map_err(|error| StoreError::Unexpected(Box::new(error)))?
    }
}

fn open(path: &Path, cache_kib: i64) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

fn one_snapshot<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.unchecked_transaction()?;
    let value = read(connection)?;
    transaction.finish()?;
    Ok(value)
}
