//! What is filed by party: by the task, by whoever reads, and after a restart; all of it, and once.

use event_schema::id::Environment;
use jiff::Timestamp;
use marketplace_core::ports::{ChangeFeed, OfferHistory, PageQuery, Window};
use platform_embedded::{Embedded, filing};
use tests::eventually;

use super::OneMachine;
use crate::fixture::{at, offered, party_id};

const ALWAYS: Window = Window { from: Timestamp::UNIX_EPOCH, to: Timestamp::constant(1_900_000_000, 0) };

/// How many offers of this party are found, and how many things that happened to them.
async fn found(store: &Embedded, party: &str) -> (usize, usize) {
    let (party, page) = (party_id(party), PageQuery { cursor: None, limit: 1_000 });
    let offers = store.offers_to(&party, Environment::Prod, ALWAYS, page).await.unwrap();
    let changes = store.changes(&party, Environment::Prod, None, 1_000, at(0)).await.unwrap();
    (offers.items.len(), changes.items.len())
}

#[tokio::test]
async fn whoever_reads_misses_nothing_and_a_restart_changes_nothing() {
    let mut machine = OneMachine::new();
    for count in 1..4 {
        offered(&machine.store, "books", at(count)).await;
        offered(&machine.store, "pens", at(count)).await;
        let expected = usize::try_from(count).unwrap();
        assert_eq!(found(&machine.store, "books").await, (expected, expected));
        offered(&machine.store, "news", at(count)).await;
        machine = machine.again();
        assert_eq!(found(&machine.store, "pens").await, (expected, expected));
        assert_eq!(found(&machine.store, "news").await, (expected, expected), "not filed before the restart");
    }
}

#[tokio::test]
async fn what_nobody_reads_is_filed_all_the_same() {
    let machine = OneMachine::new();
    offered(&machine.store, "books", at(1)).await;
    let filing = filing::start(machine.store.clone());
    let filed = || machine.query("SELECT count(*) FROM party_offers")[0];
    eventually("what was there before is filed", async || (filed() == 1).then_some(())).await;
    offered(&machine.store, "books", at(2)).await;
    eventually("what comes is filed", async || (filed() == 2).then_some(())).await;
    filing.stop().await;
}
