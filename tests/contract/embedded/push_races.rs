//! The push workers beside everybody else: leases, answers, withdrawals and replays of the same offers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use event_schema::id::{DeliveryId, Environment};
use futures::{FutureExt, future::join_all};
use jiff::SignedDuration;
use marketplace_core::{
    command::{
        cancel::Cancel,
        inbox::{InboxAction, InboxResult},
        push::Disposition,
        replay::Replay,
        withdraw::WithdrawLosers,
    },
    lifecycle::OfferState,
    party::{PartyCommand, PartyPatch, PartyState},
    ports::{Clock, Inbox, RequestStore, Urgency},
};
use serde_json::json;
use tests::eventually;

use super::{
    OneMachine,
    push::{nudge, pushed_to},
    script::{Gate, Script, status},
};
use crate::fixture::{
    START, asked, at, attempted, batches, change, join, offer, offer_of, offered, party, party_id, the_offer, use_inbox,
};

const LONG: Duration = Duration::from_secs(10);

/// Offers are made, replayed and released while somebody polls and the workers push: each goes one way at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_leased_is_not_pushed_and_what_is_pushed_is_not_leased() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "books", &json!({})).await;
    let script = Script::at_once(|_| status(200));
    let workers = script.start(&machine.store).await;
    let done = Arc::new(AtomicBool::new(false));
    let polling: Vec<_> = (0..4)
        .map(|_| {
            let (store, done, books) = (machine.store.clone(), done.clone(), party_id("books"));
            tokio::spawn(async move {
                let mut leased = vec![];
                while !done.load(Ordering::SeqCst) {
                    // For longer than the test's clock ever says.
                    let got = store.lease(&books, Environment::Prod, 5, at(100), at(9_999)).await.unwrap();
                    leased.extend(got.iter().map(|leased| leased.offer.delivery_id));
                    tokio::task::yield_now().await;
                }
                leased
            })
        })
        .collect();
    let mut offers = vec![];
    for _ in 0..20 {
        offers.extend(join_all((0..40).map(|_| offered(&machine.store, "books", at(100)))).await);
    }
    eventually("each has gone one way", async || {
        let due = format!("SELECT count(*) FROM offers WHERE next_attempt_at <= {}", at(100).as_microsecond());
        (machine.query(&due) == [0]).then_some(())
    })
    .await;
    done.store(true, Ordering::SeqCst);
    let mut leased: Vec<DeliveryId> = vec![];
    for task in polling {
        leased.extend(task.await.unwrap());
    }
    workers.stop(LONG).await;
    let pushed: Vec<DeliveryId> = script.sent().iter().map(|sent| sent.delivery).collect();
    let both: Vec<_> = pushed.iter().filter(|id| leased.contains(id)).collect();
    assert_eq!(both, Vec::<&DeliveryId>::new(), "pushed and leased");
    assert_eq!(pushed.len() + leased.len(), 800, "each once: {} pushed, {} leased", pushed.len(), leased.len());
    let handed_out: BTreeSet<_> = pushed.into_iter().chain(leased).collect();
    assert_eq!(handed_out, offers.into_iter().collect());
}

/// One commit in which an offer is made and leased: the push that the first has called for is off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_and_leased_in_one_commit_is_not_pushed() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "books", &json!({})).await;
    let script = Script::at_once(|_| status(200));
    let workers = script.start(&machine.store).await;
    let mut leased_in_time = 0;
    for _ in 0..50 {
        let request = asked(&machine.store, &json!({})).await;
        let batch = batches(request, &["books"], at(100)).remove(0);
        let books = party_id("books");
        let lease = machine.store.lease(&books, Environment::Prod, 1, at(100), at(9_999));
        // Queued one right after the other, so that they mostly share a commit.
        let (made, leased) = tokio::join!(machine.store.apply(batch, Urgency::Ours, None), lease);
        made.unwrap();
        let leased = leased.unwrap();
        let id = offer_of(request, "books");
        if leased.is_empty() {
            eventually("it is pushed", async || {
                (the_offer(&machine.store, id).await.state == OfferState::Delivered).then_some(())
            })
            .await;
        } else {
            leased_in_time += 1;
            let other = offered(&machine.store, "books", at(100)).await;
            eventually("one made later is pushed", async || {
                (the_offer(&machine.store, other).await.state == OfferState::Delivered).then_some(())
            })
            .await;
            assert!(script.sent().iter().all(|sent| sent.delivery != id), "leased, and pushed all the same");
        }
    }
    workers.stop(LONG).await;
    assert!(leased_in_time > 0, "the case that this test is about came up");
}

