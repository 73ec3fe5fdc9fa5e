//! One consumer at work: reads on while it may, retries what fails, and saves its position now and then.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use marketplace_core::{
    causes::Causes,
    ports::{StoreError, Urgency},
    publish::{self, Happened},
};
use rusqlite::params;
use tokio::{
    sync::{oneshot, watch},
    task::{JoinError, JoinSet},
    time::Instant,
};

use super::{Consumer, Mischief, WINDOW, handling::handle};
use crate::{
    Embedded, rows,
    writer::{Job, Transaction},
};

/// How many rows are read at once.
const BATCH: usize = 256;

/// How often the position is saved; after a crash, what was handled since is handled again.
const SAVE_EVERY: Duration = Duration::from_millis(250);

/// How long to wait before the journal is read again, when it could not be.
const READ_PAUSE: Duration = Duration::from_millis(50);

/// See the module.
pub(super) struct Running {
    store: Embedded,
    consumer: Consumer,
    mischief: Option<Mischief>,
    /// The last row read.
    read: u64,
    /// The position that was saved last.
    saved: u64,
    /// Rows under way, with how many copies of each.
    under_way: BTreeMap<u64, usize>,
}

/// Tasks of their own, and not futures of the consumer's: while it waits for the store they must go on, or one that
/// was granted a reader and is not polled would keep it from the consumer for ever.
type UnderWay = JoinSet<u64>;

impl Running {
    pub(super) fn new(store: Embedded, consumer: Consumer, position: u64, mischief: Option<Mischief>) -> Self {
        Self { store, consumer, mischief, read: position, saved: position, under_way: BTreeMap::new() }
    }

    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut end = self.store.shared.tail.end();
        let mut under_way = UnderWay::new();
        let mut next_save = Instant::now() + SAVE_EVERY;
        while !*stopped.borrow() {
            end.borrow_and_update();
            let read_some = under_way.len() < WINDOW && self.read_on(&mut under_way).await;
            tokio::select! {
                biased;
                // First, since a consumer that is never idle would not come to it otherwise.
                () = tokio::time::sleep_until(next_save), if self.position() != self.saved => {
                    self.save().await;
                    next_save = Instant::now() + SAVE_EVERY;
                }
                Some(done) = under_way.join_next() => self.done(done),
                () = std::future::ready(()), if read_some => {}
                _ = end.changed(), if under_way.len() < WINDOW => {}
                _ = stopped.changed() => {}
            }
        }
        while let Some(done) = under_way.join_next().await {
            self.done(done);
        }
        self.save().await;
    }

    /// Starts the next rows; false when there are none.
    async fn read_on(&mut self, under_way: &mut UnderWay) -> bool {
        let rows = match self.store.shared.tail.after(self.read, BATCH) {
            Some(rows) => rows,
            None => match self.store.journal_after(self.read, BATCH, self.consumer.kinds).await {
                Ok(rows) => rows.into_iter().map(Arc::new).collect(),
                Err(error) => {
                    tracing::warn!(error = %Causes(&error), "the journal could not be read");
                    tokio::time::sleep(READ_PAUSE).await;
                    return true;
                }
            },
        };
        let Some(last) = rows.last() else {
            return false;
        };
        self.read = last.entry.sequence;
        let mut wanted: Vec<Arc<Happened>> = rows.into_iter().filter(|row| self.wants(row)).collect();
        if let Some(mischief) = &mut self.mischief {
            wanted = mischief.play(wanted);
        }
        for happened in wanted {
            let delay = self.mischief.as_mut().map_or(0, Mischief::delay_ms);
            *self.under_way.entry(happened.entry.sequence).or_default() += 1;
            under_way.spawn(handle(self.store.clone(), self.consumer.clone(), happened, delay));
        }
        true
    }

    fn wants(&self, happened: &Happened) -> bool {
        publish::kind(&happened.entry.fact).is_some_and(|kind| self.consumer.kinds.contains(&kind))
    }

    fn done(&mut self, done: Result<u64, JoinError>) {
        // A consumer's panic is caught with its event; anything else leaves the event to the next start.
        let Ok(sequence) = done.inspect_err(|error| tracing::error!(%error, "an event's task ended unexpectedly"))
        else {
            return;
        };
        if let Some(copies) = self.under_way.get_mut(&sequence) {
            *copies -= 1;
            if *copies == 0 {
                self.under_way.remove(&sequence);
            }
        }
    }

    /// Everything up to here is handled.
    fn position(&self) -> u64 {
        self.under_way.first_key_value().map_or(self.read, |(oldest, _)| oldest - 1)
    }

    async fn save(&mut self) {
        let position = self.position();
        let name = self.consumer.name;
        let saved = self
            .store
            .write_bus(move |transaction| {
                let save = "INSERT INTO consumers (name, sequence) VALUES (?1, ?2) \
                     ON CONFLICT (name) DO UPDATE SET sequence = ?2";
                transaction.connection.prepare_cached(save)?.execute(params![name, rows::sequence(position)])?;
                Ok(())
            })
            .await;
        match saved {
            Ok(()) => {
                self.saved = position;
                let behind = self.store.shared.tail.end().borrow().saturating_sub(position + 1);
                #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and this number is small")]
                metrics::gauge!("marketplace_consumer_lag", "consumer" => name).set(behind as f64);
            }
            Err(error) => {
                tracing::warn!(
                    error = %Causes(&error),
                    consumer = name,
                    "a position could not be saved"
                );
            }
        }
    }
}

struct WriteBus<F> {
    write: F,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl<F: FnMut(&mut Transaction<'_>) -> rusqlite::Result<()> + Send> Job for WriteBus<F> {
    fn run(&mut self, transaction: &mut Transaction<'_>) -> rusqlite::Result<()> {
        (self.write)(transaction)
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let _ = self.answer.send(committed);
    }
}

impl Embedded {
    /// Writes the bus's own rows and the retention's: nothing that a caller decides on.
    pub(crate) async fn write_bus<F>(&self, write: F) -> Result<(), StoreError>
    where
        F: FnMut(&mut Transaction<'_>) -> rusqlite::Result<()> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.writer.queue(Box::new(WriteBus { write, answer }), Urgency::Ours).await?;
        answered.await.map_err(|_| StoreError::Unavailable("the store is closed"))?
    }
}
