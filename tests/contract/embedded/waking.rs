//! Who waits for an inbox is woken by the commit that fills it, and does not find out by looking now and then.

use std::time::{Duration, Instant};

use event_schema::id::Environment;
use marketplace_core::ports::Inbox;
use tokio::sync::oneshot;

use super::OneMachine;
use crate::fixture::{START, at, offered, party_id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_wakes_who_waits() {
    const ROUNDS: u32 = 40;
    let machine = OneMachine::new();
    let mut waited = Duration::ZERO;
    for _ in 0..ROUNDS {
        let (listening, listens) = oneshot::channel();
        let store = machine.store.clone();
        let waiting = tokio::spawn(async move {
            let books = party_id("books");
            let mut something = Box::pin(store.wait(&books, Environment::Prod, Duration::from_secs(20)));
            assert!(futures::poll!(&mut something).is_pending());
            listening.send(()).unwrap();
            let started = Instant::now();
            something.await;
            let leased = store.lease(&books, Environment::Prod, 1, at(1), at(99)).await.unwrap();
            assert_eq!(leased.len(), 1, "woken, and nothing is there");
            started.elapsed()
        });
        listens.await.unwrap();
        offered(&machine.store, "books", START).await;
        waited += waiting.await.unwrap();
    }
    // Whoever only looks again every half second would have waited for most of it each time.
    assert!(waited < ROUNDS * Duration::from_millis(250), "{waited:?}");
}
