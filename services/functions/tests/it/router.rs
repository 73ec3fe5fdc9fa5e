//! The router behind its queue.

use event_schema::{
    id::{Environment, RequestId},
    names,
};
use functions::{
    doorbell::{AlarmRing, Doorbell},
    router::{self, Deps},
};
use marketplace_core::{
    lifecycle::OfferState,
    party::{AcceptanceClock, PartyCommand, PartyPatch},
    ports::RequestStore as _,
};
use request_router::{Bus, Managed};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    payload::{event, failed, sqs},
    world::{World, push},
};

fn deps(world: &World) -> Deps {
    let (store, clock) = (world.store.clone(), world.parts().clock);
    let router = request_router::Deps { store, clock, bus: Bus::Shared, managed: Managed::HandedOver };
    let doorbell = Doorbell::new(aws_sdk_sqs::Client::new(world.config()), "https://sqs.example/doorbell");
    Deps { router, doorbell }
}

/// The article's own event, on the bus from outside.
fn from_outside() -> Value {
    json!({ "user_id": "123456789", "request_status": "new", "category": "books", "requests1": "a book" })
}

#[tokio::test]
async fn a_request_from_the_bus_becomes_offers_and_what_cannot_be_read_fails_alone() {
    let world = World::new().await;
    let managed = push("https://books.example/", &json!({ "transport": "managed" }));
    world.join("books", &managed).await;
    let settings = serde_json::from_value(managed).unwrap();
    world.change("books", PartyCommand::RouteMade(Environment::Prod, settings)).await;
    world.join("pens", &json!({ "mode": "poll" })).await;
    let asked = event(names::SOURCE_MARKET, names::REQUESTS, &from_outside());
    let batch = sqs(&[&asked, "no event", &asked, "{}"]);
    let response = router::handle(&batch, &deps(&world)).await;
    assert_eq!(failed(&response), ["message-1", "message-3"]);
    let id: Uuid = "6a7e8feb-b491-4cf7-a9f1-bf3703467718".parse().unwrap();
    let record = world.store.request(RequestId(id), false).await.unwrap().unwrap();
    let mut states: Vec<_> = record.offers.iter().map(|offer| (offer.party.as_str(), offer.state)).collect();
    states.sort_unstable();
    assert_eq!(states, [("books", OfferState::Sent), ("pens", OfferState::Pending)]);
}

#[tokio::test]
async fn what_is_due_soon_rings_when_it_is_and_the_rest_is_the_sweeps() {
    let world = World::new().await;
    for (party, remind, expire) in [("soon", Some(5), 600), ("late", None, 600)] {
        world.join(party, &json!({ "mode": "poll" })).await;
        let clock = AcceptanceClock { category: None, remind_after_seconds: remind, expire_after_seconds: expire };
        let patch = PartyPatch { acceptance: Some(vec![clock]), ..PartyPatch::default() };
        world.change(party, PartyCommand::Patch(patch)).await;
    }
    let asked = event(names::SOURCE_MARKET, names::REQUESTS, &from_outside());
    assert!(failed(&router::handle(&sqs(&[&asked]), &deps(&world)).await).is_empty());
    let [batch] = world.cloud.calls("AmazonSQS.SendMessageBatch").try_into().unwrap();
    let [entry] = batch["Entries"].as_array().unwrap().as_slice() else { panic!("{batch}") };
    let AlarmRing { alarm } = serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!((world.offer(alarm).await.party.as_str(), &entry["DelaySeconds"]), ("soon", &json!(5)));
}

#[tokio::test]
async fn who_writes_events_in_our_name_gets_nothing_offered() {
    let world = World::new().await;
    world.join("pens", &json!({ "mode": "poll" })).await;
    let request = world.asked().await;
    let mut detail = from_outside();
    detail["metadata"] = json!({
        "event_id": Uuid::from_u128(5), "version": 1, "sequence": 1, "correlation_id": request.to_string(),
        "environment": "prod", "occurred_at": "2026-11-21T18:43:48Z",
    });
    let forged = event(names::SOURCE_MARKET, names::REQUESTS, &detail);
    let response = router::handle(&sqs(&[&forged]), &deps(&world)).await;
    assert_eq!(failed(&response), ["message-0"], "it goes to the dead letters");
    assert!(world.store.request(request, false).await.unwrap().unwrap().offers.is_empty());
}
