//! The task that keeps the clocks of offers: to the moment, woken by commits, and after a restart.

use std::{sync::Arc, time::Duration};

use event_schema::id::{DeliveryId, RequestId};
use jiff::SignedDuration;
use marketplace_core::{
    command::route::MakeOffers,
    fact::Fact,
    lifecycle::OfferState,
    party::AcceptanceClock,
    ports::{Clock, RequestStore, Urgency},
};
use platform_base::clock::SystemClock;
use platform_embedded::{Embedded, alarms};
use serde_json::json;
use tests::eventually;

use super::OneMachine;
use crate::fixture::{asked, batches, offer_of, the_offer};

async fn offered(store: &Embedded, expire_after_seconds: u32) -> DeliveryId {
    let clock = AcceptanceClock { category: None, remind_after_seconds: None, expire_after_seconds };
    let request = asked(store, &json!({})).await;
    for batch in batches(request, &["books"], SystemClock.now()) {
        let clocks = batch.parties.iter().map(|party| (party.clone(), clock.clone())).collect();
        store.apply(MakeOffers { clocks, ..batch }, Urgency::Ours, None).await.unwrap();
    }
    offer_of(request, "books")
}

/// Waits for the end, and tells by how much it was late.
async fn ended(store: &Embedded, delivery: DeliveryId, after: i64) -> SignedDuration {
    eventually("it expires", async || (the_offer(store, delivery).await.state == OfferState::Expired).then_some(()))
        .await;
    late(store, delivery.request(), after).await
}

async fn late(store: &Embedded, request: RequestId, after: i64) -> SignedDuration {
    let record = store.request(request, false).await.unwrap().unwrap();
    let ended = record.journal.iter().find(|entry| matches!(entry.fact, Fact::OfferExpired { .. })).unwrap().at;
    ended.duration_since(record.offers[0].created_at + SignedDuration::from_secs(after))
}

fn is_exact(late: SignedDuration) -> bool {
    (SignedDuration::ZERO..SignedDuration::from_secs(1)).contains(&late)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_comes_to_the_second_and_what_is_due_earlier_wakes_the_task() {
    let machine = OneMachine::new();
    let running = alarms::start(machine.store.clone(), Arc::new(SystemClock));
    let (late, early) = (offered(&machine.store, 3).await, offered(&machine.store, 1).await);
    assert!(is_exact(ended(&machine.store, early, 1).await));
    assert_eq!(the_offer(&machine.store, late).await.state, OfferState::Pending);
    assert!(is_exact(ended(&machine.store, late, 3).await));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_due_while_nothing_ran_is_done_at_the_start() {
    let machine = OneMachine::new();
    let delivery = offered(&machine.store, 1).await;
    let running = alarms::start(machine.store.clone(), Arc::new(SystemClock));
    running.stop().await;
    let later = offered(&machine.store, 1_000).await;
    let machine = machine.again();
    let due = the_offer(&machine.store, delivery).await.deadline.unwrap().expire_at;
    eventually("its time is over", async || (SystemClock.now() > due).then_some(())).await;
    assert_eq!(the_offer(&machine.store, delivery).await.state, OfferState::Pending);
    let running = alarms::start(machine.store.clone(), Arc::new(SystemClock));
    ended(&machine.store, delivery, 1).await;
    assert_eq!(the_offer(&machine.store, later).await.state, OfferState::Pending);
    tokio::time::timeout(Duration::from_secs(5), running.stop()).await.unwrap();
}
