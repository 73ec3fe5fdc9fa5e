//! The one writer: many callers share a commit, and none suffers for another.

use std::{
    sync::{
        Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use event_schema::id::RequestId;
use futures::future::join_all;
use jiff::Timestamp;
use marketplace_core::{
    command::{Change, Command, Decision, Needs, Refusal},
    fact::Fact,
    ports::{RequestStore, StoreError, Urgency},
    request::Aggregate,
};
use platform_embedded::Embedded;
use serde_json::json;
use tests::eventually;

use super::{OneMachine, options};
use crate::fixture::{START, asked, create, timeline};

/// A command that does something that no command should.
struct Odd {
    request: RequestId,
    act: Box<dyn Fn() -> Change + Send + Sync>,
}

impl Command for Odd {
    type Reply = ();

    fn request(&self) -> RequestId {
        self.request
    }

    fn at(&self) -> Timestamp {
        START
    }

    fn needs(&self) -> Needs {
        Needs::Head
    }

    fn decide(&self, _: &Aggregate) -> Result<Decision<()>, Refusal> {
        Ok(Decision { change: (self.act)(), reply: () })
    }
}

/// Has the writer wait, in the middle of a commit, until the answer is dropped.
async fn hold_writer(store: &Embedded, request: RequestId) -> Sender<()> {
    let (release, released) = channel::<()>();
    let (entered, inside) = channel();
    let released: Mutex<Receiver<()>> = Mutex::new(released);
    let act = move || {
        let _ = entered.send(());
        let _ = released.lock().expect("no panic").recv();
        Change::default()
    };
    let odd = Odd { request, act: Box::new(act) };
    let holding = tokio::spawn({
        let store = store.clone();
        async move { store.apply(odd, Urgency::Ours, None).await }
    });
    eventually("the writer is held", async || inside.try_recv().ok()).await;
    drop(holding);
    release
}

/// Breaks the transaction: the body is there already.
fn broken(request: RequestId) -> Odd {
    let act = || Change { body: Some("{}".into()), facts: vec![Fact::RequestCancelled], ..Change::default() };
    Odd { request, act: Box::new(act) }
}

fn panicking(request: RequestId) -> Odd {
    Odd { request, act: Box::new(|| panic!("on purpose")) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_breaks_the_commit_breaks_its_own_only() {
    let machine = OneMachine::new();
    let store = &machine.store;
    let victim = asked(store, &json!({})).await;
    let new: Vec<_> = (0..200).map(|_| create("user-1", &json!({}), START)).collect();
    let release = hold_writer(store, victim).await;
    // All of these wait together, so all of them share one commit.
    let (before, after) = new.split_at(100);
    let good = |new: &[marketplace_core::command::create::Create]| {
        join_all(new.iter().map(|new| store.apply(new.clone(), Urgency::Ours, None)).collect::<Vec<_>>())
    };
    let all = async {
        tokio::join!(
            good(before),
            store.apply(broken(victim), Urgency::Ours, None),
            store.apply(panicking(victim), Urgency::Ours, None),
            good(after)
        )
    };
    let (before, broken, panicked, after) = tokio::join!(all, async {
        tokio::task::yield_now().await;
        drop(release);
    })
    .0;
    assert!(before.iter().chain(&after).all(Result::is_ok), "the others succeed");
    assert!(matches!(broken, Err(StoreError::Unexpected(_))), "{broken:?}");
    assert!(matches!(panicked, Err(StoreError::Unexpected(_))), "{panicked:?}");

    let mut sequences = vec![];
    for new in &new {
        let record = store.request(new.id, false).await.unwrap().expect("stored");
        sequences.extend(record.journal.iter().map(|entry| entry.sequence));
    }
    assert_eq!(timeline(store, victim).await, ["request.created"], "nothing of what broke");
    let whole = sequences.len();
    sequences.sort_unstable();
    sequences.dedup();
    assert_eq!((whole, sequences.len()), (200, 200), "a row each, and a place each");
    assert_eq!(*sequences.last().unwrap(), 201, "and no place was lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_turns_callers_away_and_lets_our_own_work_wait() {
    const QUEUE: usize = 8;
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.queue = QUEUE;
    let store = Embedded::open(options).unwrap();
    let held = asked(&store, &json!({})).await;
    let release = hold_writer(&store, held).await;

    let waiting: Vec<_> = (0..QUEUE).map(|_| create("user-1", &json!({}), START)).collect();
    let queued: Vec<_> = waiting.iter().map(|new| Box::pin(store.apply(new.clone(), Urgency::Caller, None))).collect();
    let mut queued = join_all(queued);
    assert!(futures::poll!(&mut queued).is_pending());
    let late = create("user-1", &json!({}), START);
    let refused = store.apply(late.clone(), Urgency::Caller, None).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let ours = create("user-1", &json!({}), START);
    let mut patient = Box::pin(store.apply(ours.clone(), Urgency::Ours, None));
    assert!(futures::poll!(&mut patient).is_pending());

    drop(release);
    assert!(queued.await.iter().all(Result::is_ok));
    patient.await.unwrap();
    assert!(store.request(ours.id, false).await.unwrap().is_some());
    assert!(store.request(late.id, false).await.unwrap().is_none(), "refused before acceptance");
    store.apply(late, Urgency::Caller, None).await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_caller_asked_for_before_it_hung_up_is_done() {
    let machine = OneMachine::new();
    let held = asked(&machine.store, &json!({})).await;
    let release = hold_writer(&machine.store, held).await;
    let new = create("user-1", &json!({}), START);
    let mut asking = Box::pin(machine.store.apply(new.clone(), Urgency::Caller, None));
    assert!(futures::poll!(&mut asking).is_pending());
    drop(asking);
    drop(release);
    // The store is closed with that in its queue: it is still written.
    let machine = machine.again();
    assert!(machine.store.request(new.id, false).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_whose_caller_hangs_up_costs_nobody_a_connection() {
    let machine = OneMachine::new();
    let request = asked(&machine.store, &json!({})).await;
    // Far more readers than connections, each other one of which goes away in the middle.
    for _ in 0..50 {
        let reads: Vec<_> = (0..16)
            .map(|number| {
                let store = machine.store.clone();
                tokio::spawn(async move {
                    let read = store.request(request, true);
                    let patience = Duration::from_micros(if number % 2 == 0 { 50 } else { 20_000_000 });
                    tokio::time::timeout(patience, read).await
                })
            })
            .collect();
        for read in join_all(reads).await {
            if let Ok(read) = read.unwrap() {
                assert!(read.expect("a connection is free").is_some());
            }
        }
    }
}
