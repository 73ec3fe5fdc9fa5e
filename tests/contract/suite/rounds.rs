//! Offers that come back, and the rounds in which a request is offered again.

use event_schema::{
    id::{DeliveryId, Environment},
    words::AnswerStatus,
};
use futures::future::join_all;
use marketplace_core::{
    command::{
        Refusal,
        cancel::Cancel,
        release::Release,
        reoffer::{Progress, Reoffer},
        withdraw::WithdrawLosers,
    },
    lifecycle::{OfferState, RequestStatus, request_status},
    offer::delivery_id,
    ports::{RequestStore, StoreError, Urgency},
};
use serde_json::json;

use crate::{
    fixture::{START, answer, asked, at, offer, offer_of, party_id, the_offer, timeline},
    platform::PlatformUnderTest,
};

fn release(delivery_id: DeliveryId, party: &str) -> Release {
    let (party, reason) = (party_id(party), "out of stock".to_owned());
    Release { delivery_id, party, environment: Environment::Prod, reason, at: at(20) }
}

fn reoffer(vacated: DeliveryId, eligible: &[&str]) -> Reoffer {
    let eligible = eligible.iter().map(|party| party_id(party)).collect();
    Reoffer { vacated, eligible, handed_over: [].into(), clocks: [].into(), cause: None, at: at(21) }
}

/// Offers it again to the end; to how many.
async fn reoffered<S: RequestStore>(store: &S, command: Reoffer) -> usize {
    let mut made = 0;
    loop {
        let reply = store.apply(command.clone(), Urgency::Ours, None).await.unwrap();
        made += reply.made.len();
        match reply.progress {
            Progress::Done => return made,
            Progress::More => {}
            Progress::TooEarly => panic!("it is routed"),
        }
    }
}

pub(crate) async fn what_came_back_is_offered_to_others<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let request = asked(&store, &json!({ "mode": "first-accept" })).await;
    offer(&store, request, &["books", "pens", "inks"], START).await;
    let books = offer_of(request, "books");
    store.apply(answer(offer_of(request, "inks"), "inks", AnswerStatus::Declined), Urgency::Ours, None).await.unwrap();
    store.apply(answer(books, "books", AnswerStatus::Accepted), Urgency::Ours, None).await.unwrap();
    for _ in 0..2 {
        let released = store.apply(release(books, "books"), Urgency::Caller, None).await.unwrap();
        assert_eq!(released.state, OfferState::Released);
    }
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    let record = store.request(request, false).await.unwrap().unwrap();
    assert_eq!((record.head.winner, record.head.round, record.head.closed), (None, 1, 1));
    assert!(the_offer(&store, books).await.vacant);
    assert_eq!(request_status(&record.head, &record.offers), RequestStatus::Offered, "others are asked soon");

    while store.apply(WithdrawLosers { request, cause: None, at: at(21) }, Urgency::Ours, None).await.unwrap() {}
    let names: Vec<String> = (0..12).map(|number| format!("new-{number}")).collect();
    let mut eligible = vec!["books", "pens", "inks"];
    eligible.extend(names.iter().map(String::as_str));
    assert_eq!(reoffered(&store, reoffer(books, &eligible)).await, 13, "all but who gave it back or declined");
    assert_eq!(reoffered(&store, reoffer(books, &["another"])).await, 0, "once");
    let record = store.request(request, false).await.unwrap().unwrap();
    assert_eq!((record.head.round, record.head.closed, record.offers.len()), (2, 1, 16));
    assert!(record.offers.iter().all(|offer| !offer.vacant));
    let again = delivery_id(request, &party_id("pens"), Environment::Prod, 2);
    assert_eq!(the_offer(&store, offer_of(request, "pens")).await.state, OfferState::Withdrawn);
    assert_eq!(the_offer(&store, again).await.state, OfferState::Pending);
    let kinds = timeline(&store, request).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "offer.released").count(), 1);
    assert_eq!(kinds.iter().filter(|kind| *kind == "offer.created").count(), 16);
}

