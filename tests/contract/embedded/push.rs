//! The push workers: what is due goes out, on its schedule, and one party's trouble is nobody else's.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use event_schema::{id::Environment, words::MessageType};
use futures::{FutureExt, future::join_all};
use jiff::SignedDuration;
use marketplace_core::{
    command::push::Disposition,
    lifecycle::OfferState,
    offer::message_id,
    party::{PartyCommand, PartyPatch},
    ports::{Clock, DeadLetterQuery, DeadLetters, PageQuery, RequestStore, Urgency},
};
use platform_embedded::Embedded;
use serde_json::{Value, json};
use tests::eventually;

use super::{
    OneMachine,
    script::{Gate, Script, status, status_after, timeout},
};
use crate::fixture::{START, at, attempted, change, join, offered, party, party_id, push_settings, the_offer};

const LONG: Duration = Duration::from_secs(10);

/// A party whose messages are pushed to an endpoint of its own name.
pub(super) async fn pushed_to(store: &Embedded, name: &str, more: &Value) {
    let mut new = party(name);
    new.environments[0].delivery = push_settings(&format!("https://{name}.example/hook"), more);
    join(store, new).await;
}

/// A change that changes nothing but has the party's worker look again.
pub(super) async fn nudge(store: &Embedded, name: &str) {
    change(store, name, PartyCommand::Patch(PartyPatch { name: Some(name.to_owned()), ..PartyPatch::default() })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_survives_a_restart() {
    let machine = OneMachine::new();
    for name in ["books", "pens"] {
        pushed_to(&machine.store, name, &json!({})).await;
    }
    let first = offered(&machine.store, "books", START).await;
    // On the wire when the power goes: nobody knows whether it arrived.
    let cut_off = Script::new(|_| std::future::pending().boxed());
    let workers = cut_off.start(&machine.store).await;
    cut_off.sent_at_least(1).await;
    workers.stop(Duration::ZERO).await;
    let mut offers = vec![first];
    for name in ["books", "pens", "books"] {
        offers.push(offered(&machine.store, name, START).await);
    }

    let machine = machine.again();
    let script = Script::at_once(|_| status(200));
    let workers = script.start(&machine.store).await;
    let sent = script.sent_at_least(4).await;
    workers.stop(LONG).await;
    let expected: BTreeMap<_, _> = offers.iter().map(|id| (*id, message_id(*id, MessageType::OfferCreated))).collect();
    assert_eq!(sent.iter().map(|sent| (sent.delivery, sent.id)).collect::<BTreeMap<_, _>>(), expected);
    assert_eq!(sent.len(), 4);
    assert_eq!(cut_off.sent()[0].id, expected[&first], "the same id as before");
    for id in offers {
        let record = machine.store.request(id.request(), true).await.unwrap().unwrap();
        assert_eq!(record.offers[0].state, OfferState::Delivered);
        let (_, attempt) = &record.attempts[0];
        assert_eq!(
            (attempt.outcome.as_str(), attempt.status_code, attempt.latency_us),
            ("delivered", Some(200), 1_500)
        );
        assert_eq!(attempt.answer.as_deref(), Some("an answer"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_hangs_delays_no_other() {
    let machine = OneMachine::new();
    let gate = Gate::shut();
    let script = Script::new({
        let gate = gate.clone();
        move |sent| if sent.party.starts_with("slow") { gate.then(status(200)) } else { async { status(200) }.boxed() }
    });
    let names = ["slow-1", "slow-2", "quick-1", "quick-2", "quick-3"];
    for name in names {
        pushed_to(&machine.store, name, &json!({})).await;
    }
    let workers = script.start(&machine.store).await;
    // The slow ones come first, and more of them than may be on the wire, or in memory, at once.
    let slow = join_all((0..700).map(|number| offered(&machine.store, names[number % 2], START))).await;
    let quick = join_all((0..90).map(|number| offered(&machine.store, names[2 + number % 3], START))).await;
    let quick: BTreeSet<_> = quick.into_iter().collect();
    eventually("the others are served", async || {
        let served: BTreeSet<_> = script.sent().iter().map(|sent| sent.delivery).collect();
        quick.is_subset(&served).then_some(())
    })
    .await;
    let on_the_wire = |name: &str| script.sent().iter().filter(|sent| sent.party == name).count();
    assert!((1..=32).contains(&on_the_wire("slow-1")), "{}", on_the_wire("slow-1"));
    gate.open();
    script.sent_at_least(790).await;
    workers.stop(LONG).await;
    let sent: Vec<_> = script.sent().iter().map(|sent| sent.delivery).collect();
    assert_eq!(sent.len(), 790, "each once");
    assert_eq!(sent.into_iter().collect::<BTreeSet<_>>(), slow.into_iter().chain(quick).collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partys_rate_is_kept() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "slow", &json!({ "rate_limit_per_second": 50 })).await;
    pushed_to(&machine.store, "quick", &json!({})).await;
    join_all((0..50).map(|_| offered(&machine.store, "slow", START))).await;
    join_all((0..50).map(|_| offered(&machine.store, "quick", START))).await;
    let script = Script::at_once(|_| status(204));
    let started = Instant::now();
    let workers = script.start(&machine.store).await;
    let sent = script.sent_at_least(100).await;
    workers.stop(LONG).await;
    let slow: Vec<Instant> = sent.iter().filter(|sent| sent.party == "slow").map(|sent| sent.real).collect();
    // 50 at 50 a second: no window of half a second has more than 25 and the small burst.
    for (place, first) in slow.iter().enumerate() {
        let within = slow[place..].iter().filter(|other| other.duration_since(*first) < Duration::from_millis(500));
        assert!(within.count() <= 25 + 2, "too many at once");
    }
    assert!(slow[49].duration_since(started) >= Duration::from_millis(900));
    let last_quick = sent.iter().filter(|sent| sent.party == "quick").map(|sent| sent.real).max().unwrap();
    assert!(last_quick < slow[49], "the other's rate is its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_come_on_schedule_until_the_message_is_too_old() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "books", &json!({ "max_age_hours": 1 })).await;
    let delivery = offered(&machine.store, "books", START).await;
    let script = Script::at_once(|_| timeout());
    let workers = script.start(&machine.store).await;
    let began = script.sent_at_least(1).await[0].at;
    let mut expected_wait = 750;
    for attempt in 1.. {
        let offer = eventually("the attempt is recorded", async || {
            Some(the_offer(&machine.store, delivery).await).filter(|offer| offer.attempts == attempt)
        })
        .await;
        let message = offer.message.unwrap();
        assert_eq!(message.attempts, attempt);
        let Some(due) = message.next_attempt_at else {
            assert_eq!(message.dead.unwrap().reason, "max_age_reached");
            assert_eq!(offer.state, OfferState::Failed);
            break;
        };
        let now = script.clock.now();
        assert_eq!(due.duration_since(now), SignedDuration::from_millis(expected_wait));
        assert!(due.duration_since(began) <= SignedDuration::from_hours(1));
        expected_wait = (expected_wait * 2).min(540_000);
        // A moment too early nothing happens, and at the time it does.
        script.clock.pass(due.duration_since(now) - SignedDuration::from_millis(1));
        nudge(&machine.store, "books").await;
        nudge(&machine.store, "books").await;
        assert_eq!(script.sent().len(), usize::try_from(attempt).unwrap(), "too early");
        script.clock.pass(SignedDuration::from_millis(1));
        nudge(&machine.store, "books").await;
        let sent = script.sent_at_least(usize::try_from(attempt).unwrap() + 1).await;
        assert_eq!(sent.last().unwrap().at, due);
    }
    workers.stop(LONG).await;
    let ids: BTreeSet<_> = script.sent().iter().map(|sent| sent.id.to_string()).collect();
    assert_eq!(ids.len(), 1, "one message, one id");
    let record = machine.store.request(delivery.request(), true).await.unwrap().unwrap();
    assert_eq!(record.attempts.len(), script.sent().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_comes_by_itself() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "books", &json!({})).await;
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let script = Script::at_once(move |_| {
        let failed = tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        if failed { status(503) } else { status(200) }
    });
    // A clock that goes with the time, from where the test's begins.
    let started = Instant::now();
    let workers = script.start(&machine.store).await;
    let ticking = tokio::spawn({
        let clock = script.clock.clone();
        async move {
            let mut told = Duration::ZERO;
            loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                let now = started.elapsed();
                clock.pass(SignedDuration::try_from(now - told).unwrap());
                told = now;
            }
        }
    });
    let delivery = offered(&machine.store, "books", START).await;
    script.sent_at_least(2).await;
    eventually("it is delivered", async || {
        (the_offer(&machine.store, delivery).await.state == OfferState::Delivered).then_some(())
    })
    .await;
    assert!(started.elapsed() >= Duration::from_millis(700));
    ticking.abort();
    workers.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_after_is_waited_for_and_each_transport_has_its_rules() {
    let machine = OneMachine::new();
    for (name, transport) in [("managed", "managed"), ("direct", "direct"), ("asks", "direct")] {
        pushed_to(&machine.store, name, &json!({ "transport": transport })).await;
    }
    let script = Script::at_once(|sent| if sent.party == "asks" { status_after(503, 120) } else { status(404) });
    let workers = script.start(&machine.store).await;
    let mut offers = BTreeMap::new();
    for name in ["managed", "direct", "asks"] {
        offers.insert(name, offered(&machine.store, name, START).await);
    }
    script.sent_at_least(3).await;
    workers.stop(LONG).await;
    let now = script.clock.now();
    let message = async |name| the_offer(&machine.store, offers[name]).await.message.unwrap();
    assert_eq!(message("managed").await.dead.unwrap().reason, "status_not_retried");
    assert_eq!(message("direct").await.next_attempt_at, Some(now + SignedDuration::from_millis(750)));
    assert_eq!(message("asks").await.next_attempt_at, Some(now + SignedDuration::from_secs(120)));
    let page = PageQuery { cursor: None, limit: 10 };
    let dead = machine.store.dead_letters(DeadLetterQuery::default(), page).await.unwrap();
    assert_eq!(dead.items.iter().map(|offer| offer.delivery_id).collect::<Vec<_>>(), [offers["managed"]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_decide_from_the_moment_they_are_answered() {
    let machine = OneMachine::new();
    join(&machine.store, party("books")).await;
    let script = Script::at_once(|_| status(200));
    let workers = script.start(&machine.store).await;
    let waiting = offered(&machine.store, "books", START).await;
    nudge(&machine.store, "books").await;
    assert!(script.sent().is_empty(), "it polls");

    let deliver = |url: &str| PartyCommand::SetDelivery(Environment::Prod, Box::new(push_settings(url, &json!({}))));
    change(&machine.store, "books", deliver("https://one.example/")).await;
    let sent = script.sent_at_least(1).await;
    assert_eq!((sent[0].delivery, sent[0].url.as_str()), (waiting, "https://one.example/"), "what had waited");
    change(&machine.store, "books", deliver("https://two.example/")).await;
    offered(&machine.store, "books", START).await;
    let sent = script.sent_at_least(2).await;
    assert_eq!(sent[1].url, "https://two.example/");

    let poll =
        PartyCommand::SetDelivery(Environment::Prod, Box::new(marketplace_core::delivery::DeliverySettings::Poll));
    change(&machine.store, "books", poll).await;
    let last = offered(&machine.store, "books", START).await;
    use marketplace_core::ports::Inbox;
    let leased = machine.store.lease(&party_id("books"), Environment::Prod, 9, at(9), at(99)).await.unwrap();
    assert_eq!(leased.iter().map(|leased| leased.offer.delivery_id).collect::<Vec<_>>(), [last]);
    workers.stop(LONG).await;
    assert_eq!(script.sent().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_of_any_length_goes_out_once() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "books", &json!({})).await;
    // More than is taken from the database at a time, and more than is held in memory.
    let offers = join_all((0..700).map(|_| offered(&machine.store, "books", START))).await;
    let script = Script::at_once(|_| status(200));
    let workers = script.start(&machine.store).await;
    let sent = script.sent_at_least(700).await;
    workers.stop(LONG).await;
    assert_eq!(sent.len(), 700, "each once");
    let sent: BTreeSet<_> = sent.iter().map(|sent| sent.delivery).collect();
    assert_eq!(sent, offers.into_iter().collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_that_was_due_later_comes_after_a_restart() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "books", &json!({})).await;
    let later = offered(&machine.store, "books", START).await;
    let soon = at(100) + SignedDuration::from_millis(300);
    let failed = attempted(later, Disposition::RetryAt(soon), at(99));
    machine.store.apply(failed, Urgency::Ours, None).await.unwrap();
    let now = offered(&machine.store, "books", START).await;

    let machine = machine.again();
    let script = Script::at_once(|_| status(200));
    let workers = script.start(&machine.store).await;
    assert_eq!(script.sent_at_least(1).await[0].delivery, now);
    // From here on nothing but the worker itself makes it look.
    script.clock.pass(SignedDuration::from_secs(1));
    assert_eq!(script.sent_at_least(2).await[1].delivery, later);
    workers.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_into_memory_is_fetched_later() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "books", &json!({})).await;
    let gate = Gate::shut();
    let answered = std::sync::atomic::AtomicUsize::new(0);
    let script = Script::new({
        let gate = gate.clone();
        move |_| {
            let early = answered.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 3;
            if early { async { status(200) }.boxed() } else { gate.then(status(200)) }
        }
    });
    let workers = script.start(&machine.store).await;
    // By the third, the worker has looked into the database and found nothing there.
    for _ in 0..3 {
        let early = offered(&machine.store, "books", START).await;
        eventually("it is delivered", async || {
            (the_offer(&machine.store, early).await.state == OfferState::Delivered).then_some(())
        })
        .await;
    }
    join_all((0..500).map(|_| offered(&machine.store, "books", START))).await;
    gate.open();
    let sent = script.sent_at_least(503).await;
    workers.stop(LONG).await;
    assert_eq!(sent.iter().map(|sent| sent.delivery).collect::<BTreeSet<_>>().len(), 503, "each once");
}
