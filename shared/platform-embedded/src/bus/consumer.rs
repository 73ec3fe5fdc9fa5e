//! One consumer at work: reads on while it may, retries what fails, and saves its position now and then.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use marketplace_core::{
    ports::{StoreError, Urgency},
    publish::{self, BusEvent, Happened},
};
use rusqlite::params;
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

use super::{Consumer, ConsumerError, Mischief, WINDOW};
use crate::{
    Embedded, rows,
    writer::{Job, Transaction},
};

/// How many rows are read at once.
const BATCH: usize = 256;

/// How often the position is saved; after a crash, what was handled since is handled again.
const SAVE_EVERY: Duration = Duration::from_millis(250);

/// First and longest pause before a failed event is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

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

type UnderWay = FuturesUnordered<BoxFuture<'static, u64>>;

impl Running {
    pub(super) fn new(
        store: Embedded,
        consumer: Consumer,
        position: u64,
        mischief: Option<Mischief>,
    ) -> Self {
        Self {
            store,
            consumer,
            mischief,
            read: position,
            saved: position,
            under_way: BTreeMap::new(),
        }
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
                Some(done) = under_way.next() => self.done(done),
                () = tokio::time::sleep_until(next_save), if self.position() != self.saved => {
                    self.save().await;
                    next_save = Instant::now() + SAVE_EVERY;
                }
                () = std::future::ready(()), if read_some => {}
                _ = end.changed(), if under_way.len() < WINDOW => {}
                _ = stopped.changed() => {}
            }
        }
        while let Some(done) = under_way.next().await {
            self.done(done);
        }
        self.save().await;
    }

    /// Starts the next rows; false when there are none.
    async fn read_on(&mut self, under_way: &mut UnderWay) -> bool {
        let rows = match self.store.shared.tail.after(self.read, BATCH) {
            Some(rows) => rows,
            None => match self
                .store
                .journal_after(self.read, BATCH, self.consumer.kinds)
                .await
            {
                Ok(rows) => rows.into_iter().map(Arc::new).collect(),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the journal could not be read"
                    );
                    tokio::time::sleep(FIRST_PAUSE).await;
                    return true;
                }
            },
        };
        let Some(last) = rows.last() else {
            return false;
        };
        self.read = last.entry.sequence;
        let mut wanted: Vec<Arc<Happened>> =
            rows.into_iter().filter(|row| self.wants(row)).collect();
        if let Some(mischief) = &mut self.mischief {
            wanted = mischief.play(wanted);
        }
        for happened in wanted {
            let delay = self.mischief.as_mut().map_or(0, Mischief::delay_ms);
            *self.under_way.entry(happened.entry.sequence).or_default() += 1;
            under_way
                .push(handle(self.store.clone(), self.consumer.clone(), happened, delay).boxed());
        }
        true
    }

    fn wants(&self, happened: &Happened) -> bool {
        publish::kind(&happened.entry.fact).is_some_and(|kind| self.consumer.kinds.contains(&kind))
    }

    fn done(&mut self, sequence: u64) {
        if let Some(copies) = self.under_way.get_mut(&sequence) {
            *copies -= 1;
            if *copies == 0 {
                self.under_way.remove(&sequence);
            }
        }
    }

    /// Everything up to here is handled.
    fn position(&self) -> u64 {
        self.under_way
            .first_key_value()
            .map_or(self.read, |(oldest, _)| oldest - 1)
    }

    async fn save(&mut self) {
        let position = self.position();
        let name = self.consumer.name;
        let saved = self
            .store
            .write_bus(move |transaction| {
                let save = "INSERT INTO consumers (name, sequence) VALUES (?1, ?2) \
                     ON CONFLICT (name) DO UPDATE SET sequence = ?2";
                transaction
                    .connection
                    .prepare_cached(save)?
                    .execute(params![name, rows::sequence(position)])?;
                Ok(())
            })
            .await;
        match saved {
            Ok(()) => self.saved = position,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    consumer = name,
                    "a position could not be saved"
                );
            }
        }
    }
}

/// Handles one event until it is done or never can be.
async fn handle(
    store: Embedded,
    consumer: Consumer,
    happened: Arc<Happened>,
    delay_ms: u64,
) -> u64 {
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    let sequence = happened.entry.sequence;
    let mut pause = FIRST_PAUSE;
    let outcome = match event(&store, &consumer, &happened).await {
        Ok(event) => loop {
            match (consumer.handler)(event.clone()).await {
                Err(ConsumerError::Retry(error)) => {
                    tracing::warn!(
                        error = &*error as &dyn std::error::Error,
                        consumer = consumer.name,
                        sequence,
                        "an event will be tried again"
                    );
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                outcome => break outcome,
            }
        },
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            consumer = consumer.name,
            sequence,
            "an event is dead-lettered"
        );
        bury(&store, consumer.name, &happened, &error).await;
    }
    sequence
}

/// Makes the event. The tail keeps no bodies of old requests, so what is lacking is read.
async fn event(
    store: &Embedded,
    consumer: &Consumer,
    happened: &Happened,
) -> Result<Arc<BusEvent>, ConsumerError> {
    let poison = |error: publish::PublishError| ConsumerError::Poison(Box::new(error));
    let lacking = happened.detail.is_none() && publish::carries_the_body(&happened.entry.fact);
    let made = if lacking {
        let again = store
            .journal_after(happened.entry.sequence - 1, 1, consumer.kinds)
            .await;
        let again = again.map_err(|error| ConsumerError::Retry(Box::new(error)))?;
        again.first().map_or(Ok(None), publish::event)
    } else {
        publish::event(happened)
    };
    let incomplete = || {
        ConsumerError::Poison(Box::new(publish::PublishError::Incomplete(
            happened.entry.sequence,
        )))
    };
    made.map_err(poison)?.map(Arc::new).ok_or_else(incomplete)
}

/// Keeps an event that can never be handled where an operator finds it.
async fn bury(
    store: &Embedded,
    consumer: &'static str,
    happened: &Happened,
    error: &ConsumerError,
) {
    let (sequence, at, reason) = (
        happened.entry.sequence,
        happened.entry.at,
        error.to_string(),
    );
    let buried = store
        .write_bus(move |transaction| {
            let bury = "INSERT OR IGNORE INTO consumer_dead_letters (consumer, sequence, at, reason) VALUES (?1, ?2, ?3, ?4)";
            let row = params![consumer, rows::sequence(sequence), rows::micros(at), reason];
            transaction.connection.prepare_cached(bury)?.execute(row)?;
            Ok(())
        })
        .await;
    if let Err(error) = buried {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a dead letter could not be kept"
        );
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
        self.writer
            .queue(Box::new(WriteBus { write, answer }), Urgency::Ours)
            .await?;
        answered
            .await
            .map_err(|_| StoreError::Unavailable("the store is closed"))?
    }
}
