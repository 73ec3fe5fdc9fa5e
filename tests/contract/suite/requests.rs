//! Requests: changed through commands, read whole.

use event_schema::{id::RequestId, words::AnswerStatus};
use futures::future::join_all;
use marketplace_core::{
    command::{
        Refusal,
        answer::{Answer, Target},
        cancel::Cancel,
        notice::RecordNotice,
        push::Disposition,
        withdraw::WithdrawLosers,
    },
    lifecycle::{OfferState, RequestStatus, request_status},
    offer::Attempt,
    ports::{RequestStore, StoreError, Urgency},
};
use serde_json::json;

use crate::{
    fixture::{
        START, answer, asked, at, attempted, batches, create, offer, offer_of, offered, the_offer, timeline, user_id,
        uuid,
    },
    platform::PlatformUnderTest,
};

pub(crate) async fn a_request_is_read_back_whole<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let body = json!({
        "category": "books", "mode": "first-accept", "amount": 12.50, "environment": "test",
        "note": "two \"lines\"\nand ü\u{1F4D6}", "attributes": { "z": [1, 2.50, null], "a": {} },
    });
    let new = create("someone", &body, at(3));
    store.apply(new.clone(), Urgency::Caller, None).await.unwrap();

    let record = store.request(new.id, true).await.unwrap().unwrap();
    assert_eq!(*record.detail, *new.request.detail, "to the letter");
    assert_eq!(record.head.id, new.id);
    assert_eq!(record.head.user_id, user_id("someone"));
    assert_eq!((record.head.environment, record.head.mode), (new.request.environment, new.request.mode));
    assert_eq!(record.head.category.as_deref(), Some("books"));
    assert_eq!(record.head.created_at, at(3));
    assert_eq!((record.head.routed, record.head.winner, record.head.cancelled_at), (None, None, None));
    assert!(record.offers.is_empty() && record.attempts.is_empty());
    assert_eq!(timeline(&store, new.id).await, ["request.created"]);
    assert_eq!((record.journal[0].request, record.journal[0].at), (Some(new.id), at(3)));
    assert!(record.journal[0].sequence > 0);
}

pub(crate) async fn an_unknown_request_is_none<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let nobodys = RequestId(uuid());
    assert!(store.request(nobodys, true).await.unwrap().is_none());
    assert!(!store.was_told(nobodys, 1, "email").await.unwrap());
    let cancel = Cancel { request: nobodys, user: None, at: START };
    let refused = store.apply(cancel, Urgency::Ours, None).await;
    assert!(matches!(refused, Err(StoreError::Refused(Refusal::NotFound))), "{refused:?}");
}

pub(crate) async fn what_was_answered_survives_a_restart<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let request = asked(&store, &json!({ "category": "books", "mode": "first-accept" })).await;
    offer(&store, request, &["winner", "loser", "broken"], at(1)).await;
    let dead = attempted(offer_of(request, "broken"), Disposition::Dead("status_not_retried".into()), at(2));
    store.apply(dead, Urgency::Ours, None).await.unwrap();
    let won = answer(offer_of(request, "winner"), "winner", AnswerStatus::Accepted);
    store.apply(won, Urgency::Caller, None).await.unwrap();
    let more = WithdrawLosers { request, cause: Some(9), at: at(11) };
    assert!(!store.apply(more, Urgency::Ours, None).await.unwrap());
    let before = store.request(request, true).await.unwrap().unwrap();
    let platform = platform.reopen_after(store).await;
    let after = platform.store().request(request, true).await.unwrap().unwrap();
    assert_eq!((&after.head, &after.detail), (&before.head, &before.detail));
    assert_eq!(after.offers, before.offers);
    assert_eq!(after.attempts, before.attempts);
    let rows = |record: &marketplace_core::ports::RequestRecord| -> Vec<_> {
        let row = |entry: &marketplace_core::fact::JournalEntry| {
            (entry.sequence, entry.at, entry.cause, serde_json::to_string(&entry.fact).unwrap())
        };
        record.journal.iter().map(row).collect()
    };
    assert_eq!(rows(&after), rows(&before));
    assert_eq!(after.head.winner, Some(offer_of(request, "winner")));
}

