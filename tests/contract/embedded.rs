//! The platform for one machine: the contract, and what it promises besides.

mod alarms;
mod auto_pause;
mod backup;
mod bus;
mod filing;
mod group_commit;
mod push;
mod push_breaker;
mod push_faults;
mod push_races;
mod push_rate;
mod retention;
mod script;
mod start;
mod waking;

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use event_schema::kind::EventKind;
use futures::FutureExt;
use jiff::Timestamp;
use marketplace_core::publish::BusEvent;
use platform_base::vault::Vault;
use platform_embedded::{
    Embedded, Options, alarms as kept_alarms,
    bus::{Bus, Consumer},
    push::PushWorkers,
};
use secrecy::SecretString;
use tempfile::TempDir;
use tests::eventually;

use self::script::Script;
use crate::platform::PlatformUnderTest;

/// The contract.
mod contract {
    crate::suite::contract!(super::OneMachine);
}

/// A store in a folder of its own.
pub(crate) struct OneMachine {
    pub(crate) folder: TempDir,
    pub(crate) store: Embedded,
}

/// How a test opens a folder.
pub(crate) fn options(folder: &Path) -> Options {
    let key = SecretString::from("a key of thirty-two characters or more");
    Options::new(folder.to_owned(), Vault::new(&key).expect("a key"))
}

impl OneMachine {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Embedded::open(options(folder.path())).expect("opened");
        Self { folder, store }
    }

    pub(crate) fn again(self) -> Self {
        let Self { folder, store } = self;
        drop(store);
        let store = Embedded::open(options(folder.path())).expect("opened again");
        Self { folder, store }
    }

    /// What a query sees from outside: the first column of each row.
    pub(crate) fn query(&self, query: &str) -> Vec<i64> {
        let file = platform_embedded::database(self.folder.path());
        let connection = rusqlite::Connection::open(file).expect("opened");
        let mut statement = connection.prepare(query).expect("a query");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("numbers")
    }
}

/// A consumer that notes what it gets.
pub(crate) fn recorder(name: &'static str, kinds: &'static [EventKind], into: &Arc<Mutex<Vec<BusEvent>>>) -> Consumer {
    let into = into.clone();
    Consumer {
        name,
        kinds,
        handler: Arc::new(move |event| {
            into.lock().expect("no panic").push((*event).clone());
            async { Ok(()) }.boxed()
        }),
    }
}

impl PlatformUnderTest for OneMachine {
    type Store = Embedded;
    type OnTheWire = PushWorkers;

    const SKIPS: &'static [(&'static str, &'static str)] = &[];

    async fn open() -> Self {
        Self::new()
    }

    fn store(&self) -> Embedded {
        self.store.clone()
    }

    async fn reopen(self) -> Self {
        self.again()
    }

    async fn stored_bytes(&self) -> Vec<u8> {
        let files = fs::read_dir(self.folder.path()).expect("a folder");
        files.flat_map(|file| fs::read(file.expect("a file").path()).expect("bytes")).collect()
    }

    async fn events(&self, count: usize) -> Vec<BusEvent> {
        let seen = Arc::new(Mutex::new(vec![]));
        // A consumer of its own for each call: positions are kept by name.
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        let name = format!("contract-{}", CALLS.fetch_add(1, Ordering::Relaxed));
        let consumer = recorder(name.leak(), &EventKind::ALL, &seen);
        let bus = Bus::start(&self.store, vec![consumer], None).await.expect("started");
        eventually("the events", async || (seen.lock().expect("no panic").len() >= count).then_some(())).await;
        bus.stop(Duration::from_secs(5)).await;
        let seen = seen.lock().expect("no panic").clone();
        assert_eq!(seen.len(), count, "no event without a fact");
        seen
    }

    async fn keep_deadlines(&self, now: Timestamp) {
        kept_alarms::keep(&self.store, now).await.expect("kept");
    }

    async fn push_without_end(&self, pushes: usize) -> PushWorkers {
        let script = Script::new(|_| std::future::pending().boxed());
        let workers = script.start(&self.store).await;
        script.sent_at_least(pushes).await;
        workers
    }
}
