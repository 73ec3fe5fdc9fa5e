//! Turns at tests of endpoints: one at a time for each party, and a few a minute.

use std::time::Duration;

use futures::future::join_all;
use marketplace_core::{
    endpoint_test::{MOST_TESTS, TestTurn},
    ports::EndpointTests,
};

use crate::{
    fixture::{at, party_id},
    platform::PlatformUnderTest,
};

pub(crate) async fn tests_of_an_endpoint_take_turns<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let (books, pens) = (party_id("books"), party_id("pens"));
    let begin = async |second| store.begin_test(&books, at(second)).await.unwrap();
    assert_eq!(begin(100).await, TestTurn::Now);
    assert_eq!(begin(104).await, TestTurn::After(Duration::from_secs(6)), "one is running");
    assert_eq!(store.begin_test(&pens, at(104)).await.unwrap(), TestTurn::Now, "each party has turns of its own");
    store.end_test(&books, at(104)).await.unwrap();
    assert_eq!(begin(104).await, TestTurn::After(Duration::from_secs(6)), "another test has ended");
    store.end_test(&books, at(100)).await.unwrap();
    for second in 105..105 + i64::try_from(MOST_TESTS).unwrap() - 1 {
        assert_eq!(begin(second).await, TestTurn::Now);
        store.end_test(&books, at(second)).await.unwrap();
    }
    assert_eq!(begin(120).await, TestTurn::After(Duration::from_secs(40)), "a few are enough");
    assert_eq!(begin(160).await, TestTurn::Now);
    // Nobody saw its end.
    assert_eq!(begin(171).await, TestTurn::Now);
    store.end_test(&party_id("nobody"), at(171)).await.unwrap();
}

pub(crate) async fn of_many_tests_at_once_one_begins<P: PlatformUnderTest>(platform: P) {
    let store = &platform.store();
    let turns = (100..110).map(async |second| store.begin_test(&party_id("books"), at(second)).await.unwrap());
    let begun = join_all(turns).await.into_iter().filter(|turn| *turn == TestTurn::Now).count();
    assert_eq!(begun, 1);
}
