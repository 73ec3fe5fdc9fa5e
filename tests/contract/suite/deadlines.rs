//! Offers that run against a clock: reminders, ends, and answers that come at the same time.

use event_schema::{
    id::{DeliveryId, RequestId},
    words::{AnswerStatus, MessageType},
};
use futures::future::join_all;
use marketplace_core::{
    command::{Refusal, answer::Answer, deadline::KeepDeadline, inbox::InboxAction, route::MakeOffers},
    lifecycle::{OfferState, RequestStatus, request_status},
    offer::Deadline,
    party::AcceptanceClock,
    ports::{RequestStore, StoreError, Urgency},
};
use serde_json::json;

use crate::{
    fixture::{START, answer, asked, at, batches, offer_of, party_id, the_offer, timeline, use_inbox},
    platform::PlatformUnderTest,
};

/// Offers a new request to these parties, each of which is reminded and has only so long.
async fn offered_until<S: RequestStore>(store: &S, parties: &[&str], remind: Option<u32>, expire: u32) -> RequestId {
    let clock = AcceptanceClock { category: None, remind_after_seconds: remind, expire_after_seconds: expire };
    let request = asked(store, &json!({ "category": "books" })).await;
    for batch in batches(request, parties, START) {
        let clocks = batch.parties.iter().map(|party| (party.clone(), clock.clone())).collect();
        store.apply(MakeOffers { clocks, ..batch }, Urgency::Ours, None).await.unwrap();
    }
    request
}

async fn act<S: RequestStore>(store: &S, delivery: DeliveryId, action: InboxAction, seconds: i64) {
    store.apply(use_inbox(delivery, "books", action, at(seconds)), Urgency::Ours, None).await.unwrap();
}

async fn waiting<S: RequestStore>(store: &S, delivery: DeliveryId) -> Option<MessageType> {
    the_offer(store, delivery).await.message.map(|message| message.kind)
}

fn current_status(refused: Result<marketplace_core::command::answer::Answered, StoreError>) -> &'static str {
    match refused {
        Err(StoreError::Refused(Refusal::State { current_status, .. })) => current_status,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_party_is_reminded_and_then_its_time_is_over<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let request = offered_until(&store, &["books"], Some(30), 60).await;
    let books = offer_of(request, "books");
    assert_eq!(the_offer(&store, books).await.deadline, Some(Deadline { remind_at: Some(at(30)), expire_at: at(60) }));
    act(&store, books, InboxAction::Acknowledge, 1).await;
    platform.keep_deadlines(at(29)).await;
    assert_eq!(waiting(&store, books).await, None);
    for _ in 0..2 {
        platform.keep_deadlines(at(30)).await;
        assert_eq!(waiting(&store, books).await, Some(MessageType::OfferReminder));
    }
    act(&store, books, InboxAction::Lease(at(45)), 31).await;
    act(&store, books, InboxAction::Acknowledge, 32).await;
    platform.keep_deadlines(at(59)).await;
    assert_eq!((the_offer(&store, books).await.state, waiting(&store, books).await), (OfferState::Delivered, None));
    for _ in 0..2 {
        platform.keep_deadlines(at(60)).await;
        let offer = the_offer(&store, books).await;
        assert_eq!((offer.state, offer.vacant, offer.deadline), (OfferState::Expired, true, None));
        assert_eq!(waiting(&store, books).await, Some(MessageType::OfferExpired));
    }
    let late = Answer { at: at(61), ..answer(books, "books", AnswerStatus::Accepted) };
    assert_eq!(current_status(store.apply(late, Urgency::Caller, None).await), "expired");
    let kinds = timeline(&store, request).await;
    assert_eq!(
        kinds,
        [
            "request.created",
            "offer.created",
            "message.delivered",
            "offer.reminded",
            "message.leased",
            "message.delivered",
            "offer.expired",
            "message.made",
        ]
    );
}

pub(crate) async fn an_answer_stops_the_clock_and_work_does_not<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    for (status, state) in [
        (AnswerStatus::InProgress, OfferState::Expired),
        (AnswerStatus::Accepted, OfferState::Accepted),
        (AnswerStatus::Declined, OfferState::Declined),
        (AnswerStatus::Completed, OfferState::Completed),
    ] {
        let request = offered_until(&store, &["books"], None, 60).await;
        let books = offer_of(request, "books");
        store.apply(answer(books, "books", status), Urgency::Caller, None).await.unwrap();
        platform.keep_deadlines(at(60)).await;
        assert_eq!(the_offer(&store, books).await.state, state);
    }
}

