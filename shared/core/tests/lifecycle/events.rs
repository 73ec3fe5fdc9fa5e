//! Every journal row that others care for becomes an event that its published schema allows, always the same one.

use std::collections::BTreeSet;

use event_schema::{
    delivery_result::Via,
    id::{DeliveryId, Environment, PartyId, RequestId},
    kind::EventKind,
    third_party::ThirdPartyChange,
    validate,
    words::{AnswerStatus, MessageType},
};
use marketplace_core::{
    fact::{Fact, JournalEntry},
    publish::{self, About, BusEvent, Happened, PublishError},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    model::Wire,
    play::Play,
    steps::{REQUEST, START, story},
};

/// Checks an event against its published schema, and answers its detail.
fn checked(event: &BusEvent) -> Value {
    let detail: Value = serde_json::from_str(event.detail.get()).expect("JSON");
    let faults = validate::check(&event.detail_type, &detail);
    assert_eq!(faults, Ok(()), "{}: {detail}", event.detail_type);
    detail
}

fn agrees_with_its_row(event: &BusEvent, detail: &Value, entry: &JournalEntry) {
    let metadata = &detail["metadata"];
    assert_eq!(event.id, publish::event_id(entry.request, entry.sequence));
    assert_eq!(metadata["event_id"], json!(event.id));
    assert_eq!(metadata["sequence"], entry.sequence);
    assert_eq!(metadata["occurred_at"], json!(entry.at));
    let cause = entry.cause.map(|cause| publish::event_id(entry.request, cause));
    assert_eq!(metadata.get("causation_id"), cause.map(|id| json!(id)).as_ref());
    if let Some(request) = entry.request {
        assert_eq!(metadata["correlation_id"], request.to_string());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_story_makes_valid_events(story in story(40)) {
        let model = Play::of(&story, Wire::Known).model;
        let mut ids = BTreeSet::new();
        for happened in model.happened() {
            let event = publish::event(&happened).unwrap();
            prop_assert_eq!(event.is_some(), publish::kind(&happened.entry.fact).is_some());
            let Some(event) = event else { continue };
            agrees_with_its_row(&event, &checked(&event), &happened.entry);
            prop_assert!(ids.insert(event.id), "two events have one id");
            // Made again, as after a crash, it is the same to the last byte.
            let again = publish::event(&happened).unwrap().unwrap();
            prop_assert_eq!(serde_json::to_string(&event).unwrap(), serde_json::to_string(&again).unwrap());
        }
    }
}

const DELIVERY: DeliveryId = DeliveryId([7; 26]);

fn facts() -> Vec<(Fact, Option<(EventKind, &'static str)>)> {
    let third_party: PartyId = "books".parse().unwrap();
    let environment = Environment::Prod;
    let delivery_id = DELIVERY;
    let message = MessageType::OfferCreated;
    let party = || third_party.clone();
    let answered = |status, won| Fact::OfferAnswered {
        delivery_id,
        third_party: party(),
        environment,
        status,
        reason: Some("why".to_owned()),
        details: Some(json!({ "any": ["thing", 1.5, null] })),
        won,
    };
    let withdrawn = |told| Fact::OfferWithdrawn { delivery_id, third_party: party(), environment, told };
    let changed = |change, environment| Fact::PartyChanged {
        third_party: party(),
        environment,
        change,
        fields: vec!["filter".to_owned()],
        by: "operator".to_owned(),
    };
    let from = |kind, source| Some((kind, source));
    let (market, router) = ("com.marketplace.market", "com.marketplace.router");
    let (delivery, registry, books) = ("com.marketplace.delivery", "com.marketplace.registry", "com.marketplace.books");
    let offered = Fact::OfferCreated { delivery_id, third_party: party(), environment };
    let expired = Fact::OfferExpired { delivery_id, third_party: party(), environment };
    let arrived = Fact::MessageDelivered {
        delivery_id,
        third_party: party(),
        environment,
        message,
        via: Via::Inbox,
        attempts: 0,
    };
    let failed = Fact::MessageFailed {
        delivery_id,
        third_party: party(),
        environment,
        message,
        reason: "max_age_reached".to_owned(),
        attempts: 185,
    };
    let held = Fact::MessageHeld { delivery_id, third_party: party(), environment, message };
    let replayed = Fact::MessageReplayed { delivery_id, third_party: party(), environment, message };
    let released =
        Fact::OfferReleased { delivery_id, third_party: party(), environment, reason: "out of stock".to_owned() };
    let noted = Fact::OfferNoted {
        delivery_id,
        third_party: party(),
        environment,
        status: AnswerStatus::Accepted,
        reason: None,
        details: Some(json!(1)),
    };
    let mut all = vec![
        (Fact::RequestCreated, from(EventKind::Request, market)),
        (Fact::RequestUnmatched, from(EventKind::StatusUpdate, router)),
        (Fact::RequestCancelled, from(EventKind::StatusUpdate, market)),
        (offered, from(EventKind::Delivery, router)),
        (withdrawn(true), from(EventKind::Delivery, router)),
        (withdrawn(false), None),
        (expired, from(EventKind::StatusUpdate, router)),
        (noted, None),
        (released, from(EventKind::StatusUpdate, books)),
        (arrived, from(EventKind::DeliveryResult, delivery)),
        (failed, from(EventKind::DeliveryResult, delivery)),
        (held, from(EventKind::DeliveryResult, delivery)),
        (replayed, from(EventKind::Delivery, router)),
        (Fact::UserTold { channel: "email".to_owned(), of: 3 }, None),
        (changed(ThirdPartyChange::Joined, None), from(EventKind::ThirdParty, registry)),
        (changed(ThirdPartyChange::Paused, Some(environment)), from(EventKind::ThirdParty, registry)),
    ];
    all.extend(AnswerStatus::ALL.map(|status| (answered(status, false), from(EventKind::StatusUpdate, books))));
    all.push((answered(AnswerStatus::Accepted, true), from(EventKind::StatusUpdate, books)));
    let reminded = Fact::OfferReminded { delivery_id, third_party: party(), environment };
    let made = Fact::MessageMade { delivery_id, third_party: party(), environment, message: MessageType::OfferExpired };
    let attempted = Fact::MessageAttempted {
        delivery_id,
        third_party: party(),
        environment,
        message,
        outcome: "timeout".to_owned(),
        status_code: None,
        attempts: 1,
    };
    let leased = Fact::MessageLeased { delivery_id, third_party: party(), environment, message };
    all.extend([attempted, leased].map(|fact| (fact, None)));
    all.extend([reminded, made].map(|fact| (fact, from(EventKind::Delivery, router))));
    all
}

fn happened(fact: Fact) -> Happened {
    let of_a_party = matches!(fact, Fact::PartyChanged { .. });
    let request = (!of_a_party).then_some(DELIVERY.request());
    Happened {
        entry: JournalEntry { sequence: 5, request, at: START, cause: Some(4), fact },
        request: request.map(|_| About { user_id: "user-1".parse().unwrap(), environment: Environment::Prod }),
        detail: Some(r#"{"user_id":"user-1","request_status":"new","amount":1.50}"#.into()),
    }
}

#[test]
fn each_fact_is_told_as_the_event_that_the_design_names() {
    for (fact, expected) in facts() {
        let happened = happened(fact);
        let event = publish::event(&happened).unwrap();
        let Some((kind, source)) = expected else {
            assert!(event.is_none(), "{:?} is for the timeline only", happened.entry.fact);
            continue;
        };
        let event = event.expect("an event");
        assert_eq!((&*event.detail_type, &*event.source), (kind.detail_type(), source));
        agrees_with_its_row(&event, &checked(&event), &happened.entry);
    }
}

#[test]
fn a_fact_is_read_back_as_it_was_written() {
    for (fact, _) in facts() {
        let written = serde_json::to_value(&fact).unwrap();
        let read: Fact = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), written);
    }
}

#[test]
fn the_request_travels_to_the_letter() {
    for fact in [Fact::RequestCreated, facts()[3].0.clone(), facts()[4].0.clone()] {
        let event = publish::event(&happened(fact)).unwrap().unwrap();
        assert!(event.detail.get().contains(r#""amount":1.50"#), "{}", event.detail);
    }
}

#[test]
fn a_row_without_what_its_event_is_made_of_is_told_apart_and_not_guessed() {
    for (fact, expected) in facts().into_iter().filter(|(_, expected)| expected.is_some()) {
        let mut happened = happened(fact);
        (happened.request, happened.detail) = (None, None);
        let whole = matches!(expected, Some((EventKind::ThirdParty | EventKind::DeliveryResult, _)));
        match publish::event(&happened) {
            Ok(Some(_)) => assert!(whole, "{:?} was made of nothing", happened.entry.fact),
            Err(PublishError::Incomplete(sequence)) => assert!(!whole && sequence == 5),
            other => panic!("{other:?}"),
        }
    }
}

/// Ids of events are what consumers are idempotent by: they must never change from one release to the next.
#[test]
fn the_id_of_an_event_is_pinned() {
    let at = |request, sequence| publish::event_id(request, sequence).to_string();
    assert_eq!(at(Some(REQUEST), 1), "004a9536-e399-829b-a615-d4b3165f93c3");
    assert_eq!(at(None, 1), "ed8b7b2c-2c6b-8e3a-a50f-e15699b56315");
    let mut ids = BTreeSet::new();
    for request in [None, Some(REQUEST), Some(RequestId(Uuid::from_u128(1)))] {
        ids.extend((0..300).map(|sequence| publish::event_id(request, sequence)));
    }
    assert_eq!(ids.len(), 900);
}
