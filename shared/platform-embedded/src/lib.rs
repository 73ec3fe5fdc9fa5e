//! The ports on one machine: one SQLite file is the store and the bus, and workers push what is due.
//!
//! Every change goes through one writer thread that commits many callers' changes together (`writer`); a caller
//! is answered after its commit. State and journal rows share that commit, and the journal is the bus ([`bus`]).

pub mod alarms;
pub mod background;
mod backup;
pub mod bus;
mod certifications;
mod changes;
mod checkpoint;
mod contacts;
mod dead_letters;
mod effects;
mod endpoint_tests;
mod error;
pub mod filing;
mod idempotency;
pub mod identity;
mod inbox;
mod journal;
pub mod notices;
mod parties;
pub mod push;
mod readers;
mod replays;
mod requests;
mod reseal;
pub mod retention;
mod rows;
mod schema;
pub mod secret_file;
mod shared;
mod sign_ups;
mod stored_party;
mod tail;
mod users;
mod writer;

use std::{
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, RwLock},
    time::{Duration, Instant},
};

use marketplace_core::ports::{Store, StoreError};
use platform_base::vault::Vault;
use rusqlite::Connection;

pub use self::{
    backup::{BackupError, backup},
    error::OpenError,
    idempotency::Guard,
};
use crate::{
    alarms::Alarm,
    checkpoint::{Checkpoints, LogWatch},
    push::queues::Queues,
    readers::Readers,
    shared::{Shared, Waiters},
    tail::Tail,
    writer::Writer,
};

/// How a store is opened.
pub struct Options {
    /// The folder that holds the database.
    pub data_dir: PathBuf,
    /// Encrypts stored credentials.
    pub vault: Vault,
    /// Most changes that wait for the writer before callers are turned away.
    pub queue: usize,
    /// Page cache of all connections together, in KiB.
    pub cache_kib: i64,
}

impl Options {
    /// The usual sizes.
    #[must_use]
    pub fn new(data_dir: PathBuf, vault: Vault) -> Self {
        Self { data_dir, vault, queue: 8_192, cache_kib: 64 * 1024 }
    }
}

/// The platform's store: implements the ports. Cheap to clone; the last clone closes it.
#[derive(Clone)]
pub struct Embedded {
    shared: Arc<Shared>,
    writer: Writer,
    _checkpoints: Arc<Checkpoints>,
}

/// The database's file in a data folder.
#[must_use]
pub fn database(data_dir: &Path) -> PathBuf {
    data_dir.join("marketplace.db")
}

impl Store for Embedded {}

impl Embedded {
    /// Opens the store in a folder, making both if need be; no other process may have it open.
    ///
    /// # Errors
    /// [`OpenError`]: the folder or file cannot be used, or another process uses it.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        fs::create_dir_all(&options.data_dir)?;
        let lock = lock(&options.data_dir)?;
        let path = database(&options.data_dir);
        backup::forget_a_log_of_before(&path)?;
        make_private(&path)?;
        let mut connection = connect(&path, options.cache_kib / 2)?;
        schema::migrate(&mut connection)?;
        reseal::all(&mut connection, &options.vault)?;
        let registry = parties::load(&connection, &options.vault).map_err(error::opening)?;
        let next_sequence = next_sequence(&connection)?;
        let shared = Arc::new(Shared {
            registry: RwLock::new(registry),
            readers: Readers::open(&path, options.cache_kib / 8)?,
            tail: Tail::new(next_sequence),
            queues: Queues::default(),
            waiters: Waiters::default(),
            filing: tokio::sync::Mutex::default(),
            alarm: Alarm::default(),
            replay_started: tokio::sync::Notify::new(),
            certifications: tokio::sync::Notify::new(),
            running: Mutex::default(),
            tests: Mutex::default(),
            sign_ups: sign_ups::Turns::default(),
            opened_after: newest_time(&connection)?,
            vault: options.vault,
            _lock: lock,
        });
        let log = LogWatch::configure(&connection, &path)?;
        let checkpoints = Checkpoints::start(connect(&path, 2_048)?, shared.clone())?;
        let writer = Writer::start(connection, log, shared.clone(), next_sequence, options.queue)?;
        Ok(Self { shared, writer, _checkpoints: Arc::new(checkpoints) })
    }

    /// Whether the database can be read and written; for readiness probes.
    ///
    /// # Errors
    /// It cannot, or callers are turned away since too much is waiting.
    pub async fn check(&self) -> Result<(), StoreError> {
        if self.writer.waiting() == self.writer.room() {
            return Err(StoreError::Unavailable("too much is waiting to be written"));
        }
        self.shared.readers.read(|connection| connection.query_row("SELECT 1", [], |_| Ok(()))).await?;
        self.write_bus(|transaction| {
            // Comes to nothing, but SQLite has to write what it comes to.
            let connection = transaction.connection;
            connection
                .prepare_cached("INSERT INTO notices (request, sequence, channel) VALUES (x'', 0, '')")?
                .execute([])?;
            connection.prepare_cached("DELETE FROM notices WHERE request = x''")?.execute([]).map(drop)
        })
        .await
    }
}

