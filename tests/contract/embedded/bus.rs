//! The bus: every event at least once to every consumer, whatever other events and other consumers do.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use event_schema::{id::RequestId, kind::EventKind, words::AnswerStatus};
use futures::{FutureExt, future::join_all};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    command::answer::Answer,
    ports::{RequestStore, Urgency},
    publish::BusEvent,
};
use platform_embedded::{
    Embedded,
    bus::{Bus, Consumer, ConsumerError, Mischief, replay},
};
use serde_json::{Value, json};
use tests::eventually;

use super::{OneMachine, recorder};
use crate::fixture::{answer, asked, at, create, offer, offer_of, offered};

const REQUESTS: &[EventKind] = &[EventKind::Request];
const LONG: Duration = Duration::from_secs(10);

type Seen = Arc<Mutex<Vec<BusEvent>>>;

fn request_of(event: &BusEvent) -> RequestId {
    let detail: Value = serde_json::from_str(event.detail.get()).unwrap();
    detail["metadata"]["correlation_id"].as_str().unwrap().parse().unwrap()
}

async fn ask_many(store: &Embedded, count: usize) -> Vec<RequestId> {
    let body = json!({});
    join_all((0..count).map(|_| asked(store, &body))).await
}

async fn seen_all(seen: &Seen, wanted: &[RequestId]) {
    let wanted: BTreeSet<_> = wanted.iter().collect();
    eventually(format!("{} events", wanted.len()), async || {
        let seen: BTreeSet<RequestId> = seen.lock().unwrap().iter().map(request_of).collect();
        wanted.iter().all(|id| seen.contains(id)).then_some(())
    })
    .await;
}