/// One commit in which an offer is made and taken back: its party hears of neither, or of both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_and_withdrawn_in_one_commit_is_not_pushed() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "books", &json!({})).await;
    let script = Script::at_once(|_| status(200));
    let workers = script.start(&machine.store).await;
    let mut never_told = 0;
    for _ in 0..50 {
        let request = asked(&machine.store, &json!({})).await;
        let batch = batches(request, &["books"], at(100)).remove(0);
        let (made, cancelled, withdrawn) = tokio::join!(
            machine.store.apply(batch, Urgency::Ours, None),
            machine.store.apply(Cancel { request, user: None, at: at(100) }, Urgency::Ours, None),
            machine.store.apply(WithdrawLosers { request, cause: None, at: at(100) }, Urgency::Ours, None),
        );
        made.and(cancelled).unwrap();
        assert!(!withdrawn.unwrap());
        let id = offer_of(request, "books");
        let told = the_offer(&machine.store, id).await.told;
        never_told += usize::from(!told);
        // What is offered after it is pushed after it.
        let next = offered(&machine.store, "books", at(100)).await;
        eventually("the next one and the withdrawal are pushed", async || {
            let done = async |id| the_offer(&machine.store, id).await.message.is_none();
            (done(next).await && done(id).await).then_some(())
        })
        .await;
        let heard: Vec<String> =
            script.sent().iter().filter(|sent| sent.delivery == id).map(|sent| sent.message.clone()).collect();
        let expected: &[&str] = if told { &["offer.created", "offer.withdrawn"] } else { &[] };
        assert_eq!(heard, expected);
    }
    workers.stop(LONG).await;
    assert!(never_told > 0, "the case that this test is about came up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_follows_an_offer_that_is_on_the_wire() {
    let machine = OneMachine::new();
    let gate = Gate::shut();
    let script = Script::new({
        let gate = gate.clone();
        move |sent| if sent.message == "offer.created" { gate.then(status(200)) } else { async { status(200) }.boxed() }
    });
    for name in ["books", "pens"] {
        pushed_to(&machine.store, name, &json!({})).await;
    }
    let workers = script.start(&machine.store).await;
    let mut withdrawn = vec![];
    for number in 0..20 {
        let delivery = offered(&machine.store, if number % 2 == 0 { "books" } else { "pens" }, at(1)).await;
        withdrawn.push(delivery);
    }
    script.sent_at_least(20).await;
    for (place, delivery) in withdrawn.iter().enumerate() {
        let request = delivery.request();
        machine.store.apply(Cancel { request, user: None, at: at(2) }, Urgency::Ours, None).await.unwrap();
        // Some of the withdrawals are a little later than the end of the attempt that is on the wire.
        let later = if place % 3 == 0 { at(100) + SignedDuration::from_millis(300) } else { at(50) };
        machine.store.apply(WithdrawLosers { request, cause: None, at: later }, Urgency::Ours, None).await.unwrap();
    }
    gate.open();
    for delivery in &withdrawn {
        let recorded = async || (the_offer(&machine.store, *delivery).await.attempts > 0).then_some(());
        eventually("the attempt is recorded", recorded).await;
    }
    // From here on nothing but the workers themselves makes them look.
    script.clock.pass(SignedDuration::from_secs(1));
    let sent = script.sent_at_least(40).await;
    workers.stop(LONG).await;
    let mut told: BTreeMap<DeliveryId, Vec<&str>> = BTreeMap::new();
    for sent in &sent {
        told.entry(sent.delivery).or_default().push(&sent.message);
    }
    for delivery in &withdrawn {
        assert_eq!(told[delivery], ["offer.created", "offer.withdrawn"]);
        let offer = the_offer(&machine.store, *delivery).await;
        assert_eq!((offer.state, offer.message), (OfferState::Withdrawn, None));
    }
    let ids: BTreeSet<_> = sent.iter().map(|sent| sent.id.to_string()).collect();
    assert_eq!(ids.len(), 40, "another message has another id");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_ends_makes_way_for_the_push() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "books", &json!({})).await;
    let script = Script::at_once(|_| status(200));
    let state = |state| {
        PartyCommand::Patch(PartyPatch {
            state: Some(state),
            environment: Some(Environment::Prod),
            ..PartyPatch::default()
        })
    };
    change(&machine.store, "books", state(PartyState::Paused)).await;
    let workers = script.start(&machine.store).await;
    let kept = offered(&machine.store, "books", START).await;
    let released = offered(&machine.store, "books", START).await;
    let now = script.clock.now();
    let leased = machine.store.lease(&party_id("books"), Environment::Prod, 9, now, at(160)).await.unwrap();
    assert_eq!(leased.len(), 2, "the inbox is open while the party is paused");
    change(&machine.store, "books", state(PartyState::Active)).await;
    nudge(&machine.store, "books").await;

    let release = use_inbox(released, "books", InboxAction::Release, script.clock.now());
    assert_eq!(machine.store.apply(release, Urgency::Caller, None).await.unwrap(), InboxResult::Done);
    let sent = script.sent_at_least(1).await;
    assert_eq!(sent[0].delivery, released, "what was given back is pushed at once");
    assert_eq!(sent.len(), 1, "and what is leased is not");
    script.clock.pass(SignedDuration::from_secs(60));
    nudge(&machine.store, "books").await;
    assert_eq!(script.sent_at_least(2).await[1].delivery, kept);
    workers.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_dead_letter_is_pushed_with_the_same_id() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "books", &json!({ "transport": "managed" })).await;
    let there = Arc::new(AtomicBool::new(false));
    let script = Script::at_once({
        let there = there.clone();
        move |_| status(if there.load(Ordering::SeqCst) { 200 } else { 404 })
    });
    let workers = script.start(&machine.store).await;
    let offers = join_all((0..30).map(|_| offered(&machine.store, "books", START))).await;
    for id in &offers {
        eventually("it is dead", async || {
            (the_offer(&machine.store, *id).await.state == OfferState::Failed).then_some(())
        })
        .await;
    }
    there.store(true, Ordering::SeqCst);
    let now = script.clock.now();
    let replays =
        offers.iter().map(|id| machine.store.apply(Replay { delivery_id: *id, at: now }, Urgency::Ours, None));
    assert!(join_all(replays).await.into_iter().all(|replayed| replayed.unwrap()));
    let sent = script.sent_at_least(60).await;
    workers.stop(LONG).await;
    let mut ids: BTreeMap<DeliveryId, BTreeSet<String>> = BTreeMap::new();
    for sent in sent {
        ids.entry(sent.delivery).or_default().insert(sent.id.to_string());
    }
    assert!(ids.len() == 30 && ids.values().all(|ids| ids.len() == 1), "{ids:?}");
    for id in offers {
        assert_eq!(the_offer(&machine.store, id).await.state, OfferState::Delivered);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_while_the_offer_is_on_the_wire_ends_its_pushes() {
    let machine = OneMachine::new();
    let gate = Gate::shut();
    let script = Script::new({
        let gate = gate.clone();
        move |_| gate.then(status(503))
    });
    pushed_to(&machine.store, "books", &json!({})).await;
    let workers = script.start(&machine.store).await;
    let answered = offered(&machine.store, "books", START).await;
    let acknowledged = offered(&machine.store, "books", START).await;
    script.sent_at_least(2).await;
    let accepted = crate::fixture::answer(answered, "books", event_schema::words::AnswerStatus::Accepted);
    machine.store.apply(accepted, Urgency::Ours, None).await.unwrap();
    let ack = use_inbox(acknowledged, "books", InboxAction::Acknowledge, at(101));
    assert_eq!(machine.store.apply(ack, Urgency::Ours, None).await.unwrap(), InboxResult::Done);
    gate.open();
    for id in [answered, acknowledged] {
        eventually("the attempt is recorded", async || {
            (the_offer(&machine.store, id).await.attempts == 1).then_some(())
        })
        .await;
        assert_eq!(the_offer(&machine.store, id).await.message, None);
    }
    script.clock.pass(SignedDuration::from_hours(1));
    nudge(&machine.store, "books").await;
    // Something that is due goes out; neither of those is.
    let next = offered(&machine.store, "books", at(102)).await;
    assert_eq!(script.sent_at_least(3).await[2].delivery, next);
    // An attempt that is recorded for nothing that is on the wire does no harm.
    let stray = attempted(answered, Disposition::Delivered, at(103));
    assert_eq!(machine.store.apply(stray, Urgency::Ours, None).await.unwrap(), None);
    assert_eq!(the_offer(&machine.store, answered).await.state, OfferState::Accepted);
    workers.stop(LONG).await;
}

/// Nobody knows whether a push arrived that was on the wire when the process was killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_follows_an_offer_that_was_on_the_wire_in_the_crash() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "books", &json!({})).await;
    join(&machine.store, party("polls")).await;
    let request = asked(&machine.store, &json!({})).await;
    offer(&machine.store, request, &["books", "polls"], at(1)).await;
    let cut_off = Script::new(|_| std::future::pending().boxed());
    let workers = cut_off.start(&machine.store).await;
    cut_off.sent_at_least(1).await;
    workers.stop(Duration::ZERO).await;

    let machine = machine.again();
    machine.store.apply(Cancel { request, user: None, at: at(2) }, Urgency::Ours, None).await.unwrap();
    machine.store.apply(WithdrawLosers { request, cause: None, at: at(2) }, Urgency::Ours, None).await.unwrap();
    let script = Script::at_once(|_| status(200));
    let workers = script.start(&machine.store).await;
    let sent = script.sent_at_least(1).await;
    workers.stop(LONG).await;
    assert_eq!((sent[0].message.as_str(), sent[0].delivery), ("offer.withdrawn", offer_of(request, "books")));
    let polls = the_offer(&machine.store, offer_of(request, "polls")).await;
    assert_eq!((polls.told, polls.message), (false, None), "it never leased it");
}
