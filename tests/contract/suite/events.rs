//! The journal is the bus: what was committed is told, in order, once for each fact, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use event_schema::{id::Environment, validate, words::AnswerStatus};
use futures::future::join_all;
use marketplace_core::{
    command::{cancel::Cancel, push::Disposition, withdraw::WithdrawLosers},
    party::{PartyCommand, PartyPatch, PartyState},
    ports::{RequestStore, Urgency},
    publish::{self, BusEvent},
};
use serde_json::{Value, json};

use crate::{
    fixture::{START, answer, asked, at, attempted, change, join, offer, offer_of, party},
    platform::PlatformUnderTest,
};

/// An event's detail, once it was held against its published schema.
fn detail(event: &BusEvent) -> Value {
    let detail: Value = serde_json::from_str(event.detail.get()).expect("JSON");
    assert_eq!(validate::check(&event.detail_type, &detail), Ok(()), "{detail}");
    assert_eq!(detail["metadata"]["event_id"], event.id.to_string());
    detail
}

/// A bus may hand events over in any order; their sequences put them in the order in which they happened.
fn in_order(mut events: Vec<BusEvent>) -> Vec<BusEvent> {
    events.sort_by_key(|event| detail(event)["metadata"]["sequence"].as_u64());
    events
}

fn words(events: &[BusEvent]) -> Vec<String> {
    let word = |event: &BusEvent| {
        let detail = detail(event);
        let what = ["change", "result", "status", "request_status"].iter().find_map(|field| detail[field].as_str());
        let what = what.or_else(|| detail["message"]["type"].as_str()).expect("it says what it tells");
        format!("{} {what}", event.source.trim_start_matches("com.marketplace."))
    };
    events.iter().map(word).collect()
}

pub(crate) async fn every_fact_becomes_its_event_in_order<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    // Ten stories at the same time.
    let stories = (0..10).map(|_| async {
        let request = asked(&store, &json!({ "mode": "first-accept", "amount": 1.50 })).await;
        offer(&store, request, &["books", "pens"], at(1)).await;
        let (books, pens) = (offer_of(request, "books"), offer_of(request, "pens"));
        let delivered = attempted(books, Disposition::Delivered, at(2));
        store.apply(delivered, Urgency::Ours, None).await.unwrap();
        let failed = attempted(pens, Disposition::Dead("status_not_retried".into()), at(2));
        store.apply(failed, Urgency::Ours, None).await.unwrap();
        store.apply(answer(books, "books", AnswerStatus::Accepted), Urgency::Ours, None).await.unwrap();
        let withdraw = WithdrawLosers { request, cause: None, at: at(11) };
        store.apply(withdraw, Urgency::Ours, None).await.unwrap();
        store.apply(Cancel { request, user: None, at: at(12) }, Urgency::Ours, None).await.unwrap();
        request
    });
    let requests = join_all(stories).await;

    let events = in_order(platform.events(80).await);
    let mut of: BTreeMap<String, Vec<BusEvent>> = BTreeMap::new();
    for event in &events {
        let correlation = detail(event)["metadata"]["correlation_id"].as_str().unwrap().to_owned();
        of.entry(correlation).or_default().push(event.clone());
    }
    assert_eq!(of.len(), 10);
    for request in requests {
        let events = &of[&request.to_string()];
        assert_eq!(
            words(events),
            [
                "market new",
                "router offer.created",
                "router offer.created",
                "delivery delivered",
                "delivery failed",
                "books accepted",
                "router offer.withdrawn",
                "market cancelled",
            ]
        );
        let sequences: Vec<u64> =
            events.iter().map(|event| detail(event)["metadata"]["sequence"].as_u64().unwrap()).collect();
        assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
        for (event, sequence) in events.iter().zip(sequences) {
            assert_eq!(event.id, publish::event_id(Some(request), sequence), "derived, so a copy has the same");
        }
        assert!(events[0].detail.get().contains(r#""amount":1.5"#));
        assert_eq!(detail(&events[5])["won"], true);
    }
    assert_eq!(events.iter().map(|event| event.id).collect::<BTreeSet<_>>().len(), 80);
}

pub(crate) async fn what_happens_to_parties_is_told<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let key = join(&store, party("books")).await;
    let state = |state, environment| {
        PartyCommand::Patch(PartyPatch { state: Some(state), environment, ..PartyPatch::default() })
    };
    change(&store, "books", PartyCommand::SetFilter(Environment::Test, None)).await;
    change(&store, "books", state(PartyState::Paused, Some(Environment::Dev))).await;
    change(&store, "books", state(PartyState::Active, None)).await;
    change(&store, "books", PartyCommand::RevokeKey(key.key_id)).await;
    change(&store, "books", PartyCommand::Disable).await;

    let events = in_order(platform.events(6).await);
    let expected = ["joined", "changed", "paused", "resumed", "changed", "disabled"];
    assert_eq!(words(&events), expected.map(|word| format!("registry {word}")));
    let details: Vec<Value> = events.iter().map(detail).collect();
    assert!(details.iter().all(|detail| detail["3rdparty"] == "books"));
    assert_eq!(details[1]["changed_fields"], json!(["filter"]));
    assert_eq!((&details[1]["environment"], &details[2]["environment"]), (&json!("test"), &json!("dev")));
    assert_eq!(events.iter().map(|event| event.id).collect::<BTreeSet<_>>().len(), 6);
}

pub(crate) async fn events_survive_a_restart<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let request = asked(&store, &json!({})).await;
    offer(&store, request, &["books"], START).await;
    let before = in_order(platform.events(2).await);
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    store.apply(Cancel { request, user: None, at: at(1) }, Urgency::Ours, None).await.unwrap();
    let after = in_order(platform.events(3).await);
    let ids =
        |events: &[BusEvent]| events.iter().map(|event| (event.id, event.detail.get().to_owned())).collect::<Vec<_>>();
    assert_eq!(ids(&after[..2]), ids(&before), "the same events, to the letter");
    assert_eq!(words(&after[2..]), ["market cancelled"]);
}
