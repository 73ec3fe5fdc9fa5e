//! One party environment's worker: what is due goes out, at the party's rate, a bounded number at a time.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use jiff::Timestamp;
use marketplace_core::{
    delivery::{DeliverySettings, PushSettings},
    party::Party,
    ports::{Push, StoreError},
};
use tokio::{sync::watch, time::Instant};

use super::{
    PushDeps,
    attempt::{Attempting, STORE_PAUSE},
    claim::Claimed,
    gate::Gate,
    queues::Queue,
    rate::Pace,
};
use crate::Embedded;

/// Most pushes of one party environment on the wire at once.
const IN_FLIGHT: usize = 32;

/// How many due pushes are taken from the database at once.
const CLAIM: usize = 128;

/// See the module.
pub(super) struct Worker<P: Push> {
    store: Embedded,
    deps: PushDeps<P>,
    gate: Gate,
    queue: Arc<Queue>,
    stopped: watch::Receiver<bool>,
    settings: Option<Arc<Settings<P>>>,
    pace: Pace,
    next_due: Option<Timestamp>,
    /// Attempts on the wire; each tells when its offer's message is due next.
    in_flight: FuturesUnordered<BoxFuture<'static, Option<Timestamp>>>,
    /// At most one claim on what is due in the database.
    claiming: FuturesUnordered<BoxFuture<'static, Result<Claimed, StoreError>>>,
}

/// A party's push settings made ready, for as long as they are the party's.
pub(super) struct Settings<P: Push> {
    party: Arc<Party>,
    pub(super) push: Box<PushSettings>,
    pub(super) endpoint: Arc<P::Endpoint>,
}

impl<P: Push> Worker<P> {
    pub(super) fn new(
        store: Embedded,
        deps: PushDeps<P>,
        gate: Gate,
        queue: Arc<Queue>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self {
            store,
            deps,
            gate,
            queue,
            stopped,
            settings: None,
            pace: Pace::new(Instant::now()),
            next_due: None,
            in_flight: FuturesUnordered::new(),
            claiming: FuturesUnordered::new(),
        }
    }

    /// Works until it is told to stop; what is on the wire then is finished and recorded.
    pub(super) async fn run(mut self) {
        let queue = self.queue.clone();
        let mut stopped = self.stopped.clone();
        while !*stopped.borrow() {
            let changed = queue.changed.notified();
            let next_turn = self.launch();
            let next_due = self.time_until_due();
            tokio::select! {
                () = changed => {}
                Some(due) = self.in_flight.next() => self.looks_again_at(due),
                Some(claimed) = self.claiming.next() => self.take_over(claimed),
                () = until(next_turn) => {}
                () = until(next_due) => {
                    self.next_due = None;
                    self.queue.backlog.store(true, Ordering::Release);
                }
                _ = stopped.changed() => {}
            }
        }
        while let Some(claimed) = self.claiming.next().await {
            self.take_over(claimed);
        }
        self.give_back();
        while self.in_flight.next().await.is_some() {}
    }

    /// Puts as much as may be on the wire; tells when the party's rate admits the next, if that is what is lacking.
    fn launch(&mut self) -> Option<Instant> {
        if !self.refresh() {
            self.give_back();
            self.next_due = None;
            return None;
        }
        let settings = self.settings.as_ref()?;
        while self.in_flight.len() < IN_FLIGHT {
            if self.queue.is_empty() {
                self.claim_more();
                return None;
            }
            let limit = settings.push.rate_limit_per_second;
            if let Err(next_turn) = self.pace.take(limit, Instant::now()) {
                return Some(next_turn);
            }
            let due = self.queue.pop()?;
            let attempting = Attempting {
                store: self.store.clone(),
                deps: self.deps.clone(),
                gate: self.gate.clone(),
                settings: settings.clone(),
                due,
            };
            self.in_flight.push(attempting.run().boxed());
        }
        None
    }

    /// Takes over the party's present settings; false when nothing is to be pushed now.
    fn refresh(&mut self) -> bool {
        let registry = self.store.shared.registry();
        let environment = self.queue.environment;
        let party = registry.routing.party(&self.queue.party).filter(|party| party.takes_pushes(environment));
        let Some(party) = party else {
            self.settings = None;
            return false;
        };
        if self.settings.as_ref().is_some_and(|settings| Arc::ptr_eq(&settings.party, party)) {
            return true;
        }
        let DeliverySettings::Push(push) = &party.environment(environment).delivery else {
            self.settings = None;
            return false;
        };
        // Another change of the party's leaves the endpoint, and the token it has, as they are.
        if let Some(settings) = self.settings.as_ref().filter(|settings| settings.push == *push) {
            let (push, endpoint) = (push.clone(), settings.endpoint.clone());
            self.settings = Some(Arc::new(Settings { party: party.clone(), push, endpoint }));
            return true;
        }
        match self.deps.push.endpoint(push) {
            Ok(endpoint) => {
                let endpoint = Arc::new(endpoint);
                self.settings = Some(Arc::new(Settings { party: party.clone(), push: push.clone(), endpoint }));
                true
            }
            Err(error) => {
                tracing::error!(party.id = %party.id, error = &*error as &dyn std::error::Error, "an endpoint's settings are unusable");
                self.settings = None;
                false
            }
        }
    }

    /// Has the queue filled from the database, if there may be something, while what is on the wire goes on.
    fn claim_more(&self) {
        if !self.claiming.is_empty() || !self.queue.backlog.swap(false, Ordering::AcqRel) {
            return;
        }
        let (store, queue, clock) = (self.store.clone(), self.queue.clone(), self.deps.clock.clone());
        let claim = async move { store.claim_due(&queue.party, queue.environment, CLAIM, clock.now()).await };
        self.claiming.push(claim.boxed());
    }

    fn take_over(&mut self, claimed: Result<Claimed, StoreError>) {
        match claimed {
            Ok(claimed) => {
                if claimed.more {
                    self.queue.backlog.store(true, Ordering::Release);
                }
                self.queue.extend(claimed.due);
                self.looks_again_at(claimed.next_due);
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "due pushes could not be read");
                self.looks_again_at(self.deps.clock.now().checked_add(STORE_PAUSE).ok());
            }
        }
    }

    /// A push will be due at this time. The earliest that was heard of counts: looking too early does no harm.
    fn looks_again_at(&mut self, due: Option<Timestamp>) {
        if let Some(due) = due {
            self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
        }
    }

    fn time_until_due(&self) -> Option<Instant> {
        let wait = self.next_due?.duration_since(self.deps.clock.now());
        Some(Instant::now() + Duration::try_from(wait).unwrap_or(Duration::ZERO))
    }

    /// Lets go of what is not on the wire: it stays due in the database.
    fn give_back(&self) {
        let given_back = self.queue.clear();
        if !given_back.is_empty() {
            self.queue.backlog.store(true, Ordering::Release);
            self.store.shared.queues.settle(&given_back);
            self.store.shared.waiters.wake(&self.queue.party, self.queue.environment);
        }
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
