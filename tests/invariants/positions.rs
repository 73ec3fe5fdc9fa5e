//! A consumer's position never passes an event that it has not handled (DESIGN section 4, invariant 2).

use std::{sync::Arc, time::Duration};

use event_schema::{id::RequestId, kind::EventKind};
use futures::FutureExt as _;
use marketplace_core::{
    command::create::Create,
    intake,
    ports::{Clock as _, Randomness as _, RequestStore as _, Urgency},
};
use platform_base::{clock::SystemClock, randomness::OsRandomness, vault::Vault};
use platform_embedded::{
    Embedded, Options,
    bus::{Bus, Consumer},
};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;
use tests::eventually;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const NAME: &str = "slow-reader";

/// Stores a request of this user, which is an event on the bus.
async fn place(store: &Embedded, user: &str) {
    let now = SystemClock.now();
    let request = intake::from_api(b"{}", user.parse().unwrap()).unwrap();
    let id = RequestId(OsRandomness::new().unwrap().uuid(now));
    store.apply(Create { id, request, at: now }, Urgency::Caller, None).await.unwrap();
}

/// A consumer that tells whose events it has begun with, and never ends with those of the user `stuck`.
fn reader() -> (Consumer, UnboundedReceiver<String>) {
    let (begun, seen) = unbounded_channel();
    let handler = move |event: Arc<marketplace_core::publish::BusEvent>| {
        let detail: Value = serde_json::from_str(event.detail.get()).unwrap();
        let user = detail["user_id"].as_str().unwrap().to_owned();
        let begun = begun.clone();
        async move {
            let is_stuck = user == "stuck";
            // Nobody listens any more once the test is over.
            let _ = begun.send(user);
            if is_stuck {
                std::future::pending::<()>().await;
            }
            Ok(())
        }
        .boxed()
    };
    (Consumer { name: NAME, kinds: &[EventKind::Request], handler: Arc::new(handler) }, seen)
}

async fn begun(seen: &mut UnboundedReceiver<String>) -> String {
    let next = tokio::time::timeout(tests::eventually::PATIENCE, seen.recv()).await;
    next.expect("there is an event in time").expect("the bus runs")
}

#[tokio::test]
async fn an_event_that_was_not_handled_comes_again_although_later_ones_were() {
    let folder = TempDir::new().unwrap();
    let vault = Vault::new(&"a key of thirty-two characters, or more".to_owned().into()).unwrap();
    let store = Embedded::open(Options::new(folder.path().to_owned(), vault)).unwrap();
    let users = ["before", "stuck", "after", "later"];
    for user in users {
        place(&store, user).await;
    }
    let (consumer, mut seen) = reader();
    let bus = Bus::start(&store, vec![consumer], None).await.unwrap();
    for user in users {
        assert_eq!(begun(&mut seen).await, user);
    }
    let database = Connection::open(platform_embedded::database(folder.path())).unwrap();
    let saved =
        || database.query_row("SELECT sequence FROM consumers WHERE name = ?1", [NAME], |row| row.get(0)).unwrap();
    eventually("a position is saved", async || Some(saved()).filter(|saved: &i64| *saved > 0)).await;
    bus.stop(Duration::ZERO).await;

    let (consumer, mut seen) = reader();
    let bus = Bus::start(&store, vec![consumer], None).await.unwrap();
    assert_eq!(begun(&mut seen).await, "stuck", "after {}", saved());
    bus.stop(Duration::ZERO).await;
}
