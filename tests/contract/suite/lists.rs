//! Lists: newest first, in pages that leave nothing out and show nothing twice.

use std::collections::BTreeSet;

use event_schema::id::RequestId;
use marketplace_core::ports::{PageQuery, PartyStore, RequestStore, Urgency};
use serde_json::json;

use crate::{
    fixture::{START, at, create, join, offer, party, user_id},
    platform::PlatformUnderTest,
};

fn page(cursor: Option<String>, limit: usize) -> PageQuery {
    PageQuery { cursor, limit }
}

async fn ask<S: RequestStore>(store: &S, user: &str, count: i64) -> Vec<RequestId> {
    let mut ids = vec![];
    for number in 0..count {
        let new = create(user, &json!({ "category": format!("c{number}") }), at(number));
        ids.push(new.id);
        store.apply(new, Urgency::Ours, None).await.unwrap();
    }
    ids.reverse();
    ids
}

pub(crate) async fn a_users_requests_are_newest_first<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let mine = ask(&store, "user-1", 3).await;
    ask(&store, "user-2", 2).await;
    offer(&store, mine[1], &["books", "pens"], at(9)).await;

    let listed = store.requests_of(&user_id("user-1"), page(None, 10)).await.unwrap();
    let ids: Vec<RequestId> = listed.items.iter().map(|(head, _)| head.id).collect();
    assert_eq!((ids, listed.next_cursor), (mine, None), "the user's own, newest first");
    let offers: Vec<usize> = listed.items.iter().map(|(_, offers)| offers.len()).collect();
    assert_eq!(offers, [0, 2, 0], "with their offers");
    let nobody = store.requests_of(&user_id("user"), page(None, 10)).await.unwrap();
    assert!(nobody.items.is_empty() && nobody.next_cursor.is_none());
}

pub(crate) async fn pages_of_requests_have_no_gap_and_no_repeat<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let user = user_id("user-1");
    let all = ask(&store, "user-1", 12).await;
    for limit in [1, 5, 6, 12, 13] {
        let (mut seen, mut cursor) = (vec![], None);
        loop {
            let listed = store.requests_of(&user, page(cursor, limit)).await.unwrap();
            assert!(listed.items.len() <= limit);
            seen.extend(listed.items.iter().map(|(head, _)| head.id));
            cursor = listed.next_cursor;
            if cursor.is_none() {
                break;
            }
            assert_eq!(listed.items.len(), limit, "a page that is not the last is full");
        }
        assert_eq!(seen, all, "in pages of {limit}");
    }
    // What comes in between two pages moves nothing on the second.
    let first = store.requests_of(&user, page(None, 4)).await.unwrap();
    ask(&store, "user-1", 3).await;
    let second = store.requests_of(&user, page(first.next_cursor, 4)).await.unwrap();
    let ids: Vec<RequestId> = second.items.iter().map(|(head, _)| head.id).collect();
    assert_eq!(ids, all[4..8]);
}

pub(crate) async fn an_unknown_cursor_is_the_first_page<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let all = ask(&store, "user-1", 2).await;
    for cursor in ["", "nonsense", "req_", "'; DROP TABLE requests; --", "\u{0}"] {
        let listed = store.requests_of(&user_id("user-1"), page(Some(cursor.to_owned()), 1)).await.unwrap();
        assert_eq!(listed.items[0].0.id, all[0], "{cursor:?}");
    }
}

pub(crate) async fn pages_of_parties_have_no_gap_and_no_repeat<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let mut all = vec![];
    for number in 0..7 {
        let mut new = party(&format!("party-{number}"));
        // Two of them joined at the same moment.
        new.created_at = at(number / 2);
        all.push((new.created_at, new.id.clone()));
        join(&store, new).await;
    }
    all.sort();
    all.reverse();
    for limit in [1, 3, 7, 20] {
        let (mut seen, mut cursor) = (vec![], None);
        loop {
            let listed = store.parties(page(cursor, limit)).await.unwrap();
            seen.extend(listed.items.iter().map(|party| (party.created_at, party.id.clone())));
            cursor = listed.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 7);
        assert!(seen.is_sorted_by(|a, b| a.0 >= b.0), "newest first: {seen:?}");
    }
    assert!(all[0].0 > START);
}
