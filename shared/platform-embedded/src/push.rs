//! The push workers: one for each party environment that has something to push, so that none delays another.
//!
//! A worker takes pushes straight from commits while it keeps up, and from the database when it does not, after
//! a restart, and for retries. It keeps the party's rate and a bound on pushes in flight, and records every
//! attempt before it lets go of the offer.

mod attempt;
pub(crate) mod claim;
mod gate;
pub(crate) mod queues;
mod rate;
mod worker;

use std::{sync::Arc, time::Duration};

use event_schema::id::{Environment, PartyId};
use marketplace_core::{
    causes::Causes,
    health::{Health, HealthRules},
    ports::{Clock, EndpointHealth, Push, Randomness, StoreError},
};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};

use crate::{
    Embedded,
    push::{gate::Gate, worker::Worker},
    rows,
};

/// What the workers need.
pub struct PushDeps<P> {
    /// Makes the attempts.
    pub push: P,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives the jitter.
    pub randomness: Arc<dyn Randomness>,
    /// When an endpoint counts as broken.
    pub health: HealthRules,
}

impl<P: Clone> Clone for PushDeps<P> {
    fn clone(&self) -> Self {
        let (clock, randomness) = (self.clock.clone(), self.randomness.clone());
        Self { push: self.push.clone(), clock, randomness, health: self.health }
    }
}

/// The running workers.
pub struct PushWorkers {
    store: Embedded,
    stop: watch::Sender<bool>,
    supervisor: JoinHandle<()>,
}

impl PushWorkers {
    /// Starts the workers; those with something due from before start at once.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn start<P: Push>(store: Embedded, deps: PushDeps<P>) -> Result<Self, StoreError> {
        let (asked, asks) = mpsc::unbounded_channel();
        store.shared.queues.start(asked);
        for (party, environment) in endpoints_with_due(&store).await? {
            store.shared.queues.touch(&party, environment);
        }
        let (stop, stopped) = watch::channel(false);
        let supervisor = tokio::spawn(supervise(store.clone(), deps, asks, stopped));
        Ok(Self { store, stop, supervisor })
    }

    /// Takes no new work, lets what is in flight end and be recorded, for at most this long.
    pub async fn stop(self, at_most: Duration) {
        self.stop.send_replace(true);
        self.store.shared.queues.stop();
        let abort = self.supervisor.abort_handle();
        if tokio::time::timeout(at_most, self.supervisor).await.is_err() {
            tracing::warn!("pushes were still in flight at the end; they will be made again after a restart");
            abort.abort();
        }
    }
}

/// What the workers know; in memory, so that after a restart every endpoint counts as one that works until ten attempts
/// have shown again that it does not.
impl EndpointHealth for Embedded {
    async fn health(&self, party: &PartyId, environment: Environment) -> Result<Health, StoreError> {
        Ok(self.shared.queues.health(party, environment))
    }
}

async fn endpoints_with_due(store: &Embedded) -> Result<Vec<(PartyId, Environment)>, StoreError> {
    // A loose index scan: one step per party environment, however many offers are due.
    let next = "SELECT party, environment FROM offers WHERE next_attempt_at IS NOT NULL \
         AND (party, environment) > (?1, ?2) ORDER BY party, environment LIMIT 1";
    store
        .shared
        .readers
        .read(move |connection| {
            let mut statement = connection.prepare(next)?;
            let mut found: Vec<(PartyId, Environment)> = Vec::new();
            loop {
                let last = found.last().map_or(("", -1), |(party, environment)| (party.as_str(), *environment as i64));
                let step =
                    statement.query_map(last, |row| Ok((rows::parse(row, 0)?, rows::pick(row, 1, &Environment::ALL)?)));
                match step?.next().transpose()? {
                    Some(endpoint) => found.push(endpoint),
                    None => return Ok(found),
                }
            }
        })
        .await
}

async fn supervise<P: Push>(
    store: Embedded,
    deps: PushDeps<P>,
    mut asks: mpsc::UnboundedReceiver<Arc<queues::Queue>>,
    stopped: watch::Receiver<bool>,
) {
    let gate = Gate::new();
    let mut workers = JoinSet::new();
    loop {
        tokio::select! {
            asked = asks.recv() => match asked {
                Some(queue) => {
                    workers.spawn(Worker::new(store.clone(), deps.clone(), gate.clone(), queue, stopped.clone()).run());
                }
                None => break,
            },
            Some(ended) = workers.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(error = %Causes(&error), "a push worker ended unexpectedly");
                }
            }
        }
    }
    while workers.join_next().await.is_some() {}
}
