//! What a party was offered: by environment and time, a page at a time.

use event_schema::id::{DeliveryId, Environment, RequestId};
use jiff::Timestamp;
use marketplace_core::{
    command::push::Disposition,
    ports::{OfferHistory, OfferRecord, PageQuery, RequestStore, Urgency, Window},
};
use serde_json::json;

use crate::{
    fixture::{START, asked, at, attempted, batches, offer, offer_of, offered, party_id, the_offer},
    platform::PlatformUnderTest,
};

const ALWAYS: Window = Window { from: Timestamp::UNIX_EPOCH, to: Timestamp::constant(1_900_000_000, 0) };

/// All pages of so many, newest first.
async fn offers<S: OfferHistory>(store: &S, party: &str, window: Window, limit: usize) -> Vec<OfferRecord> {
    let (party, mut all, mut cursor) = (party_id(party), vec![], None);
    loop {
        let page = PageQuery { cursor, limit };
        let page = store.offers_to(&party, Environment::Prod, window, page).await.expect("read");
        assert!(page.items.len() <= limit);
        all.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return all;
        }
    }
}

fn ids(offers: &[OfferRecord]) -> Vec<DeliveryId> {
    offers.iter().map(|record| record.offer.delivery_id).collect()
}

pub(crate) async fn a_party_finds_its_own_offers_newest_first<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let old = asked(&store, &json!({ "category": "books" })).await;
    let new = asked(&store, &json!({ "category": "pens" })).await;
    // The older request is offered later.
    offer(&store, new, &["books", "pens"], at(1)).await;
    offer(&store, old, &["books"], at(2)).await;
    let elsewhere: RequestId = asked(&store, &json!({ "environment": "test" })).await;
    for mut batch in batches(elsewhere, &["books"], at(3)) {
        batch.environment = Environment::Test;
        store.apply(batch, Urgency::Ours, None).await.expect("offered");
    }
    let found = offers(&store, "books", ALWAYS, 10).await;
    assert_eq!(ids(&found), [offer_of(old, "books"), offer_of(new, "books")]);
    for record in &found {
        let whole = store.request(record.head.id, false).await.unwrap().unwrap();
        assert_eq!(record.head, whole.head);
        assert_eq!(record.offer, the_offer(&store, record.offer.delivery_id).await, "as it is stored");
    }
    assert_eq!(ids(&offers(&store, "pens", ALWAYS, 10).await), [offer_of(new, "pens")]);
    let in_test = PageQuery { cursor: None, limit: 10 };
    let in_test = store.offers_to(&party_id("books"), Environment::Test, ALWAYS, in_test).await.unwrap();
    assert_eq!(in_test.items.iter().map(|record| record.head.id).collect::<Vec<_>>(), [elsewhere]);
}

pub(crate) async fn pages_of_offers_have_no_gap_and_no_repeat<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let mut all = vec![];
    for number in 0..11 {
        // Some are made at the same moment.
        all.push((at(number / 3), offered(&store, "books", at(number / 3)).await));
        offered(&store, "pens", at(number)).await;
    }
    all.sort();
    all.reverse();
    for limit in [1, 3, 10, 11, 12, 200] {
        let expected: Vec<_> = all.iter().map(|(_, id)| *id).collect();
        assert_eq!(ids(&offers(&store, "books", ALWAYS, limit).await), expected, "in pages of {limit}");
    }
    for (from, to) in [(0, 1), (1, 3), (2, 2), (3, 99), (4, 99)] {
        let within = |time: &Timestamp| *time >= at(from) && *time < at(to);
        let expected: Vec<_> = all.iter().filter(|(time, _)| within(time)).map(|(_, id)| *id).collect();
        let window = Window { from: at(from), to: at(to) };
        assert_eq!(ids(&offers(&store, "books", window, 2).await), expected, "from {from} to {to}");
    }
    for cursor in ["nonsense", "1.", ".dlv_00"] {
        let page = PageQuery { cursor: Some(cursor.to_owned()), limit: 1 };
        let first = store.offers_to(&party_id("books"), Environment::Prod, ALWAYS, page).await.unwrap();
        assert_eq!(ids(&first.items), [all[0].1], "{cursor:?}");
    }
}

pub(crate) async fn an_offer_says_when_it_changed_and_how_it_was_tried<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let (tried, other) = (offered(&store, "books", START).await, offered(&store, "books", at(1)).await);
    assert_eq!(the_offer(&store, tried).await.changed_at, Some(START));
    for seconds in [3, 4] {
        let attempt = attempted(tried, Disposition::RetryAt(at(60)), at(seconds));
        store.apply(attempt, Urgency::Ours, None).await.expect("recorded");
    }
    assert_eq!(the_offer(&store, tried).await.changed_at, Some(at(4)));
    assert_eq!(the_offer(&store, other).await.changed_at, Some(at(1)));
    let attempts = store.attempts_at(vec![other, tried]).await.unwrap();
    let times: Vec<_> = attempts.iter().map(|(id, attempt)| (*id, attempt.at)).collect();
    assert_eq!(times, [(tried, at(3)), (tried, at(4))]);
}