pub(crate) async fn a_request_is_stored_once<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let first = create("user-1", &json!({ "category": "books" }), START);
    let mut second = create("user-2", &json!({ "category": "pens" }), at(1));
    second.id = first.id;
    // The same id at the same time, many times: one of them is stored, and all are content.
    let same = (0..20).map(|_| store.apply(first.clone(), Urgency::Caller, None));
    for stored in join_all(same).await {
        stored.unwrap();
    }
    store.apply(second, Urgency::Caller, None).await.unwrap();
    let record = store.request(first.id, false).await.unwrap().unwrap();
    assert_eq!(record.head.user_id, user_id("user-1"));
    assert_eq!(*record.detail, *first.request.detail);
    assert_eq!(timeline(&store, first.id).await, ["request.created"]);
}

pub(crate) async fn who_is_refused_leaves_no_trace<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let delivery = offered(&store, "books", START).await;
    let declined = answer(delivery, "books", AnswerStatus::Declined);
    store.apply(declined, Urgency::Caller, None).await.unwrap();
    let before = store.request(delivery.request(), true).await.unwrap().unwrap();

    let late = answer(delivery, "books", AnswerStatus::Accepted);
    let refused = store.apply(late, Urgency::Caller, None).await;
    let Err(StoreError::Refused(Refusal::State { current_status, .. })) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(current_status, "declined");
    let others = answer(delivery, "pens", AnswerStatus::Accepted);
    let refused = store.apply(others, Urgency::Caller, None).await;
    assert!(matches!(refused, Err(StoreError::Refused(Refusal::NotFound))), "{refused:?}");

    let after = store.request(delivery.request(), true).await.unwrap().unwrap();
    assert_eq!((after.head, after.offers), (before.head, before.offers));
    assert_eq!(after.journal.len(), before.journal.len());
}

pub(crate) async fn of_many_who_accept_at_once_one_wins<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let names: Vec<String> = (0..20).map(|number| format!("party-{number}")).collect();
    let parties: Vec<&str> = names.iter().map(String::as_str).collect();
    let request = asked(&store, &json!({ "mode": "first-accept" })).await;
    offer(&store, request, &parties, START).await;

    let accept = |party: &str| answer(offer_of(request, party), party, AnswerStatus::Accepted);
    let answers = parties.iter().map(|party| store.apply(accept(party), Urgency::Ours, None));
    let (mut won, mut lost) = (vec![], 0);
    for answered in join_all(answers).await {
        match answered {
            Ok(answered) => won.push(answered.delivery_id),
            Err(StoreError::Refused(Refusal::State { current_status: "withdrawn", .. })) => lost += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((won.len(), lost), (1, 19));

    while store.apply(WithdrawLosers { request, cause: None, at: at(11) }, Urgency::Ours, None).await.unwrap() {}
    let record = store.request(request, false).await.unwrap().unwrap();
    assert_eq!(record.head.winner, Some(won[0]));
    let withdrawn = record.offers.iter().filter(|offer| offer.state == OfferState::Withdrawn).count();
    assert_eq!(withdrawn, 19);
    assert_eq!(request_status(&record.head, &record.offers), RequestStatus::Accepted);
    assert_eq!(timeline(&store, request).await.iter().filter(|kind| *kind == "offer.answered").count(), 1);
}

pub(crate) async fn commands_see_the_newest_state<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let delivery = offered(&store, "books", START).await;
    // Fifty at once: one of them moves the offer, and each of the others finds it moved and adds its note.
    let say = |number: i32| Answer {
        details: Some(json!({ "step": number })),
        ..answer(delivery, "books", AnswerStatus::InProgress)
    };
    let answers = (0..50).map(|number| store.apply(say(number), Urgency::Ours, None));
    for answered in join_all(answers).await {
        assert_eq!(answered.unwrap().state, OfferState::InProgress);
    }
    let record = store.request(delivery.request(), false).await.unwrap().unwrap();
    let mut kinds = timeline(&store, delivery.request()).await;
    assert_eq!(kinds.drain(..3).collect::<Vec<_>>(), ["request.created", "offer.created", "offer.answered"]);
    assert_eq!(kinds, ["offer.noted"; 49]);
    assert!(record.journal.is_sorted_by(|a, b| a.sequence < b.sequence), "sequences rise");
}

