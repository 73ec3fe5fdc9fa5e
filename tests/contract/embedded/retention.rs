//! What is old goes: all of it, in steps, and never what is young or what a consumer has still to read.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use event_schema::{id::DeliveryId, kind::EventKind, words::AnswerStatus};
use futures::{FutureExt, future::join_all};
use jiff::SignedDuration;
use marketplace_core::{
    command::{answer::Answer, push::Disposition},
    lifecycle::OfferState,
    ports::{IdempotencyStore, Remember, RequestStore, StoredAnswer, Urgency},
};
use platform_embedded::{
    Embedded,
    bus::{Bus, Consumer, ConsumerError},
    retention::{Retention, sweep},
};
use serde_json::json;
use tests::eventually;

use super::{OneMachine, recorder};
use crate::fixture::{START, answer, asked, at, attempted, create, hash, offered, the_offer, timeline};

const DAY: i64 = 24 * 3_600;
const LONG: Duration = Duration::from_secs(10);

fn retention() -> Retention {
    Retention {
        journal: SignedDuration::from_hours(90 * 24),
        attempts: SignedDuration::from_hours(30 * 24),
        ..Retention::default()
    }
}

/// Writes so many rows about an offer into the journal, at this time.
async fn notes(store: &Embedded, delivery: DeliveryId, count: i64, seconds: i64) {
    let note = |number: i64| Answer {
        details: Some(json!([seconds, number])),
        at: at(seconds),
        ..answer(delivery, "books", AnswerStatus::InProgress)
    };
    let noted = (0..count).map(|number| store.apply(note(number), Urgency::Ours, None));
    assert!(join_all(noted).await.iter().all(Result::is_ok));
}

