//! What the outbox promises besides: an entry that fails holds no other up, and is not lost.

use event_schema::{
    id::{Environment, PartyId},
    words::MessageType,
};
use jiff::SignedDuration;
use marketplace_core::{
    command::route::MakeOffers,
    offer::delivery_id,
    ports::{Clock as _, RequestStore as _, Urgency},
};
use platform_aws::{
    outbox::{Message, Outbox, Row},
    table::{Query, Range},
};
use serde_json::json;

use super::{OnAws, StoryClock, bus::Archive};
use crate::{
    fixture::{START, asked, offer},
    platform::PlatformUnderTest,
};

type Calm = OnAws<false>;

/// Twelve rows that become events.
async fn twelve_events(platform: &Calm) -> String {
    let store = platform.store();
    let request = asked(&store, &json!({ "category": "books" })).await;
    let names: Vec<String> = (0..11).map(|number| format!("party-{number}")).collect();
    offer(&store, request, &names.iter().map(String::as_str).collect::<Vec<_>>(), START).await;
    format!("R#{request}")
}

async fn sweep(platform: &Calm, archive: &Archive) -> usize {
    let outbox = Outbox::new(platform.table(), archive.clone(), "marketplace");
    outbox.sweep(StoryClock.now() + SignedDuration::from_secs(1)).await.unwrap()
}

async fn rows(platform: &Calm, pk: String) -> Vec<Row> {
    let items = platform.table().all(&Query::partition(pk, Range::Prefix("J#".to_owned()))).await.unwrap();
    items.iter().filter_map(|item| Row::parse(item).unwrap()).collect()
}

#[tokio::test]
async fn only_what_failed_is_sent_again() {
    let platform = Calm::open().await;
    let pk = twelve_events(&platform).await;
    let archive = Archive::that_refuses(|number| number == 2 || number == 7);
    let outbox = Outbox::new(platform.table(), archive.clone(), "marketplace");
    let left = outbox.publish(rows(&platform, pk.clone()).await).await.unwrap();
    assert_eq!((left, archive.calls()), (vec![], vec![10, 2, 2]), "ten, the two of them that failed, the rest");
    assert_eq!((archive.taken(), archive.events().len()), (12, 12));
    assert!(rows(&platform, pk).await.is_empty(), "nothing waits for the bus any more");
    assert_eq!(sweep(&platform, &archive).await, 0);
    assert_eq!(archive.taken(), 12, "once each");
}

#[tokio::test]
async fn what_the_bus_does_not_take_is_told_and_goes_out_later() {
    let platform = Calm::open().await;
    let pk = twelve_events(&platform).await;
    let archive = Archive::that_refuses(|_| true);
    let outbox = Outbox::new(platform.table(), archive.clone(), "marketplace");
    let waiting = rows(&platform, pk.clone()).await;
    let left = outbox.publish(waiting.clone()).await.unwrap();
    let keys = |rows: &[Row]| rows.iter().map(|row| row.key().clone()).collect::<Vec<_>>();
    assert_eq!((left, archive.taken()), (keys(&waiting), 0), "in order");
    assert_eq!(keys(&rows(&platform, pk.clone()).await), keys(&waiting), "all of them still wait");
    archive.recovers();
    assert_eq!(sweep(&platform, &archive).await, 0);
    assert_eq!(archive.events().len(), 12);
    assert!(rows(&platform, pk).await.is_empty());
}

#[tokio::test]
async fn a_sweep_leaves_alone_what_is_new() {
    let platform = Calm::open().await;
    let before = StoryClock.now();
    twelve_events(&platform).await;
    let archive = Archive::that_refuses(|_| false);
    let outbox = Outbox::new(platform.table(), archive.clone(), "marketplace");
    assert_eq!(outbox.sweep(before).await.unwrap(), 0);
    assert_eq!(archive.taken(), 0, "the stream brings it");
}

#[tokio::test]
async fn what_is_handed_over_rings_no_bell_and_its_log_can_be_understood() {
    let platform = Calm::open().await;
    let store = platform.store();
    let request = asked(&store, &json!({ "category": "books" })).await;
    let [books, pens]: [PartyId; 2] = ["books", "pens"].map(|id| id.parse().unwrap());
    let offers = MakeOffers {
        request,
        environment: Environment::Prod,
        parties: vec![books.clone(), pens],
        handed_over: [(books.clone(), START + SignedDuration::from_hours(24))].into(),
        clocks: [].into(),
        last_of: Some(2),
        registry_version: 1,
        cause: None,
        at: START,
    };
    store.apply(offers, Urgency::Ours, None).await.unwrap();
    let archive = Archive::that_refuses(|_| false);
    assert_eq!(sweep(&platform, &archive).await, 0);
    let rings = archive.rings();
    assert_eq!((rings.len(), rings.iter().filter(|rings| **rings).count()), (3, 1), "the request, and two deliveries");

    let mut known = vec![];
    for number in 1..=rings.len() {
        known.extend(store.message_of(&Archive::id_of(number)).await.unwrap());
    }
    let delivery_id = delivery_id(request, &books, Environment::Prod, 1);
    assert_eq!(known, [Message { delivery_id, kind: MessageType::OfferCreated }]);
    assert_eq!(store.message_of("bus-99").await.unwrap(), None);
}