/// A consumer of requests that does this with each.
fn consumer<F>(name: &'static str, act: F) -> Consumer
where
    F: Fn(RequestId) -> Result<(), ConsumerError> + Send + Sync + 'static,
{
    let handler = move |event: Arc<BusEvent>| {
        let outcome = act(request_of(&event));
        async move { outcome }.boxed()
    };
    Consumer { name, kinds: REQUESTS, handler: Arc::new(handler) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mischief_loses_nothing_and_an_idempotent_consumer_does_each_once() {
    let machine = OneMachine::new();
    let (seen, done) = (Seen::default(), Arc::new(Mutex::new(BTreeMap::new())));
    let idempotent = consumer("idempotent", {
        let done = done.clone();
        move |request| {
            *done.lock().unwrap().entry(request).or_insert(0_u32) += 1;
            Ok(())
        }
    });
    let consumers = vec![recorder("recorder", &EventKind::ALL, &seen), idempotent];
    let bus = Bus::start(&machine.store, consumers, Some(Mischief::seeded(11))).await.unwrap();
    let mut requests = vec![];
    for _ in 0..10 {
        requests.extend(ask_many(&machine.store, 30).await);
    }
    offer(&machine.store, requests[0], &["books"], at(1)).await;
    seen_all(&seen, &requests).await;
    eventually("the other consumer", async || (done.lock().unwrap().len() == 300).then_some(())).await;
    bus.stop(LONG).await;

    let seen = seen.lock().unwrap();
    let order: Vec<RequestId> = seen.iter().map(request_of).collect();
    assert!(seen.len() > 301, "some were repeated");
    assert!(!order.is_sorted(), "and some were moved");
    let mut copies: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for event in seen.iter() {
        copies.entry(event.id).or_default().insert(serde_json::to_string(event).unwrap());
    }
    assert_eq!(copies.len(), 301, "every event");
    assert!(copies.values().all(|texts| texts.len() == 1), "a copy is a copy");
    assert!(done.lock().unwrap().values().any(|times| *times > 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_survive_a_restart() {
    let machine = OneMachine::new();
    let first = Seen::default();
    let bus = Bus::start(&machine.store, vec![recorder("one", REQUESTS, &first)], None).await.unwrap();
    let before = ask_many(&machine.store, 50).await;
    seen_all(&first, &before).await;
    bus.stop(LONG).await;

    let machine = machine.again();
    let while_away = ask_many(&machine.store, 5).await;
    let (again, newcomer) = (Seen::default(), Seen::default());
    let consumers = vec![recorder("one", REQUESTS, &again), recorder("newcomer", REQUESTS, &newcomer)];
    let bus = Bus::start(&machine.store, consumers, Some(Mischief::seeded(3))).await.unwrap();
    let after = ask_many(&machine.store, 5).await;
    let new = [while_away, after].concat();
    seen_all(&again, &new).await;
    seen_all(&newcomer, &[before.clone(), new].concat()).await;
    bus.stop(LONG).await;
    let old: BTreeSet<_> = before.into_iter().collect();
    assert!(again.lock().unwrap().iter().all(|event| !old.contains(&request_of(event))), "handled before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_was_killed_loses_nothing() {
    let mut machine = OneMachine::new();
    let handled: Arc<Mutex<BTreeSet<RequestId>>> = Arc::default();
    let mut wanted = vec![];
    for round in 0..4 {
        wanted.extend(ask_many(&machine.store, 40).await);
        let (known, stop_at) = (handled.clone(), 20 * (round + 1));
        let slow = consumer("slow", move |request| {
            let mut handled = known.lock().unwrap();
            if round < 3 && handled.len() > stop_at {
                return Err(ConsumerError::Retry("not now".into()));
            }
            handled.insert(request);
            Ok(())
        });
        let bus = Bus::start(&machine.store, vec![slow], None).await.unwrap();
        eventually("some of them", async || (handled.lock().unwrap().len() > stop_at).then_some(())).await;
        if round == 3 {
            eventually("all of them", async || (handled.lock().unwrap().len() == 160).then_some(())).await;
        }
        // Dropped in the middle of things, as a crash would.
        drop(bus);
        machine = settle(machine).await;
    }
    assert_eq!(*handled.lock().unwrap(), wanted.into_iter().collect());
}

/// Reopens a store whose tasks were just dropped.
async fn settle(machine: OneMachine) -> OneMachine {
    let OneMachine { folder, store } = machine;
    drop(store);
    let path = folder.path().to_owned();
    let opened = tokio::task::spawn_blocking(move || Embedded::open(super::options(&path)));
    OneMachine { folder, store: opened.await.unwrap().unwrap() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_for_a_while_holds_up_nothing_else() {
    let machine = OneMachine::new();
    let requests = ask_many(&machine.store, 30).await;
    let (troubled, fast) = (requests[0], Seen::default());
    let (failures, handled) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(vec![])));
    let failing = consumer("failing", {
        let (failures, handled) = (failures.clone(), handled.clone());
        move |request| {
            if request == troubled && failures.fetch_add(1, Ordering::SeqCst) < 4 {
                return Err(ConsumerError::Retry("not now".into()));
            }
            handled.lock().unwrap().push(request);
            Ok(())
        }
    });
    let never = consumer("never", |_| Err(ConsumerError::Retry("never".into())));
    let consumers = vec![never, failing, recorder("fast", REQUESTS, &fast)];
    let bus = Bus::start(&machine.store, consumers, None).await.unwrap();
    seen_all(&fast, &requests).await;
    eventually("all of them", async || (handled.lock().unwrap().len() == 30).then_some(())).await;
    assert_eq!(handled.lock().unwrap().last(), Some(&troubled), "the others did not wait for it");
    assert_eq!(failures.load(Ordering::SeqCst), 5);
    // The position of the one that has still everything to do has not moved.
    eventually("the positions are saved", async || {
        let saved = machine.query("SELECT sequence FROM consumers ORDER BY name");
        (saved == [30, 30, 0]).then_some(())
    })
    .await;
    drop(bus);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_is_buried_and_the_rest_goes_on() {
    let machine = OneMachine::new();
    let requests = ask_many(&machine.store, 20).await;
    let (poison, panics, seen) = (requests[3], requests[7], Arc::new(Mutex::new(BTreeSet::new())));
    let eater = |seen: &Arc<Mutex<BTreeSet<RequestId>>>| {
        let seen = seen.clone();
        consumer("eater", move |request| {
            assert_ne!(request, panics, "on purpose");
            if request == poison {
                return Err(ConsumerError::Poison("it is not what it says".into()));
            }
            seen.lock().unwrap().insert(request);
            Ok(())
        })
    };
    let bus = Bus::start(&machine.store, vec![eater(&seen)], None).await.unwrap();
    eventually("the others", async || (seen.lock().unwrap().len() == 18).then_some(())).await;
    bus.stop(LONG).await;
    let buried = machine.query("SELECT sequence FROM consumer_dead_letters WHERE consumer = 'eater' ORDER BY sequence");
    let sequence = async |id| machine.store.request(id, false).await.unwrap().unwrap().journal[0].sequence;
    let expected = [sequence(poison).await, sequence(panics).await].map(u64::cast_signed);
    assert_eq!(buried.into_iter().collect::<BTreeSet<_>>(), expected.into_iter().collect());

    // What is buried does not come again, and the consumer lives on.
    let machine = machine.again();
    let bus = Bus::start(&machine.store, vec![eater(&seen)], None).await.unwrap();
    let more = ask_many(&machine.store, 1).await[0];
    eventually("the next", async || seen.lock().unwrap().contains(&more).then_some(())).await;
    bus.stop(LONG).await;
    assert_eq!(machine.query("SELECT count(*) FROM consumer_dead_letters"), [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_never_rests_saves_its_position() {
    let machine = OneMachine::new();
    let stop = Arc::new(AtomicBool::new(false));
    let busy = consumer("busy", |_| Ok(()));
    let bus = Bus::start(&machine.store, vec![busy], None).await.unwrap();
    let load: Vec<_> = (0..16)
        .map(|_| {
            let (store, stop) = (machine.store.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    asked(&store, &json!({})).await;
                }
            })
        })
        .collect();
    let position = || machine.query("SELECT sequence FROM consumers")[0];
    for _ in 0..2 {
        let before = position();
        eventually("the position moves under load", async || (position() > before).then_some(())).await;
    }
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }
    let last = machine.query("SELECT max(sequence) FROM journal")[0];
    eventually("everything is handled", async || (position() == last).then_some(())).await;
    bus.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_of_time_is_replayed_and_nothing_else() {
    let machine = OneMachine::new();
    let store = &machine.store;
    // Times that are not quite in the order in which the changes were committed, as under load.
    let minutes = |minute: i64, jitter: i64| at(minute * 60) + SignedDuration::from_secs(jitter);
    let mut expected = BTreeMap::new();
    for minute in 0..30 {
        for jitter in [5, -5, 20, -20, 0] {
            let time = minutes(minute, jitter);
            let new = create("user-1", &json!({}), time);
            expected.insert(new.id, time);
            store.apply(new, Urgency::Ours, None).await.unwrap();
        }
    }
    let windows = [(0, 30), (10, 11), (10, 10), (29, 99), (-9, 1), (-9, -1), (40, 50), (12, 8)];
    for (from, to) in windows {
        let seen = Seen::default();
        let (from, to): (Timestamp, Timestamp) = (minutes(from, 0), minutes(to, 0));
        let count = replay(store, &recorder("again", REQUESTS, &seen), from, to).await.unwrap();
        let wanted: BTreeSet<_> =
            expected.iter().filter(|(_, time)| (from..to).contains(*time)).map(|(id, _)| *id).collect();
        let seen: Vec<RequestId> = seen.lock().unwrap().iter().map(request_of).collect();
        assert_eq!(seen.iter().copied().collect::<BTreeSet<_>>(), wanted, "{from} to {to}");
        assert_eq!((seen.len(), count), (wanted.len(), wanted.len() as u64));
    }
    let of_another_kind = Seen::default();
    let statuses = recorder("again", &[EventKind::StatusUpdate], &of_another_kind);
    assert_eq!(replay(store, &statuses, at(-99_999), at(99_999)).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_whole_whether_they_come_from_memory_or_from_the_file() {
    let machine = OneMachine::new();
    let live = Seen::default();
    let bus = Bus::start(&machine.store, vec![recorder("live", &EventKind::ALL, &live)], None).await.unwrap();
    let request = asked(&machine.store, &json!({ "note": "the body" })).await;
    offer(&machine.store, request, &["books"], at(1)).await;
    let id = offer_of(request, "books");
    for step in 0..3 {
        let said = Answer { details: Some(json!({ "step": step })), ..answer(id, "books", AnswerStatus::InProgress) };
        machine.store.apply(said, Urgency::Ours, None).await.unwrap();
    }
    // An expiry knows of the offer only: its event needs the request.
    let expiring = offered(&machine.store, "pens", at(2)).await;
    let late = at(15 * 24 * 3_600);
    let expire = marketplace_core::command::expire::Expire { delivery_id: expiring, at: late };
    machine.store.apply(expire, Urgency::Ours, None).await.unwrap();
    eventually("the events", async || (live.lock().unwrap().len() == 6).then_some(())).await;
    bus.stop(LONG).await;

    let machine = machine.again();
    let later = Seen::default();
    let bus = Bus::start(&machine.store, vec![recorder("later", &EventKind::ALL, &later)], None).await.unwrap();
    eventually("the events", async || (later.lock().unwrap().len() == 6).then_some(())).await;
    bus.stop(LONG).await;
    let texts = |seen: &Seen| -> BTreeSet<String> {
        seen.lock().unwrap().iter().map(|event| serde_json::to_string(event).unwrap()).collect()
    };
    assert_eq!(texts(&live), texts(&later));
    assert_eq!(machine.query("SELECT count(*) FROM consumer_dead_letters"), [0]);
}