pub(crate) async fn attempts_are_read_when_asked_for<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let request = asked(&store, &json!({})).await;
    offer(&store, request, &["books", "pens"], START).await;
    let (books, pens) = (offer_of(request, "books"), offer_of(request, "pens"));
    let mut made = vec![];
    for (number, delivery) in [(1, books), (2, pens), (3, books), (4, books)] {
        let mut attempt = attempted(delivery, Disposition::RetryAt(at(60)), at(number));
        attempt.attempt = Attempt {
            status_code: (number != 3).then_some(500 + u16::try_from(number).unwrap()),
            answer: (number != 1).then(|| format!("answer {number} \u{1F4D6}")),
            ..attempt.attempt
        };
        made.push((delivery, attempt.attempt.clone()));
        assert_eq!(store.apply(attempt, Urgency::Ours, None).await.unwrap(), Some(at(60)));
    }
    let record = store.request(request, true).await.unwrap().unwrap();
    for delivery in [books, pens] {
        let of = |all: &[(_, Attempt)]| -> Vec<Attempt> {
            all.iter().filter(|(id, _)| *id == delivery).map(|(_, attempt)| attempt.clone()).collect()
        };
        assert_eq!(of(&record.attempts), of(&made), "oldest first, with everything that was seen");
    }
    assert_eq!(record.attempts.len(), made.len());
    assert_eq!(the_offer(&store, books).await.attempts, 3);
    assert!(store.request(request, false).await.unwrap().unwrap().attempts.is_empty());
}

pub(crate) async fn every_batch_of_a_routing_is_stored<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let names: Vec<String> = (0..100).map(|number| format!("party-{number}")).collect();
    let parties: Vec<&str> = names.iter().map(String::as_str).collect();
    let request = asked(&store, &json!({})).await;
    let (last, rest) =
        batches(request, &parties, START).split_last().map(|(last, rest)| (last.clone(), rest.to_vec())).unwrap();
    // Every batch twice and all at once, as two routers would that know nothing of each other.
    let all = rest.iter().chain(&rest).map(|batch| store.apply(batch.clone(), Urgency::Ours, None));
    for stored in join_all(all).await {
        stored.unwrap();
    }
    let before = store.request(request, false).await.unwrap().unwrap();
    assert_eq!(request_status(&before.head, &before.offers), RequestStatus::New, "until the last is there");
    for _ in 0..2 {
        store.apply(last.clone(), Urgency::Ours, None).await.unwrap();
    }
    let record = store.request(request, false).await.unwrap().unwrap();
    assert_eq!(record.offers.len(), 100);
    assert_eq!(record.head.routed.unwrap().offers, 100);
    assert_eq!(request_status(&record.head, &record.offers), RequestStatus::Offered);
    assert_eq!(timeline(&store, request).await.len(), 101, "one row for each offer");
}

pub(crate) async fn a_party_is_found_by_request<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let request = asked(&store, &json!({})).await;
    offer(&store, request, &["books", "pens"], START).await;
    let by_request = |party: &str| Answer {
        target: Target::Request(request),
        ..answer(offer_of(request, party), party, AnswerStatus::Completed)
    };
    let answered = store.apply(by_request("pens"), Urgency::Caller, None).await.unwrap();
    assert_eq!(answered.delivery_id, offer_of(request, "pens"));
    assert_eq!(the_offer(&store, offer_of(request, "books")).await.state, OfferState::Pending);
    let stranger = store.apply(by_request("ink"), Urgency::Caller, None).await;
    assert!(matches!(stranger, Err(StoreError::Refused(Refusal::NotFound))), "{stranger:?}");
}

pub(crate) async fn a_notice_is_recorded_once<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let request = asked(&store, &json!({})).await;
    let told = |channel| RecordNotice { request, sequence: 1, channel, at: at(1) };
    assert!(!store.was_told(request, 1, "email").await.unwrap());
    // Two copies of one event, handled at the same time.
    let copies = (0..10).map(|_| store.apply(told("email"), Urgency::Ours, None));
    for recorded in join_all(copies).await {
        recorded.unwrap();
    }
    assert!(store.was_told(request, 1, "email").await.unwrap());
    assert!(!store.was_told(request, 1, "sms").await.unwrap(), "by another channel");
    assert!(!store.was_told(request, 2, "email").await.unwrap(), "of something else");
    store.apply(told("sms"), Urgency::Ours, None).await.unwrap();
    assert_eq!(timeline(&store, request).await, ["request.created", "user.told", "user.told"]);
}