fn rows(machine: &OneMachine) -> i64 {
    machine.query("SELECT count(*) FROM journal")[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_rows_go_and_young_ones_stay() {
    let machine = OneMachine::new();
    let delivery = offered(&machine.store, "books", START).await;
    // More than a few steps of them, and then as many that are young.
    notes(&machine.store, delivery, 700, 0).await;
    notes(&machine.store, delivery, 300, 50 * DAY).await;
    let whole = rows(&machine);
    assert_eq!(whole, 2 + 1_000);

    sweep(&machine.store, at(100 * DAY), retention()).await.unwrap();
    assert_eq!(rows(&machine), whole, "nobody has read anything yet");

    let seen = Arc::new(Mutex::new(vec![]));
    let bus = Bus::start(&machine.store, vec![recorder("reader", &EventKind::ALL, &seen)], None).await.unwrap();
    eventually("it is read", async || (machine.query("SELECT sequence FROM consumers") == [whole]).then_some(())).await;
    bus.stop(LONG).await;
    sweep(&machine.store, at(90 * DAY - 1), retention()).await.unwrap();
    assert_eq!(rows(&machine), whole, "not old enough");
    sweep(&machine.store, at(90 * DAY + 60), retention()).await.unwrap();
    assert_eq!(rows(&machine), 300, "all that is old has gone, in one sweep, and nothing else");
    assert_eq!(timeline(&machine.store, delivery.request()).await, ["offer.noted"; 300]);
    assert_eq!(machine.query("SELECT count(*) FROM party_journal"), [300], "what is filed of them goes with them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_that_a_consumer_has_still_to_read() {
    let machine = OneMachine::new();
    let mut requests = vec![];
    for _ in 0..10 {
        requests.push(asked(&machine.store, &json!({})).await);
    }
    let stuck_at = requests[6].to_string();
    let handler = move |event: Arc<marketplace_core::publish::BusEvent>| {
        let stuck = event.detail.get().contains(&stuck_at);
        async move { if stuck { Err(ConsumerError::Retry("not now".into())) } else { Ok(()) } }.boxed()
    };
    let seen = Arc::new(Mutex::new(vec![]));
    let stuck = Consumer { name: "stuck", kinds: &[EventKind::Request], handler: Arc::new(handler) };
    let consumers = vec![stuck, recorder("fast", &EventKind::ALL, &seen)];
    let bus = Bus::start(&machine.store, consumers, None).await.unwrap();
    let saved = "SELECT sequence FROM consumers ORDER BY sequence";
    eventually("the positions", async || (machine.query(saved) == [6, 10]).then_some(())).await;

    sweep(&machine.store, at(999 * DAY), retention()).await.unwrap();
    assert_eq!(machine.query("SELECT sequence FROM journal ORDER BY sequence"), [7, 8, 9, 10]);
    drop(bus);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_has_read_nothing_yet_is_waited_for() {
    let machine = OneMachine::new();
    let old = Arc::new(Mutex::new(vec![]));
    asked(&machine.store, &json!({})).await;
    let bus = Bus::start(&machine.store, vec![recorder("old", &EventKind::ALL, &old)], None).await.unwrap();
    eventually("it is read", async || (machine.query("SELECT sequence FROM consumers") == [1]).then_some(())).await;
    bus.stop(LONG).await;
    // From the moment that a newcomer is known, even before it has handled anything.
    let never =
        Consumer { name: "newcomer", kinds: &EventKind::ALL, handler: Arc::new(|_| std::future::pending().boxed()) };
    let bus = Bus::start(&machine.store, vec![never], None).await.unwrap();
    sweep(&machine.store, at(999 * DAY), retention()).await.unwrap();
    assert_eq!(rows(&machine), 1);
    drop(bus);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_in_the_journal_are_never_used_again() {
    let machine = OneMachine::new();
    let first = asked(&machine.store, &json!({})).await;
    let used = machine.store.request(first, false).await.unwrap().unwrap().journal[0].sequence;
    let seen = Arc::new(Mutex::new(vec![]));
    let bus = Bus::start(&machine.store, vec![recorder("reader", &EventKind::ALL, &seen)], None).await.unwrap();
    eventually("it is read", async || (machine.query("SELECT sequence FROM consumers") == [1]).then_some(())).await;
    bus.stop(LONG).await;
    sweep(&machine.store, at(999 * DAY), retention()).await.unwrap();
    assert_eq!(rows(&machine), 0);
    let machine = machine.again();
    let second = asked(&machine.store, &json!({})).await;
    let next = machine.store.request(second, false).await.unwrap().unwrap().journal[0].sequence;
    assert!(next > used, "{next} after {used}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_attempts_go_and_young_ones_stay() {
    let machine = OneMachine::new();
    let store = &machine.store;
    let old = join_all((0..3).map(|_| offered(store, "books", START))).await;
    for delivery in &old {
        for number in 0..100 {
            let retry = attempted(*delivery, Disposition::RetryAt(at(number + 1)), at(number));
            store.apply(retry, Urgency::Ours, None).await.unwrap();
        }
    }
    // Replayed after weeks: an old request, a young attempt.
    let late = attempted(old[0], Disposition::Delivered, at(40 * DAY));
    store.apply(late, Urgency::Ours, None).await.unwrap();
    let attempts = || machine.query("SELECT count(*) FROM attempts")[0];
    assert_eq!(attempts(), 301);
    sweep(store, at(29 * DAY), retention()).await.unwrap();
    assert_eq!(attempts(), 301, "not old enough");
    sweep(store, at(45 * DAY), retention()).await.unwrap();
    assert_eq!(attempts(), 1);
    let record = store.request(old[0].request(), true).await.unwrap().unwrap();
    assert_eq!(record.attempts[0].1.at, at(40 * DAY));
    sweep(store, at(71 * DAY), retention()).await.unwrap();
    assert_eq!(attempts(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_answers_go() {
    let machine = OneMachine::new();
    for number in 0..450 {
        let expires_at = if number < 440 { at(10) } else { at(2 * DAY) };
        let answer = Box::new(|()| StoredAnswer { status: 200, body: "{}".to_owned() });
        let remember =
            Remember { key: hash(), fingerprint: [0; 32], expires_at, answer: Box::new(move |()| answer(())) };
        IdempotencyStore::remember(&machine.store, remember).await.unwrap();
    }
    sweep(&machine.store, at(DAY), retention()).await.unwrap();
    assert_eq!(machine.query("SELECT count(*) FROM idempotency"), [10]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_fetched_expires_after_fourteen_days() {
    let machine = OneMachine::new();
    let store = &machine.store;
    let mut old = join_all((0..250).map(|_| offered(store, "books", START))).await;
    old.push(offered(store, "pens", START).await);
    let young = offered(store, "books", at(DAY)).await;
    let answered = offered(store, "books", START).await;
    store.apply(answer(answered, "books", AnswerStatus::Accepted), Urgency::Ours, None).await.unwrap();
    sweep(store, at(14 * DAY - 1), retention()).await.unwrap();
    assert_eq!(the_offer(store, old[0]).await.state, OfferState::Pending);
    sweep(store, at(14 * DAY + 1), retention()).await.unwrap();
    for delivery in old {
        let offer = the_offer(store, delivery).await;
        assert_eq!((offer.state, offer.message), (OfferState::Expired, None));
        assert_eq!(timeline(store, delivery.request()).await.last().unwrap(), "offer.expired");
    }
    assert_eq!(the_offer(store, young).await.state, OfferState::Pending);
    assert_eq!(the_offer(store, answered).await.state, OfferState::Accepted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_the_sweep() {
    let machine = OneMachine::new();
    let delivery = offered(&machine.store, "books", START).await;
    notes(&machine.store, delivery, 3_000, 0).await;
    let seen = Arc::new(Mutex::new(vec![]));
    let bus = Bus::start(&machine.store, vec![recorder("reader", &EventKind::ALL, &seen)], None).await.unwrap();
    let read = async || (machine.query("SELECT sequence FROM consumers") == [3_002]).then_some(());
    eventually("it is read", read).await;
    let store = machine.store.clone();
    let sweeping = tokio::spawn(async move { sweep(&store, at(999 * DAY), retention()).await });
    let mut answered = 0;
    while !sweeping.is_finished() {
        machine.store.apply(create("user-1", &json!({}), START), Urgency::Caller, None).await.unwrap();
        answered += 1;
    }
    sweeping.await.unwrap().unwrap();
    // Fifteen steps, and callers come in between: behind one long step no more than one or two would.
    assert!(answered >= 5, "{answered} callers were answered meanwhile");
    bus.stop(LONG).await;
}
