//! One party environment's worker: what is due goes out, at the party's rate, a bounded number at a time.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use event_schema::message;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use jiff::Timestamp;
use marketplace_core::{
    command::push::{Disposition, RecordAttempt},
    delivery::{DeliverySettings, PushSettings},
    offer::{Attempt, message_id},
    party::{Party, PartyCommand},
    ports::{PartyStore, Push, PushReport, RequestStore, StoreError, Urgency},
    retry,
    transport::{Verdict, verdict},
};
use tokio::{sync::watch, time::Instant};

use super::{
    PushDeps,
    queues::{Due, Queue},
    rate::Pace,
};
use crate::Embedded;

/// Most pushes of one party environment on the wire at once.
const IN_FLIGHT: usize = 32;

/// How many due pushes are taken from the database at once.
const CLAIM: usize = 128;

/// How long to wait before trying again what the store could not take.
const STORE_PAUSE: Duration = Duration::from_millis(200);

/// See the module.
pub(super) struct Worker<P: Push> {
    store: Embedded,
    deps: PushDeps<P>,
    queue: Arc<Queue>,
    stopped: watch::Receiver<bool>,
    settings: Option<Settings<P>>,
    pace: Pace,
    next_due: Option<Timestamp>,
}

/// A party's push settings made ready, for as long as they are the party's.
struct Settings<P: Push> {
    party: Arc<Party>,
    push: PushSettings,
    endpoint: Arc<P::Endpoint>,
}

impl<P: Push> Worker<P> {
    pub(super) fn new(
        store: Embedded,
        deps: PushDeps<P>,
        queue: Arc<Queue>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self {
            store,
            deps,
            queue,
            stopped,
            settings: None,
            pace: Pace::default(),
            next_due: None,
        }
    }

    /// Works until it is told to stop; what is on the wire then is finished and recorded.
    pub(super) async fn run(mut self) {
        let mut in_flight = FuturesUnordered::new();
        let queue = self.queue.clone();
        let mut stopped = self.stopped.clone();
        loop {
            if *stopped.borrow() {
                break;
            }
            let changed = queue.changed.notified();
            let next_turn = self.launch(&mut in_flight).await;
            tokio::select! {
                () = changed => {}
                Some(retry_at) = in_flight.next() => self.looks_again_at(retry_at),
                () = until(next_turn) => {}
                () = until(self.time_until_due()) => {
                    self.next_due = None;
                    self.queue.backlog.store(true, Ordering::Release);
                }
                _ = stopped.changed() => {}
            }
        }
        self.give_back();
        while in_flight.next().await.is_some() {}
    }

    /// Puts as much as may be on the wire; tells when the party's rate admits the next, if that is what is lacking.
    async fn launch(
        &mut self,
        in_flight: &mut FuturesUnordered<BoxFuture<'static, Option<Timestamp>>>,
    ) -> Option<Instant> {
        if !self.refresh() {
            self.give_back();
            self.next_due = None;
            return None;
        }
        while in_flight.len() < IN_FLIGHT {
            if self.queue.is_empty() && !self.claim_more().await {
                return None;
            }
            let settings = self.settings.as_ref()?;
            if let Err(next_turn) = self
                .pace
                .take(settings.push.rate_limit_per_second, Instant::now())
            {
                return Some(next_turn);
            }
            if let Some(due) = self.queue.pop() {
                let push = settings.push.clone();
                in_flight.push(
                    attempt(
                        self.store.clone(),
                        self.deps.clone(),
                        settings.endpoint.clone(),
                        push,
                        due,
                    )
                    .boxed(),
                );
            }
        }
        None
    }

    /// Takes over the party's present settings; false when nothing is to be pushed now.
    fn refresh(&mut self) -> bool {
        let registry = self.store.shared.registry();
        let environment = self.queue.environment;
        let party = registry
            .routing
            .party(&self.queue.party)
            .filter(|party| party.takes_pushes(environment));
        let Some(party) = party else {
            self.settings = None;
            return false;
        };
        if self
            .settings
            .as_ref()
            .is_some_and(|settings| Arc::ptr_eq(&settings.party, party))
        {
            return true;
        }
        let DeliverySettings::Push(push) = &party.environment(environment).delivery else {
            self.settings = None;
            return false;
        };
        // Another change of the party's leaves the endpoint, and the token it has, as they are.
        if let Some(settings) = self
            .settings
            .as_mut()
            .filter(|settings| settings.push == *push)
        {
            settings.party = party.clone();
            return true;
        }
        match self.deps.push.endpoint(push) {
            Ok(endpoint) => {
                let endpoint = Arc::new(endpoint);
                self.settings = Some(Settings {
                    party: party.clone(),
                    push: push.clone(),
                    endpoint,
                });
                true
            }
            Err(error) => {
                tracing::error!(party.id = %party.id, error = &*error as &dyn std::error::Error, "an endpoint's settings are unusable");
                self.settings = None;
                false
            }
        }
    }