pub(crate) async fn of_many_who_offer_it_again_at_once_nobody_is_asked_twice<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let parties = ["a1", "a2", "a3", "a4"];
    let request = asked(&store, &json!({})).await;
    offer(&store, request, &parties, START).await;
    for party in parties {
        let delivery = offer_of(request, party);
        store.apply(answer(delivery, party, AnswerStatus::Accepted), Urgency::Ours, None).await.unwrap();
        store.apply(release(delivery, party), Urgency::Ours, None).await.unwrap();
    }
    let names: Vec<String> = (0..15).map(|number| format!("new-{number}")).collect();
    let eligible: Vec<&str> = names.iter().map(String::as_str).chain(parties).collect();
    // Each twice, as when events are repeated; all at once.
    let all =
        parties.iter().chain(&parties).map(|party| reoffered(&store, reoffer(offer_of(request, party), &eligible)));
    assert_eq!(join_all(all).await.into_iter().sum::<usize>(), 15);
    let record = store.request(request, false).await.unwrap().unwrap();
    assert_eq!(record.offers.len(), 19);
    assert!(record.offers.iter().all(|offer| !offer.vacant));
    assert_eq!(request_status(&record.head, &record.offers), RequestStatus::Offered);
}

pub(crate) async fn of_a_release_and_what_ends_it_otherwise_one_is_done<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    for mode in ["all", "first-accept"] {
        for _ in 0..5 {
            let request = asked(&store, &json!({ "mode": mode })).await;
            offer(&store, request, &["books"], START).await;
            let books = offer_of(request, "books");
            store.apply(answer(books, "books", AnswerStatus::Accepted), Urgency::Ours, None).await.unwrap();
            let completed = answer(books, "books", AnswerStatus::Completed);
            let (released, completed, cancelled) = futures::join!(
                store.apply(release(books, "books"), Urgency::Caller, None),
                store.apply(completed, Urgency::Caller, None),
                store.apply(Cancel { request, user: None, at: at(20) }, Urgency::Caller, None),
            );
            let state = the_offer(&store, books).await.state;
            let refusal = |error| match error {
                StoreError::Refused(Refusal::State { current_status, .. }) => current_status,
                other => panic!("{other:?}"),
            };
            match (released, completed) {
                (Ok(_), Err(error)) => {
                    assert!(["released", "withdrawn"].contains(&refusal(error)));
                    assert_eq!(state, OfferState::Released);
                    cancelled.unwrap();
                }
                (Err(error), Ok(_)) => {
                    assert_eq!((refusal(error), state), ("completed", OfferState::Completed));
                    assert_eq!(cancelled.map_err(refusal), Err("completed"));
                }
                (Err(one), Err(other)) => {
                    assert_eq!((refusal(one), refusal(other)), ("withdrawn", "withdrawn"));
                    cancelled.unwrap();
                }
                both => panic!("{both:?}"),
            }
        }
    }
}

pub(crate) async fn every_round_of_a_race_has_one_winner<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let parties = ["a1", "a2", "a3"];
    let request = asked(&store, &json!({ "mode": "first-accept" })).await;
    offer(&store, request, &parties, START).await;
    for round in 1..=3 {
        let delivery = |party: &str| delivery_id(request, &party_id(party), Environment::Prod, round);
        let accept = |party| store.apply(answer(delivery(party), party, AnswerStatus::Accepted), Urgency::Ours, None);
        let answers = join_all(parties.map(accept)).await;
        let won: Vec<DeliveryId> = answers.into_iter().flatten().map(|answered| answered.delivery_id).collect();
        let [winner] = won[..] else { panic!("{won:?}") };
        let offer = the_offer(&store, winner).await;
        store.apply(release(winner, offer.party.as_str()), Urgency::Ours, None).await.unwrap();
        // What the router does, in the order in which it does not have to do it.
        let made = reoffered(&store, reoffer(winner, &parties)).await;
        assert_eq!(made, 3 - usize::from(round), "each gives it back once");
        while store.apply(WithdrawLosers { request, cause: None, at: at(21) }, Urgency::Ours, None).await.unwrap() {}
    }
    let record = store.request(request, false).await.unwrap().unwrap();
    assert_eq!((record.head.winner, record.head.closed), (None, 3));
    assert_eq!(request_status(&record.head, &record.offers), RequestStatus::Declined);
}
