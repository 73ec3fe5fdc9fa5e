//! The push workers when something goes wrong: endpoints that are gone, that panic, and the end of the process.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use event_schema::{id::Environment, kind::EventKind};
use futures::{FutureExt, future::join_all};
use marketplace_core::{
    lifecycle::OfferState,
    party::{PartyCommand, PartyPatch, PartyState},
    ports::{Inbox, PartyStore, RequestStore},
};
use platform_embedded::{Embedded, bus::Bus};
use serde_json::json;
use tests::eventually;

use super::{
    OneMachine,
    push::{nudge, pushed_to},
    recorder,
    script::{Gate, Script, status},
};
use crate::fixture::{START, at, change, offered, party_id, push_settings, the_offer, timeline};

const LONG: Duration = Duration::from_secs(10);

async fn paused(store: &Embedded, name: &str) -> Option<String> {
    store.party(&party_id(name)).await.unwrap().unwrap().environment(Environment::Prod).paused.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_gone_pauses_and_resuming_delivers() {
    let machine = OneMachine::new();
    let seen = Arc::new(Mutex::new(vec![]));
    let bus = Bus::start(&machine.store, vec![recorder("parties", &[EventKind::ThirdParty], &seen)], None);
    let bus = bus.await.unwrap();
    let (gone, gate) = (Arc::new(AtomicBool::new(true)), Gate::shut());
    let script = Script::new({
        let (gone, gate) = (gone.clone(), gate.clone());
        move |sent| {
            let there = sent.party == "pens" || !gone.load(Ordering::SeqCst);
            if there { async { status(200) }.boxed() } else { gate.then(status(410)) }
        }
    });
    for name in ["books", "pens"] {
        pushed_to(&machine.store, name, &json!({})).await;
    }
    let workers = script.start(&machine.store).await;
    let offers = join_all((0..10).map(|_| offered(&machine.store, "books", START))).await;
    // All ten are on the wire when the first 410 comes.
    script.sent_at_least(10).await;
    gate.open();
    eventually("it is paused", async || paused(&machine.store, "books").await).await;
    let held = async |id| timeline(&machine.store, id).await.iter().any(|kind| kind == "message.held");
    for id in &offers {
        eventually("the attempt is recorded", async || held(id.request()).await.then_some(())).await;
        let offer = the_offer(&machine.store, *id).await;
        assert_eq!(offer.state, OfferState::Pending);
        assert_eq!(offer.message.unwrap().attempts, 0, "its schedule has not begun");
    }
    let later = offered(&machine.store, "books", START).await;
    offered(&machine.store, "pens", START).await;
    script.sent_at_least(11).await;
    assert_eq!(script.sent().len(), 11, "nothing more goes to who is paused; the other gets its own");

    gone.store(false, Ordering::SeqCst);
    let resume =
        PartyPatch { state: Some(PartyState::Active), environment: Some(Environment::Prod), ..PartyPatch::default() };
    change(&machine.store, "books", PartyCommand::Patch(resume)).await;
    for id in offers.iter().chain([&later]) {
        eventually("it is delivered", async || {
            (the_offer(&machine.store, *id).await.state == OfferState::Delivered).then_some(())
        })
        .await;
    }
    workers.stop(LONG).await;
    bus.stop(LONG).await;
    let seen = seen.lock().unwrap();
    let pauses = seen.iter().filter(|event| event.detail.get().contains(r#""change":"paused""#)).count();
    assert_eq!(pauses, 1, "ten answers of 410 are one pause");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_the_party_has_left_pauses_nothing() {
    let machine = OneMachine::new();
    let gate = Gate::shut();
    let script = Script::new({
        let gate = gate.clone();
        move |sent| if sent.url.contains("new") { async { status(200) }.boxed() } else { gate.then(status(410)) }
    });
    pushed_to(&machine.store, "books", &json!({})).await;
    let workers = script.start(&machine.store).await;
    let delivery = offered(&machine.store, "books", START).await;
    script.sent_at_least(1).await;
    let moved = push_settings("https://new.example/hook", &json!({}));
    change(&machine.store, "books", PartyCommand::SetDelivery(Environment::Prod, Box::new(moved))).await;
    gate.open();
    eventually("it arrives at the new one", async || {
        (the_offer(&machine.store, delivery).await.state == OfferState::Delivered).then_some(())
    })
    .await;
    assert_eq!(paused(&machine.store, "books").await, None);
    workers.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_lets_what_is_on_the_wire_end_and_starts_nothing() {
    let machine = OneMachine::new();
    let gate = Gate::shut();
    let script = Script::new({
        let gate = gate.clone();
        move |_| gate.then(status(200))
    });
    pushed_to(&machine.store, "books", &json!({})).await;
    let offers = join_all((0..100).map(|_| offered(&machine.store, "books", START))).await;
    let workers = script.start(&machine.store).await;
    script.sent_at_least(32).await;
    let stopping = tokio::spawn(workers.stop(LONG));
    tokio::task::yield_now().await;
    // What is not on the wire is given back at once, so that it can be leased.
    let leased = eventually("they are given back", async || {
        let leased = machine.store.lease(&party_id("books"), Environment::Prod, 100, at(9), at(99)).await.unwrap();
        Some(leased).filter(|leased| !leased.is_empty())
    })
    .await;
    assert!(!stopping.is_finished(), "it waits for the answers");
    gate.open();
    stopping.await.unwrap();
    let sent: BTreeSet<_> = script.sent().iter().map(|sent| sent.delivery).collect();
    assert_eq!(sent.len(), 32, "nothing was started");
    assert!(leased.iter().all(|leased| !sent.contains(&leased.offer.delivery_id)));
    let mut delivered = 0;
    for id in offers {
        delivered += usize::from(the_offer(&machine.store, id).await.state == OfferState::Delivered);
    }
    assert_eq!(delivered, 32, "and what ended is recorded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_can_be_stopped_and_started_again() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "books", &json!({})).await;
    let hangs = Script::new(|_| std::future::pending().boxed());
    for round in 0..3 {
        let workers = hangs.start(&machine.store).await;
        offered(&machine.store, "books", START).await;
        hangs.sent_at_least((round + 1) * (round + 2) / 2).await;
        workers.stop(Duration::ZERO).await;
    }
    let script = Script::at_once(|_| status(200));
    let workers = script.start(&machine.store).await;
    script.sent_at_least(3).await;
    offered(&machine.store, "books", START).await;
    script.sent_at_least(4).await;
    workers.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_panics_is_a_failed_attempt() {
    let machine = OneMachine::new();
    let first = AtomicBool::new(true);
    let script = Script::new(move |_| {
        let first = first.swap(false, Ordering::SeqCst);
        async move {
            assert!(!first, "on purpose");
            status(200)
        }
        .boxed()
    });
    pushed_to(&machine.store, "books", &json!({})).await;
    let workers = script.start(&machine.store).await;
    let troubled = offered(&machine.store, "books", START).await;
    script.sent_at_least(1).await;
    let other = offered(&machine.store, "books", START).await;
    eventually("the other is delivered", async || {
        (the_offer(&machine.store, other).await.state == OfferState::Delivered).then_some(())
    })
    .await;
    let offer = eventually("it is recorded", async || {
        Some(the_offer(&machine.store, troubled).await).filter(|offer| offer.attempts == 1)
    })
    .await;
    assert_eq!(offer.state, OfferState::Pending);
    let due = offer.message.unwrap().next_attempt_at.unwrap();
    script.clock.pass(due.duration_since(at(100)));
    nudge(&machine.store, "books").await;
    eventually("it is tried again", async || {
        (the_offer(&machine.store, troubled).await.state == OfferState::Delivered).then_some(())
    })
    .await;
    workers.stop(LONG).await;
    let record = machine.store.request(troubled.request(), true).await.unwrap().unwrap();
    assert_eq!(record.attempts[0].1.outcome, "malformed_answer");
}
