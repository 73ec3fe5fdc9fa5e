//! The feed of what happened to a party's offers: in order, whole, and nobody else's.

use std::collections::BTreeSet;

use event_schema::{
    id::{DeliveryId, Environment},
    words::AnswerStatus,
};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    command::{inbox::InboxAction, push::Disposition},
    fact::JournalEntry,
    ports::{ChangeFeed, Inbox as _, RequestStore as _, Urgency},
};
use serde_json::json;

use crate::{
    fixture::{answer, asked, at, attempted, batches, offer, offered, party_id, use_inbox},
    platform::PlatformUnderTest,
};

/// Long after everything: each call is of another time, so that no index gives an answer of before.
fn afterwards(call: usize) -> Timestamp {
    at(3_600) + SignedDuration::from_secs(i64::try_from(call).expect("a number"))
}

/// Everything from a place on, so many at a time, and where that ends.
async fn read<S: ChangeFeed>(
    store: &S,
    party: &str,
    mut place: Option<String>,
    limit: usize,
) -> (Vec<JournalEntry>, String) {
    let (party, mut all) = (party_id(party), vec![]);
    for call in 0.. {
        let now = afterwards(call + limit * 100);
        let page = store.changes(&party, Environment::Prod, place, limit, now).await.expect("read");
        assert!(page.items.len() <= limit);
        if page.items.is_empty() {
            return (all, page.next);
        }
        all.extend(page.items);
        place = Some(page.next);
    }
    unreachable!("it ends")
}

fn words(entries: &[JournalEntry]) -> Vec<String> {
    let word = |entry: &JournalEntry| json!(entry.fact)["type"].as_str().expect("a word").to_owned();
    entries.iter().map(word).collect()
}

pub(crate) async fn what_happens_to_a_partys_offers_is_told_in_order<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let (read_one, pushed) = (offered(&store, "books", at(1)).await, offered(&store, "books", at(2)).await);
    offered(&store, "pens", at(2)).await;
    for mut batch in batches(asked(&store, &json!({ "environment": "test" })).await, &["books"], at(2)) {
        batch.environment = Environment::Test;
        store.apply(batch, Urgency::Ours, None).await.expect("offered");
    }
    let ours = |disposition, seconds| attempted(pushed, disposition, at(seconds));
    store.apply(ours(Disposition::RetryAt(at(4)), 3), Urgency::Ours, None).await.expect("recorded");
    store.apply(ours(Disposition::Dead("max_age_reached".to_owned()), 4), Urgency::Ours, None).await.expect("recorded");
    // Leased, given back, and leased again: it is read once.
    let leased = store.lease(&party_id("books"), Environment::Prod, 1, at(5), at(60)).await.expect("leased");
    assert_eq!(leased[0].offer.delivery_id, read_one);
    for (action, seconds) in [(InboxAction::Release, 5), (InboxAction::Lease(at(60)), 6)] {
        let action = use_inbox(read_one, "books", action, at(seconds));
        store.apply(action, Urgency::Ours, None).await.expect("done");
    }
    store.apply(answer(read_one, "books", AnswerStatus::Accepted), Urgency::Ours, None).await.expect("answered");
    let (all, _) = read(&store, "books", None, 3).await;
    let expected =
        ["offer.created", "offer.created", "message.attempted", "message.failed", "message.leased", "offer.answered"];
    assert_eq!(words(&all), expected);
    assert_eq!(all[4].at, at(5));
    assert!(all.iter().all(|entry| entry.request.is_some()));
    assert_eq!(words(&read(&store, "pens", None, 3).await.0), ["offer.created"]);
    assert_eq!(read(&store, "nobody", None, 4).await.0.len(), 0);
}

pub(crate) async fn whoever_goes_on_from_place_to_place_misses_nothing<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let mut requests = vec![];
    for _ in 0..12 {
        requests.push(asked(&store, &json!({})).await);
    }
    let (mut seen, mut place) = (BTreeSet::new(), None);
    for (round, some) in requests.chunks(4).enumerate() {
        // At the same time, so that they end in any order.
        join_all(some.iter().map(|request| offer(&store, *request, &["books", "pens"], at(1)))).await;
        let (news, next) = read(&store, "books", place, 3 + round).await;
        let new: Vec<DeliveryId> = news.iter().filter_map(of).collect();
        assert_eq!(new.len(), 4, "all of it, and nothing twice");
        seen.extend(new);
        place = Some(next);
    }
    assert_eq!(seen.len(), requests.len());
    let (rest, next) = read(&store, "books", place.clone(), 9).await;
    assert_eq!((rest.len(), Some(next)), (0, place), "there is always a place to go on from");
}

/// Which offer an entry is about.
fn of(entry: &JournalEntry) -> Option<DeliveryId> {
    json!(entry.fact)["delivery_id"].as_str().and_then(|id| id.parse().ok())
}

pub(crate) async fn an_unknown_place_is_the_beginning<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let first = offered(&store, "books", at(1)).await;
    for (call, place) in ["", "0", "nonsense", "~", "-1", "req_1.2.3"].into_iter().enumerate() {
        let (party, now) = (party_id("books"), afterwards(call));
        let page = store.changes(&party, Environment::Prod, Some(place.to_owned()), 1, now).await.expect("read");
        assert_eq!(page.items.iter().filter_map(of).collect::<Vec<_>>(), [first], "{place:?}");
    }
    let empty = store.changes(&party_id("pens"), Environment::Prod, None, 1, afterwards(9)).await.expect("read");
    let again = Some(empty.next.clone());
    let again = store.changes(&party_id("pens"), Environment::Prod, again, 1, afterwards(10)).await.expect("read");
    assert_eq!((again.items.len(), again.next), (0, empty.next));
}
