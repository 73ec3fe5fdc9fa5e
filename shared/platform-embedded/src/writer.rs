//! The one writer: a thread that commits many callers' changes together, with one fsync, and answers only then.

use std::{
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use event_schema::id::RequestId;
use marketplace_core::{
    causes::Causes,
    ports::{StoreError, Urgency},
};
use rusqlite::Connection;
use tokio::sync::mpsc;

use crate::{checkpoint::LogWatch, effects::Effects, error::store_error, rows, shared::Shared};

/// Most changes that share one commit.
const MAX_BATCH: usize = 512;

/// Most recent bodies kept in memory, so that making an offer of a new request reads nothing: how many, and how
/// many bytes of them.
const RECENT_BODIES: usize = 16_384;
const RECENT_BYTES: usize = 32 * 1024 * 1024;

/// A piece of work for the writer.
pub(crate) trait Job: Send {
    /// Does it inside the open transaction. May be called again, after a rollback.
    fn run(&mut self, transaction: &mut Transaction<'_>) -> rusqlite::Result<()>;

    /// Answers the caller, once what `run` did is durable or has been undone.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Hands work to the writer.
#[derive(Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
}

impl Writer {
    /// Starts the thread. It ends when the last handle to it is gone and the queue is empty.
    pub(crate) fn start(
        connection: Connection,
        log: LogWatch,
        shared: Arc<Shared>,
        next_sequence: u64,
        queue: usize,
    ) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::channel(queue);
        let state = State { connection, log, shared, next_sequence, recent: Recent::default() };
        std::thread::Builder::new().name("writer".to_owned()).spawn(move || state.run(inbox))?;
        Ok(Self { jobs })
    }

    /// How many jobs may wait.
    pub(crate) fn room(&self) -> usize {
        self.jobs.max_capacity()
    }

    /// How many jobs wait.
    pub(crate) fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// Queues a job.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the queue is full and the work is a caller's, or when the writer is gone.
    pub(crate) async fn queue(&self, job: Box<dyn Job>, urgency: Urgency) -> Result<(), StoreError> {
        match urgency {
            Urgency::Caller => {
                self.jobs.try_send(job).map_err(|_| StoreError::Unavailable("too much is waiting to be written"))
            }
            Urgency::Ours => self.jobs.send(job).await.map_err(|_| StoreError::Unavailable("the store is closed")),
        }
    }
}

/// What a job sees while it runs.
pub(crate) struct Transaction<'a> {
    /// The database.
    pub(crate) connection: &'a Connection,
    /// What the rest of the process shares.
    pub(crate) shared: &'a Shared,
    /// What is to be made known once this is durable.
    pub(crate) effects: &'a mut Effects,
    next_sequence: &'a mut u64,
    recent: &'a mut Recent,
}

impl Transaction<'_> {
    /// The next place in the journal.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        let sequence = *self.next_sequence;
        *self.next_sequence += 1;
        sequence
    }

    /// Keeps a new body at hand.
    pub(crate) fn remember_body(&mut self, id: RequestId, detail: &Arc<str>) {
        self.recent.insert(id, detail.clone());
    }

    /// A request's body.
    pub(crate) fn body(&mut self, id: RequestId) -> rusqlite::Result<Option<Arc<str>>> {
        match self.recent.bodies.get(&id) {
            Some(detail) => Ok(Some(detail.clone())),
            None => rows::read_detail(self.connection, id),
        }
    }
}

#[derive(Default)]
struct Recent {
    bodies: HashMap<RequestId, Arc<str>>,
    order: VecDeque<RequestId>,
    bytes: usize,
}

impl Recent {
    fn insert(&mut self, id: RequestId, detail: Arc<str>) {
        self.bytes += detail.len();
        match self.bodies.insert(id, detail) {
            None => self.order.push_back(id),
            Some(replaced) => self.bytes -= replaced.len(),
        }
        while self.order.len() > RECENT_BODIES || self.bytes > RECENT_BYTES {
            let oldest = self.order.pop_front();
            let Some(dropped) = oldest.and_then(|id| self.bodies.remove(&id)) else {
                return;
            };
            self.bytes -= dropped.len();
        }
    }
}

struct State {
    connection: Connection,
    log: LogWatch,
    shared: Arc<Shared>,
    next_sequence: u64,
    recent: Recent,
}

impl State {
    fn run(mut self, mut inbox: mpsc::Receiver<Box<dyn Job>>) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        while let Some(first) = inbox.blocking_recv() {
            batch.push(first);
            while batch.len() < MAX_BATCH
                && let Ok(next) = inbox.try_recv()
            {
                batch.push(next);
            }
            self.commit_together(&mut batch);
            self.log.after_commit(&self.connection);
        }
    }

    /// One transaction for all; if one of them breaks it, each gets its own, so that none suffers for another.
    fn commit_together(&mut self, batch: &mut Vec<Box<dyn Job>>) {
        match self.transact(batch) {
            Ok(()) => batch.drain(..).for_each(|job| job.finish(Ok(()))),
            Err(error) if batch.len() == 1 => self.fail(batch.drain(..), error),
            Err(_) => {
                for mut job in batch.drain(..) {
                    let mut alone = [job];
                    let outcome = self.transact(&mut alone);
                    [job] = alone;
                    match outcome {
                        Ok(()) => job.finish(Ok(())),
                        Err(error) => self.fail(std::iter::once(job), error),
                    }
                }
            }
        }
    }

    fn fail(&self, jobs: impl Iterator<Item = Box<dyn Job>>, error: rusqlite::Error) {
        let error = store_error(error);
        tracing::error!(error = %Causes(&error), "a change could not be committed");
        jobs.for_each(|job| {
            job.finish(Err(match &error {
                StoreError::Unavailable(why) => StoreError::Unavailable(why),
                error => StoreError::Unexpected(error.to_string().into()),
            }));
        });
    }

    fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
        let before = self.next_sequence;
        let mut effects = Effects::default();
        let outcome = self.write(jobs, &mut effects);
        if outcome.is_ok() {
            effects.publish(&self.shared, before, self.next_sequence);
            return Ok(());
        }
        self.next_sequence = before;
        if !self.connection.is_autocommit() {
            // SQLite rolls back by itself after most failures; where it has not, this does.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        outcome
    }

    fn write(&mut self, jobs: &mut [Box<dyn Job>], effects: &mut Effects) -> rusqlite::Result<()> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for job in jobs {
            let mut transaction = Transaction {
                connection: &self.connection,
                shared: &self.shared,
                effects,
                next_sequence: &mut self.next_sequence,
                recent: &mut self.recent,
            };
            // A panic is the job's own failure: all that it did is rolled back, and the thread serves the others.
            let ran = catch_unwind(AssertUnwindSafe(|| job.run(&mut transaction)));
            ran.unwrap_or_else(|_| Err(panicked()))?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}

fn panicked() -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure("a change panicked".into())
}

#[cfg(test)]
mod tests;
