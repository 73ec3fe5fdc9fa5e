//! Requests of the past: by environment and time, as routing saw them, a page at a time.

use event_schema::id::{Environment, RequestId};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    backtest::PastRequest,
    command::create::Create,
    ports::{PageQuery, PastRequests, RequestStore, Urgency, Window},
};
use serde_json::json;

use crate::{
    fixture::{at, create, offer},
    platform::PlatformUnderTest,
};

const ALWAYS: Window = Window { from: Timestamp::UNIX_EPOCH, to: Timestamp::constant(1_900_000_000, 0) };

/// Stores a request that is accepted at this time: its id is of that time, too.
async fn accepted<S: RequestStore>(store: &S, environment: Environment, now: Timestamp) -> RequestId {
    let body = json!({ "category": "books", "amount": 1, "environment": environment });
    let new = create("user-1", &body, now);
    let milliseconds = u64::try_from(now.as_millisecond()).expect("after 1970");
    let rest = new.id.0.as_bytes()[6..].try_into().expect("ten bytes");
    let id = RequestId(uuid::Builder::from_unix_timestamp_millis(milliseconds, rest).into_uuid());
    store.apply(Create { id, ..new }, Urgency::Ours, None).await.expect("stored");
    id
}

/// All pages of so many, newest first.
async fn past<S: PastRequests>(store: &S, environment: Environment, window: Window, limit: usize) -> Vec<PastRequest> {
    let (mut all, mut cursor) = (vec![], None);
    loop {
        let page = store.past_requests(environment, window, PageQuery { cursor, limit }).await.expect("read");
        assert!(page.items.len() <= limit);
        all.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return all;
        }
    }
}

fn ids(past: &[PastRequest]) -> Vec<RequestId> {
    past.iter().map(|request| request.id).collect()
}

pub(crate) async fn past_requests_are_read_back_as_routing_saw_them<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let first = accepted(&store, Environment::Prod, at(1)).await;
    let second = accepted(&store, Environment::Prod, at(2)).await;
    offer(&store, first, &["books", "pens"], at(3)).await;
    let found = past(&store, Environment::Prod, ALWAYS, 10).await;
    assert_eq!(ids(&found), [second, first], "newest first");
    for request in found {
        let record = store.request(request.id, false).await.unwrap().unwrap();
        assert_eq!(request, PastRequest::of(&record));
        assert_eq!(request.sequence, record.journal[0].sequence);
        assert_eq!(request.created_at, record.head.created_at);
    }
}

pub(crate) async fn pages_of_past_requests_have_no_gap_and_no_repeat<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let mut all = vec![];
    for number in 0..12 {
        // Some are accepted at the same moment.
        all.push((at(number / 2), accepted(&store, Environment::Prod, at(number / 2)).await));
        if number % 3 == 0 {
            accepted(&store, Environment::Test, at(number)).await;
        }
    }
    all.sort();
    all.reverse();
    let all: Vec<_> = all.into_iter().map(|(_, id)| id).collect();
    for limit in [1, 5, 6, 12, 13, 1_000] {
        assert_eq!(ids(&past(&store, Environment::Prod, ALWAYS, limit).await), all, "in pages of {limit}");
    }
    // What comes in between two pages moves nothing on the second.
    let page = PageQuery { cursor: None, limit: 4 };
    let first = store.past_requests(Environment::Prod, ALWAYS, page).await.unwrap();
    accepted(&store, Environment::Prod, at(99)).await;
    let page = PageQuery { cursor: first.next_cursor, limit: 4 };
    let second = store.past_requests(Environment::Prod, ALWAYS, page).await.unwrap();
    assert!(!first.items.is_empty() && !second.items.is_empty());
    let seen = ids(&[first.items, second.items].concat());
    assert_eq!(seen, all[..seen.len()]);
}

pub(crate) async fn a_window_has_its_first_moment_and_not_its_last<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let micro = |micros: i64| at(5) + SignedDuration::from_micros(micros);
    let mut all = vec![];
    for micros in [0, 1, 2, 999, 1_000, 1_001] {
        all.push(accepted(&store, Environment::Prod, micro(micros)).await);
    }
    for (from, to, expected) in
        [(0, 2, 0..2), (1, 1_001, 1..5), (2, 2, 0..0), (999, 1_000, 3..4), (1_002, 5_000, 0..0), (-5, 5_000, 0..6)]
    {
        let window = Window { from: micro(from), to: micro(to) };
        let mut found = ids(&past(&store, Environment::Prod, window, 4).await);
        found.reverse();
        found.sort_by_key(|id| all.iter().position(|other| other == id));
        assert_eq!(found, all[expected], "from {from} to {to}");
    }
}

pub(crate) async fn environments_keep_their_past_apart<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let mut all = [vec![], vec![], vec![]];
    for number in 0..9 {
        let environment = Environment::ALL[number % 3];
        let now = at(i64::try_from(number).expect("a number"));
        all[number % 3].insert(0, accepted(&store, environment, now).await);
    }
    for environment in Environment::ALL {
        assert_eq!(ids(&past(&store, environment, ALWAYS, 2).await), all[environment as usize], "{environment}");
    }
}
