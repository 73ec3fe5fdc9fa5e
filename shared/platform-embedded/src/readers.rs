//! Connections that only read, off the runtime's threads: a slow disk must not stop the sockets.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use marketplace_core::ports::StoreError;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::store_error;

/// How many reads run at once.
const CONNECTIONS: usize = 4;

type Pool = Arc<Mutex<Vec<Connection>>>;

/// A pool of read-only connections.
pub(crate) struct Readers {
    free: Pool,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Opens them, each with a page cache of this many KiB.
    pub(crate) fn open(path: &Path, cache_kib: i64) -> rusqlite::Result<Self> {
        let free = (0..CONNECTIONS).map(|_| open(path, cache_kib)).collect::<rusqlite::Result<_>>()?;
        Ok(Self { free: Arc::new(Mutex::new(free)), permits: Arc::new(Semaphore::new(CONNECTIONS)) })
    }

    /// Runs a read against one snapshot of the database.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = |_| StoreError::Unavailable("the store is closed");
        let permit = self.permits.clone().acquire_owned().await.map_err(closed)?;
        let pool = self.free.clone();
        let task = tokio::task::spawn_blocking(move || {
            let lent = Lent::take(pool, permit);
            let free = lent.connection.as_ref();
            let connection = free.ok_or(StoreError::Unavailable("no connection is free"))?;
            one_snapshot(connection, read).map_err(store_error)
        });
        task.await.map_err(|error| StoreError::Unexpected(Box::new(error)))?
    }
}

/// A connection on loan. It goes back, and another read may begin, when the read has ended: also when its caller
/// went away before that, and when it panicked.
struct Lent {
    connection: Option<Connection>,
    pool: Pool,
    _permit: OwnedSemaphorePermit,
}

impl Lent {
    fn take(pool: Pool, permit: OwnedSemaphorePermit) -> Self {
        let connection = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self { connection, pool, _permit: permit }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        pool.extend(self.connection.take());
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