impl Embedded {
    /// Brings the gauges that nobody keeps up to date by themselves up to date.
    pub fn report_gauges(&self) {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and these numbers are small")]
        let gauge = |name: &'static str, value: u64| metrics::gauge!(name).set(value as f64);
        gauge("marketplace_pushes_held", self.shared.queues.held() as u64);
        gauge("marketplace_writer_queue_length", self.writer.waiting() as u64);
        gauge("marketplace_journal_sequence", *self.shared.tail.end().borrow());
        gauge("marketplace_third_parties", self.shared.registry().routing.parties().count() as u64);
    }
}

/// Held by the operating system until the process ends, however it ends.
fn lock(data_dir: &Path) -> Result<File, OpenError> {
    /// A gateway that is just ending may still hold it.
    const PATIENCE: Duration = Duration::from_secs(5);
    let file = File::options().create(true).truncate(false).write(true).open(data_dir.join("lock"))?;
    let started = Instant::now();
    while file.try_lock().is_err() {
        if started.elapsed() > PATIENCE {
            return Err(OpenError::InUse);
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(file)
}

/// Makes the file, if there is none, before SQLite does: it holds password hashes and people's addresses, so that only
/// its owner may read it, whatever folder it is in. SQLite gives its log the mode of the database.
fn make_private(database: &Path) -> io::Result<()> {
    File::options().create(true).append(true).mode(0o600).open(database).map(|_| ())
}

fn connect(path: &Path, cache_kib: i64) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

/// Sequences are never used again, not even after the newest rows were pruned.
fn next_sequence(connection: &Connection) -> rusqlite::Result<u64> {
    let last: i64 = connection.query_row(
        "SELECT max(coalesce((SELECT max(sequence) FROM journal), 0), coalesce((SELECT max(sequence) FROM consumers), 0))",
        [],
        |row| row.get(0),
    )?;
    Ok(last.unsigned_abs() + 1)
}

/// The time of the newest change. Times are not quite in the order of the rows, so it looks at some.
fn newest_time(connection: &Connection) -> rusqlite::Result<i64> {
    let newest = "SELECT coalesce(max(at), 0) FROM (SELECT at FROM journal ORDER BY sequence DESC LIMIT 1000)";
    connection.query_row(newest, [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn nobody_else_may_read_the_database() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let vault = Vault::new(&"a secret key of more than thirty-two characters".into()).unwrap();
        let _store = Embedded::open(Options::new(folder.path().to_owned(), vault)).unwrap();
        for file in ["marketplace.db", "marketplace.db-wal", "marketplace.db-shm"] {
            let mode = fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }
}