pub(crate) async fn clocks_survive_a_restart<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let request = offered_until(&store, &["books", "pens"], Some(30), 60).await;
    platform.keep_deadlines(at(30)).await;
    let before = store.request(request, false).await.unwrap().unwrap();
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    assert_eq!(store.request(request, false).await.unwrap().unwrap().offers, before.offers);
    platform.keep_deadlines(at(3_600)).await;
    let record = store.request(request, false).await.unwrap().unwrap();
    assert!(record.offers.iter().all(|offer| offer.state == OfferState::Expired && offer.deadline.is_none()));
    assert_eq!(request_status(&record.head, &record.offers), RequestStatus::Offered, "others are asked soon");
}

pub(crate) async fn of_an_answer_and_the_end_of_the_clock_one_counts<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    // In time by its own clock, and written at the same time as the end.
    let race = async |seconds: i64| {
        let request = offered_until(&store, &["books"], None, 60).await;
        let books = offer_of(request, "books");
        let accepted = Answer { at: at(seconds), ..answer(books, "books", AnswerStatus::Accepted) };
        let (answered, kept) = futures::join!(
            store.apply(accepted, Urgency::Caller, None),
            store.apply(KeepDeadline { delivery_id: books, at: at(60) }, Urgency::Ours, None),
        );
        kept.unwrap();
        let offer = the_offer(&store, books).await;
        assert_eq!(offer.deadline, None);
        match answered {
            Ok(_) => assert_eq!((offer.state, offer.vacant), (OfferState::Accepted, false)),
            refused => assert_eq!((current_status(refused), offer.state), ("expired", OfferState::Expired)),
        }
        offer.state
    };
    for _ in 0..10 {
        race(59).await;
    }
    assert_eq!(race(60).await, OfferState::Expired, "who is late is late, whoever looks at the clock");
    let request = offered_until(&store, &["books"], None, 60).await;
    let late = Answer { at: at(60), ..answer(offer_of(request, "books"), "books", AnswerStatus::InProgress) };
    assert_eq!(current_status(store.apply(late, Urgency::Caller, None).await), "expired", "nobody has looked yet");
}

pub(crate) async fn many_clocks_are_kept<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let names: Vec<String> = (0..30).map(|number| format!("party-{number}")).collect();
    let parties: Vec<&str> = names.iter().map(String::as_str).collect();
    let requests = join_all((0..10).map(|number| offered_until(&store, &parties, None, 60 + number))).await;
    platform.keep_deadlines(at(64)).await;
    for (number, request) in requests.into_iter().enumerate() {
        let record = store.request(request, false).await.unwrap().unwrap();
        let expired = record.offers.iter().filter(|offer| offer.state == OfferState::Expired).count();
        assert_eq!(expired, if number <= 4 { 30 } else { 0 }, "{number}");
    }
}

pub(crate) async fn who_was_never_told_is_told_nothing<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let request = offered_until(&store, &["books", "pens"], Some(1), 60).await;
    let (books, pens) = (offer_of(request, "books"), offer_of(request, "pens"));
    act(&store, books, InboxAction::Lease(at(100)), 1).await;
    platform.keep_deadlines(at(2)).await;
    // What waits to reach a party is its own reminder.
    for delivery in [books, pens] {
        assert_eq!(waiting(&store, delivery).await, Some(MessageType::OfferCreated));
    }
    platform.keep_deadlines(at(60)).await;
    assert_eq!(waiting(&store, books).await, Some(MessageType::OfferExpired), "it had leased the offer");
    assert_eq!(waiting(&store, pens).await, None);
    let leased = use_inbox(books, "books", InboxAction::Lease(at(90)), at(61));
    store.apply(leased, Urgency::Ours, None).await.unwrap();
    assert_eq!(the_offer(&store, books).await.party, party_id("books"));
    let kinds = timeline(&store, request).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "message.made").count(), 1);
    assert!(!kinds.contains(&"offer.reminded".to_owned()));
}
