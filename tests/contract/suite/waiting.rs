//! Waiting for something to come into an inbox: woken when it does, and never for longer than asked.

use std::time::{Duration, Instant};

use event_schema::id::{DeliveryId, Environment};
use futures::future::join_all;
use marketplace_core::{
    command::inbox::{InboxAction, InboxResult},
    ports::{Inbox, RequestStore, Urgency},
};

use crate::{
    fixture::{START, at, offered, party_id, use_inbox},
    platform::PlatformUnderTest,
};

/// Longer than any test has to wait.
const LONG: Duration = Duration::from_secs(20);

/// As a polling caller does: looks, waits, looks again.
async fn poll<S: Inbox>(store: &S, party: &str) -> Vec<DeliveryId> {
    let (started, party) = (Instant::now(), party_id(party));
    loop {
        let mut something = Box::pin(store.wait(&party, Environment::Prod, LONG));
        // Listens before it looks, so that nothing comes in between unheard.
        let heard = futures::poll!(&mut something).is_ready();
        let leased = store.lease(&party, Environment::Prod, 1, at(60), at(120)).await.unwrap();
        if !leased.is_empty() {
            return leased.iter().map(|leased| leased.offer.delivery_id).collect();
        }
        assert!(started.elapsed() < LONG, "nothing came");
        if !heard {
            something.await;
        }
    }
}

pub(crate) async fn a_new_offer_wakes_who_waits<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    for _ in 0..10 {
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { poll(&store, "books").await }
        });
        tokio::task::yield_now().await;
        let offer = offered(&store, "books", START).await;
        assert_eq!(waiting.await.unwrap(), [offer]);
    }
}

pub(crate) async fn a_released_offer_wakes_who_waits<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let offer = offered(&store, "books", START).await;
    let until = at(999);
    store.lease(&party_id("books"), Environment::Prod, 1, at(1), until).await.unwrap();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { poll(&store, "books").await }
    });
    tokio::task::yield_now().await;
    let release = use_inbox(offer, "books", InboxAction::Release, at(2));
    assert_eq!(store.apply(release, Urgency::Caller, None).await.unwrap(), InboxResult::Done);
    assert_eq!(waiting.await.unwrap(), [offer]);
}

pub(crate) async fn nobody_waits_longer_than_asked<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let started = Instant::now();
    let short = Duration::from_millis(50);
    let books = party_id("books");
    join_all((0..20).map(|_| store.wait(&books, Environment::Prod, short))).await;
    store.wait(&books, Environment::Prod, Duration::ZERO).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

pub(crate) async fn each_of_many_who_wait_is_woken<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let callers = (0..10).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { poll(&store, "books").await })
    });
    let callers: Vec<_> = callers.collect();
    let mut offers = join_all((0..10).map(|_| offered(&store, "books", START))).await;
    let mut got = vec![];
    for caller in callers {
        got.extend(caller.await.unwrap());
    }
    got.sort_unstable();
    offers.sort_unstable();
    assert_eq!(got, offers, "each got one, and none twice");
}
