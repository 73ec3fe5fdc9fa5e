//! Messages whose pushes ended for good, as an operator finds them.

use event_schema::{id::DeliveryId, words::AnswerStatus};
use jiff::Timestamp;
use marketplace_core::{
    command::{push::Disposition, replay::Replay},
    lifecycle::OfferState,
    ports::{DeadLetterQuery, DeadLetters, PageQuery, RequestStore, Urgency},
};

use crate::{
    fixture::{START, answer, at, attempted, offered, party_id, the_offer},
    platform::PlatformUnderTest,
};

async fn dead<S: RequestStore>(store: &S, party: &str, now: Timestamp) -> DeliveryId {
    let offer = offered(store, party, START).await;
    let died = attempted(offer, Disposition::Dead("status_not_retried".to_owned()), now);
    store.apply(died, Urgency::Ours, None).await.unwrap();
    offer
}

async fn found<S: DeadLetters>(store: &S, query: DeadLetterQuery) -> Vec<DeliveryId> {
    let page = store.dead_letters(query, PageQuery { cursor: None, limit: 100 }).await.unwrap();
    assert!(page.next_cursor.is_none());
    page.items.iter().map(|offer| offer.delivery_id).collect()
}

pub(crate) async fn dead_letters_are_newest_death_first<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    assert_eq!(found(&store, DeadLetterQuery::default()).await, []);
    // Not in the order in which they were offered.
    let second = dead(&store, "books", at(2)).await;
    let third = dead(&store, "pens", at(3)).await;
    let first = dead(&store, "books", at(1)).await;
    offered(&store, "books", START).await;
    let page = store.dead_letters(DeadLetterQuery::default(), PageQuery { cursor: None, limit: 100 }).await.unwrap();
    let ids: Vec<DeliveryId> = page.items.iter().map(|offer| offer.delivery_id).collect();
    assert_eq!(ids, [third, second, first]);
    let letter = page.items[0].message.as_ref().unwrap().dead.as_ref().unwrap();
    assert_eq!((letter.at, letter.reason.as_str()), (at(3), "status_not_retried"));
    assert_eq!(page.items[0], the_offer(&store, third).await, "as it is stored");
}

pub(crate) async fn pages_of_dead_letters_have_no_gap_and_no_repeat<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    for number in 0..11 {
        // Some die at the same moment.
        dead(&store, "books", at(1 + number / 4)).await;
    }
    let all = found(&store, DeadLetterQuery::default()).await;
    assert_eq!(all.len(), 11);
    for limit in [1, 4, 11, 12] {
        let (mut seen, mut cursor) = (vec![], None);
        loop {
            let page = store.dead_letters(DeadLetterQuery::default(), PageQuery { cursor, limit }).await.unwrap();
            seen.extend(page.items.iter().map(|offer| offer.delivery_id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all, "in pages of {limit}");
    }
    for cursor in ["", "nonsense", "1.", ".dlv_00"] {
        let page = PageQuery { cursor: Some(cursor.to_owned()), limit: 1 };
        let first = store.dead_letters(DeadLetterQuery::default(), page).await.unwrap();
        assert_eq!(first.items[0].delivery_id, all[0], "{cursor:?}");
    }
}

pub(crate) async fn dead_letters_are_found_by_party_and_time<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let old = dead(&store, "books", at(10)).await;
    let new = dead(&store, "books", at(20)).await;
    let pens = dead(&store, "pens", at(20)).await;
    let query = |third_party: Option<&str>, since| DeadLetterQuery { third_party: third_party.map(party_id), since };
    assert_eq!(found(&store, query(Some("books"), None)).await, [new, old]);
    assert_eq!(found(&store, query(Some("books"), Some(at(11)))).await, [new]);
    assert_eq!(found(&store, query(Some("books"), Some(at(20)))).await, [new], "at or after");
    assert_eq!(found(&store, query(Some("books"), Some(at(21)))).await, []);
    assert_eq!(found(&store, query(Some("pens"), None)).await, [pens]);
    assert_eq!(found(&store, query(Some("ink"), None)).await, []);
}

pub(crate) async fn what_is_replayed_or_answered_is_dead_no_more<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let replayed = dead(&store, "books", at(1)).await;
    let answered = dead(&store, "books", at(2)).await;
    let stays = dead(&store, "books", at(3)).await;

    let replay = Replay { delivery_id: replayed, at: at(4) };
    assert!(store.apply(replay.clone(), Urgency::Caller, None).await.unwrap());
    assert!(!store.apply(replay, Urgency::Caller, None).await.unwrap(), "there was nothing left to replay");
    let accepted = answer(answered, "books", AnswerStatus::Accepted);
    store.apply(accepted, Urgency::Caller, None).await.unwrap();

    assert_eq!(found(&store, DeadLetterQuery::default()).await, [stays]);
    let offer = the_offer(&store, replayed).await;
    assert_eq!(offer.state, OfferState::Pending);
    assert_eq!(offer.message.unwrap().next_attempt_at, Some(at(4)));
    assert_eq!(the_offer(&store, answered).await.state, OfferState::Accepted);
}
