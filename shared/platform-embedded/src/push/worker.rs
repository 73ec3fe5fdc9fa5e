//! One party environment's worker: what is due goes out, at the party's rate, a bounded number at a time.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use jiff::Timestamp;
use marketplace_core::{
    causes::Causes,
    delivery::{DeliverySettings, PushSettings},
    health::{Admission, Health},
    party::Party,
    ports::{Push, StoreError},
    transport::Transport,
};
use tokio::{sync::watch, time::Instant};

use super::{
    PushDeps,
    attempt::{Attempting, STORE_PAUSE},
    claim::Claimed,
    gate::Gate,
    queues::Queue,
    rate::{Pace, until},
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
    pub(super) party: Arc<Party>,
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

    /// Puts as much as may be on the wire; tells when the next may be, if that is what is lacking.
    fn launch(&mut self) -> Option<Instant> {
        if !self.refresh() {
            self.give_back();
            self.next_due = None;
            return None;
        }
        let settings = self.settings.clone()?;
        match self.admission(&settings.push) {
            Admission::Attempts => {
                self.queue.open();
                self.fill(&settings)
            }
            Admission::Probe => self.probe(&settings),
            Admission::Nothing(until) => {
                self.queue.shut();
                self.give_back();
                Some(self.instant(until))
            }
        }
    }

    /// Only the direct transport has a breaker.
    fn admission(&self, push: &PushSettings) -> Admission {
        match push.transport {
            Transport::Direct => self.queue.health().admits(self.deps.clock.now()),
            Transport::Managed => Admission::Attempts,
        }
    }

    fn fill(&mut self, settings: &Arc<Settings<P>>) -> Option<Instant> {
        while self.in_flight.len() < IN_FLIGHT {
            if self.queue.is_empty() {
                self.claim_more(CLAIM);
                return None;
            }
            if let Err(next_turn) = self.take_turn(settings) {
                return Some(next_turn);
            }
            self.send_next(settings, false);
        }
        None
    }

    /// The oldest that is due finds out whether the endpoint works again; the others wait where the inbox has them.
    fn probe(&mut self, settings: &Arc<Settings<P>>) -> Option<Instant> {
        self.queue.shut();
        if self.queue.is_empty() {
            self.claim_more(1);
            return None;
        }
        if let Err(next_turn) = self.take_turn(settings) {
            return Some(next_turn);
        }
        self.queue.health().begin_probe(self.deps.clock.now(), &self.deps.health);
        self.send_next(settings, true);
        self.give_back();
        let until = self.queue.health().next_probe_at()?;
        Some(self.instant(until))
    }

    fn take_turn(&mut self, settings: &Settings<P>) -> Result<(), Instant> {
        self.pace.take(settings.push.rate_limit_per_second, Instant::now())
    }

    fn send_next(&mut self, settings: &Arc<Settings<P>>, probe: bool) {
        if let Some(due) = self.queue.pop() {
            let attempting = Attempting {
                store: self.store.clone(),
                deps: self.deps.clone(),
                gate: self.gate.clone(),
                queue: self.queue.clone(),
                settings: settings.clone(),
                due,
                probe,
            };
            self.in_flight.push(attempting.run().boxed());
        }
    }

    /// Takes over the party's present settings; false when nothing is to be pushed now.
    fn refresh(&mut self) -> bool {
        let environment = self.queue.environment;
        let registry = self.store.shared.registry();
        let party = registry.routing.party(&self.queue.party).filter(|party| party.takes_pushes(environment));
        if let (Some(settings), Some(party)) = (&self.settings, party)
            && Arc::ptr_eq(&settings.party, party)
        {
            return true;
        }
        let party = party.cloned();
        drop(registry);
        let Some(party) = party else {
            self.forget();
            return false;
        };
        let DeliverySettings::Push(push) = &party.environment(environment).delivery else {
            self.forget();
            return false;
        };
        // Another change of the party's leaves the endpoint, and the token it has, as they are.
        if let Some(settings) = self.settings.as_ref().filter(|settings| settings.push == *push) {
            let (push, endpoint) = (push.clone(), settings.endpoint.clone());
            self.settings = Some(Arc::new(Settings { party: party.clone(), push, endpoint }));
            return true;
        }
        if self.settings.as_ref().is_some_and(|settings| !settings.push.goes_where(push)) {
            self.forget();
        }
        if self.settings.is_none() {
            // What a worker knew before a restart is gone, but for what the party was told.
            let since = party.environment(environment).failing.map(|failing| failing.since);
            *self.queue.health() = Health::failing_since(since);
        }
        self.settings = self.made_ready(&party, push);
        self.settings.is_some()
    }

    fn made_ready(&self, party: &Arc<Party>, push: &PushSettings) -> Option<Arc<Settings<P>>> {
        match self.deps.push.endpoint(push) {
            Ok(endpoint) => {
                let (party, push, endpoint) = (party.clone(), Box::new(push.clone()), Arc::new(endpoint));
                Some(Arc::new(Settings { party, push, endpoint }))
            }
            Err(error) => {
                tracing::error!(party.id = %party.id, error = %Causes(&*error), "an endpoint's settings are unusable");
                None
            }
        }
    }

    /// Whatever is pushed next goes to another endpoint, or to one that is said to work again.
    fn forget(&mut self) {
        self.settings = None;
        *self.queue.health() = Health::default();
        self.queue.open();
    }

    /// Has the queue filled from the database, if there may be something, while what is on the wire goes on.
    fn claim_more(&self, most: usize) {
        if !self.claiming.is_empty() || !self.queue.backlog.swap(false, Ordering::AcqRel) {
            return;
        }
        let (store, queue, clock) = (self.store.clone(), self.queue.clone(), self.deps.clock.clone());
        let claim = async move { store.claim_due(&queue.party, queue.environment, most, clock.now()).await };
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
                tracing::warn!(error = %Causes(&error), "due pushes could not be read");
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
        Some(self.instant(self.next_due?))
    }

    fn instant(&self, time: Timestamp) -> Instant {
        let wait = time.duration_since(self.deps.clock.now());
        Instant::now() + Duration::try_from(wait).unwrap_or(Duration::ZERO)
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