    /// Fills the queue from the database; false when nothing is due there.
    async fn claim_more(&mut self) -> bool {
        if !self.queue.backlog.swap(false, Ordering::AcqRel) {
            return false;
        }
        let now = self.deps.clock.now();
        match self
            .store
            .claim_due(&self.queue.party, self.queue.environment, CLAIM, now)
            .await
        {
            Ok(claimed) => {
                if claimed.more {
                    self.queue.backlog.store(true, Ordering::Release);
                }
                self.next_due = claimed.next_due;
                self.queue.extend(claimed.due);
                !self.queue.is_empty()
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "due pushes could not be read"
                );
                self.next_due = now.checked_add(STORE_PAUSE).ok();
                false
            }
        }
    }

    /// A push will be due again at this time.
    fn looks_again_at(&mut self, retry_at: Option<Timestamp>) {
        if let Some(retry_at) = retry_at {
            self.next_due = Some(self.next_due.map_or(retry_at, |next| next.min(retry_at)));
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
            self.store
                .shared
                .waiters
                .wake(&self.queue.party, self.queue.environment);
        }
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Makes one attempt and records it; tells when the next one is due, if there is to be one.
async fn attempt<P: Push>(
    store: Embedded,
    deps: PushDeps<P>,
    endpoint: Arc<P::Endpoint>,
    settings: PushSettings,
    due: Due,
) -> Option<Timestamp> {
    let offer = &due.offer;
    let message = offer.message.as_ref()?;
    let request = offer.delivery_id.request();
    let body = message::render(
        message.kind,
        message.created_at,
        offer.delivery_id,
        &offer.party,
        offer.environment,
        request,
        &due.detail,
    );
    let began = deps.clock.now();
    let report = deps
        .push
        .attempt(
            &endpoint,
            message_id(offer.delivery_id, message.kind),
            body,
            began,
        )
        .await;
    let ended = deps.clock.now();
    let (disposition, pause) = dispose(&deps, &settings, message, &report, began, ended);
    let retry_at = match &disposition {
        Disposition::RetryAt(at) => Some(*at),
        _ => None,
    };
    let attempt = Attempt {
        at: began,
        message: message.kind,
        outcome: report.outcome.word().to_string(),
        status_code: report.outcome.status(),
        latency_us: u64::try_from(report.latency.as_micros()).unwrap_or(u64::MAX),
        answer: (!report.answer.is_empty()).then_some(report.answer),
    };
    let command = RecordAttempt {
        delivery_id: offer.delivery_id,
        attempt,
        disposition,
        at: ended,
    };
    if pause {
        let command =
            PartyCommand::Pause(offer.environment, "the endpoint answered 410".to_owned());
        persist(|| {
            store.apply_to_party(
                offer.party.clone(),
                command.clone(),
                "delivery".to_owned(),
                ended,
                None,
            )
        })
        .await;
    }
    if !persist(|| store.apply(command.clone(), Urgency::Ours, None)).await {
        store.shared.queues.settle(&[offer.delivery_id]);
    }
    retry_at
}

/// What follows from an attempt, and whether the party asked to be paused.
fn dispose<P: Push>(
    deps: &PushDeps<P>,
    settings: &PushSettings,
    message: &marketplace_core::offer::Outgoing,
    report: &PushReport,
    began: Timestamp,
    ended: Timestamp,
) -> (Disposition, bool) {
    match verdict(settings.transport, &report.outcome, ended) {
        Verdict::Delivered => (Disposition::Delivered, false),
        Verdict::Dead(reason) => (Disposition::Dead(reason.to_string()), false),
        Verdict::PauseEnvironment => (Disposition::Hold, true),
        Verdict::Retry { not_before } => {
            let first = message.first_attempt_at.unwrap_or(began);
            let jitter = deps.randomness.fraction();
            let max_age = settings.max_age_hours.duration();
            match retry::next(
                message.attempts + 1,
                first,
                ended,
                jitter,
                max_age,
                not_before,
            ) {
                retry::Next::At(at) => (Disposition::RetryAt(at), false),
                retry::Next::GiveUp(reason) => (Disposition::Dead(reason.to_string()), false),
            }
        }
    }
}

/// An attempt that was made must be recorded, however long the store cannot take it; false if the rules refuse it.
async fn persist<T, F: Future<Output = Result<T, StoreError>>>(
    mut write: impl FnMut() -> F,
) -> bool {
    loop {
        match write().await {
            Ok(_) => return true,
            Err(StoreError::Refused(refusal)) => {
                tracing::error!(
                    error = &refusal as &dyn std::error::Error,
                    "an attempt could not be recorded"
                );
                return false;
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an attempt is not recorded yet"
                );
                tokio::time::sleep(STORE_PAUSE).await;
            }
        }
    }
}
