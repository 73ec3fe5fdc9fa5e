//! The bus on one machine: consumers read the journal in order, at least once, and remember how far they came.
//!
//! An event that a consumer cannot handle yet holds up no other: up to `WINDOW` are under way at once, and a
//! consumer's position is what lies before the oldest of them.

mod consumer;
mod handling;
mod mischief;

use std::{sync::Arc, time::Duration};

use event_schema::kind::EventKind;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    ports::StoreError,
    publish::{self, BusEvent, Happened},
};
use tokio::{sync::watch, task::JoinSet};

pub use self::mischief::Mischief;
use crate::Embedded;

/// Most events of one consumer under way at once.
const WINDOW: usize = 1_024;

/// How far the times of journal rows may be out of order: a change's time is read before it is queued, and clocks
/// are set back.
const DISORDER: SignedDuration = SignedDuration::from_mins(1);

/// Why a consumer did not handle an event.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// Try again later: something that the event needs is not to be had now.
    #[error("the event could not be handled now")]
    Retry(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It can never be handled: it is kept among the consumer's dead letters.
    #[error("the event can never be handled")]
    Poison(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a consumer does with one event. It is idempotent by the event's `metadata.event_id`.
pub type Handler = Arc<dyn Fn(Arc<BusEvent>) -> BoxFuture<'static, Result<(), ConsumerError>> + Send + Sync>;

/// A service that consumes events.
#[derive(Clone)]
pub struct Consumer {
    /// Its name; its position is kept under it.
    pub name: &'static str,
    /// What it wants to see.
    pub kinds: &'static [EventKind],
    /// What it does.
    pub handler: Handler,
}

/// The running bus.
pub struct Bus {
    stop: watch::Sender<bool>,
    consumers: JoinSet<()>,
}

impl Bus {
    /// Starts the consumers, each from where it was. `mischief` is for tests: it repeats and reorders.
    ///
    /// # Errors
    /// The consumers' positions could not be read or written.
    pub async fn start(
        store: &Embedded,
        consumers: Vec<Consumer>,
        mischief: Option<Mischief>,
    ) -> Result<Self, StoreError> {
        let (stop, stopped) = watch::channel(false);
        let mut running = JoinSet::new();
        let names = consumers.iter().map(|consumer| consumer.name).collect();
        store.register_consumers(names).await?;
        for consumer in consumers {
            let position = store.position(consumer.name).await?;
            let run = consumer::Running::new(store.clone(), consumer, position, mischief);
            running.spawn(run.run(stopped.clone()));
        }
        Ok(Self { stop, consumers: running })
    }

    /// Starts no new event, lets what is under way end for at most this long, and saves the positions.
    pub async fn stop(mut self, at_most: Duration) {
        self.stop.send_replace(true);
        let all_ended = async { while self.consumers.join_next().await.is_some() {} };
        if tokio::time::timeout(at_most, all_ended).await.is_err() {
            tracing::warn!("events were still under way at the end; they will be handled again after a restart");
        }
    }
}

/// Hands a consumer every event of a window of time again, oldest first, and tells how many. Consumers are
/// idempotent, so this repairs and never repeats.
///
/// # Errors
/// The journal could not be read, or the consumer failed.
pub async fn replay(store: &Embedded, consumer: &Consumer, from: Timestamp, to: Timestamp) -> Result<u64, ReplayError> {
    let wanted = |happened: &Happened| {
        (from..to).contains(&happened.entry.at)
            && publish::kind(&happened.entry.fact).is_some_and(|kind| consumer.kinds.contains(&kind))
    };
    let earliest = from.saturating_sub(DISORDER).unwrap_or(Timestamp::MIN);
    let latest = to.saturating_add(DISORDER).unwrap_or(Timestamp::MAX);
    let mut position = store.sequence_before(earliest).await?;
    let mut replayed = 0;
    loop {
        let rows = store.journal_after(position, WINDOW, consumer.kinds).await?;
        let Some(last) = rows.last() else {
            return Ok(replayed);
        };
        position = last.entry.sequence;
        for happened in &rows {
            if happened.entry.at >= latest {
                return Ok(replayed);
            }
            if wanted(happened)
                && let Some(event) = publish::event(happened)?
            {
                (consumer.handler)(Arc::new(event)).await?;
                replayed += 1;
            }
        }
    }
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The journal could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row lacks what its event is made of.
    #[error(transparent)]
    Publish(#[from] publish::PublishError),
    /// The consumer failed.
    #[error(transparent)]
    Consumer(#[from] ConsumerError),
}
