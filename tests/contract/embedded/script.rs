//! Third parties' endpoints as a test wants them, without sockets: what is sent is noted, and answered by a script.

use std::{
    error::Error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use event_schema::id::{DeliveryId, MessageId};
use futures::{FutureExt, future::BoxFuture};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    delivery::PushSettings,
    health::HealthRules,
    ports::{Clock, Push, PushReport, Randomness},
    retry::RetryAfter,
    transport::{Failure, Outcome},
};
use platform_embedded::{
    Embedded,
    push::{PushDeps, PushWorkers},
};
use serde_json::Value;
use tests::eventually;
use tokio::sync::watch;
use uuid::Uuid;

use crate::fixture::at;

/// One attempt.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) url: String,
    pub(crate) id: MessageId,
    pub(crate) delivery: DeliveryId,
    pub(crate) message: String,
    pub(crate) party: String,
    pub(crate) at: Timestamp,
    /// When it was made, in real time.
    pub(crate) real: std::time::Instant,
}

type Answers = dyn Fn(Sent) -> BoxFuture<'static, PushReport> + Send + Sync;

/// See the module.
#[derive(Clone)]
pub(crate) struct Script {
    answers: Arc<Answers>,
    sent: Arc<Mutex<Vec<Sent>>>,
    pub(crate) clock: TestClock,
}

impl Script {
    pub(crate) fn new(answers: impl Fn(Sent) -> BoxFuture<'static, PushReport> + Send + Sync + 'static) -> Self {
        Self { answers: Arc::new(answers), sent: Arc::default(), clock: TestClock::new(at(100)) }
    }

    /// Answers every attempt at once.
    pub(crate) fn at_once(answer: impl Fn(&Sent) -> PushReport + Send + Sync + 'static) -> Self {
        Self::new(move |sent| {
            let report = answer(&sent);
            async move { report }.boxed()
        })
    }

    /// Starts the workers.
    pub(crate) async fn start(&self, store: &Embedded) -> PushWorkers {
        let (clock, randomness) = (Arc::new(self.clock.clone()), Arc::new(NoJitter));
        let deps = PushDeps { push: self.clone(), clock, randomness, health: HealthRules::default() };
        PushWorkers::start(store.clone(), deps).await.expect("started")
    }

    /// What was sent so far.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().expect("no panic").clone()
    }

    /// Waits until so many attempts were made.
    pub(crate) async fn sent_at_least(&self, count: usize) -> Vec<Sent> {
        eventually(format!("{count} attempts"), async || Some(self.sent()).filter(|sent| sent.len() >= count)).await
    }
}

impl Push for Script {
    type Endpoint = String;

    fn endpoint(&self, settings: &PushSettings) -> Result<String, Box<dyn Error + Send + Sync>> {
        Ok(serde_json::to_value(&settings.url)?.as_str().unwrap_or_default().to_owned())
    }

    async fn attempt(&self, endpoint: &String, id: MessageId, body: String, now: Timestamp) -> PushReport {
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let data = |field: &str| body["data"][field].as_str().expect("a text").to_owned();
        let sent = Sent {
            url: endpoint.clone(),
            id,
            delivery: data("delivery_id").parse().expect("an id"),
            message: body["type"].as_str().expect("a text").to_owned(),
            party: data("third_party"),
            at: now,
            real: std::time::Instant::now(),
        };
        self.sent.lock().expect("no panic").push(sent.clone());
        (self.answers)(sent).await
    }
}

/// An answer with this status.
pub(crate) fn status(status: u16) -> PushReport {
    report(Outcome::Answered { status, retry_after: None })
}

/// An answer with this status that asks for a pause.
pub(crate) fn status_after(status: u16, seconds: u64) -> PushReport {
    report(Outcome::Answered { status, retry_after: Some(RetryAfter::Seconds(seconds)) })
}

/// No answer in time.
pub(crate) fn timeout() -> PushReport {
    report(Outcome::Failed(Failure::Timeout))
}

fn report(outcome: Outcome) -> PushReport {
    PushReport { outcome, latency: Duration::from_micros(1_500), answer: "an answer".to_owned() }
}

/// A clock that goes on only when it is told to.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.as_microsecond())))
    }

    pub(crate) fn pass(&self, time: SignedDuration) {
        let micros = i64::try_from(time.as_micros()).expect("not so long");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).expect("a time")
    }
}

/// Retries come at the earliest time that jitter allows: 3/4 of the nominal wait.
#[derive(Debug)]
struct NoJitter;

impl Randomness for NoJitter {
    fn secret(&self) -> [u8; 32] {
        [0; 32]
    }

    fn uuid(&self, _: Timestamp) -> Uuid {
        Uuid::nil()
    }

    fn fraction(&self) -> f64 {
        0.0
    }
}

/// A gate at which answers wait until it is opened.
#[derive(Clone)]
pub(crate) struct Gate(watch::Sender<bool>);

impl Gate {
    pub(crate) fn shut() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    /// This answer, once the gate is open.
    pub(crate) fn then(&self, report: PushReport) -> BoxFuture<'static, PushReport> {
        let mut open = self.0.subscribe();
        async move {
            open.wait_for(|open| *open).await.expect("the gate is there");
            report
        }
        .boxed()
    }
}
