//! The doorbell: real endpoints on loopback, and what is in the table afterwards.

use event_schema::{
    id::{DeliveryId, Environment},
    names,
};
use functions::{
    doorbell::{Doorbell, OfferRing, Ring},
    push::{self, Deps},
};
use marketplace_core::{
    lifecycle::OfferState,
    party::{PartyCommand, PartyState},
    ports::PartyStore as _,
};
use platform_aws::gate::Gates;
use serde_json::{Value, json};
use tests::{PartyServer, Reply};
use webhook_sender::{Sender, SenderConfig};

use crate::{
    payload::{event, failed, sqs},
    world::{World, id, push as pushed_to},
};

const BATCH: &str = "AmazonSQS.SendMessageBatch";

pub(crate) fn deps(world: &World) -> Deps<Sender> {
    let parts = world.parts();
    let sender = Sender::new(&SenderConfig { allow_private: true, ..SenderConfig::default() }).unwrap();
    let doorbell = Doorbell::new(aws_sdk_sqs::Client::new(world.config()), "https://sqs.example/doorbell");
    Deps::new(world.store.clone(), Gates::new(parts.table), sender, doorbell, parts.clock, parts.randomness)
}

/// A delivery's event, as much of it as there is to a doorbell.
pub(crate) fn rings(delivery: DeliveryId, party: &str) -> String {
    let detail = json!({ "delivery_id": delivery, "3rdparty": party, "environment": "prod", "message": {} });
    event(names::SOURCE_ROUTER, names::DELIVERY, &detail)
}

fn ring(delivery: DeliveryId, party: &str) -> Ring {
    Ring::Offer(OfferRing { delivery_id: delivery, third_party: id(party), environment: Environment::Prod })
}

/// The rings that were sent: what each says, and its delay in seconds.
fn rung(world: &World) -> Vec<(Ring, i64)> {
    let entries = world.cloud.calls(BATCH).into_iter().flat_map(|call| call["Entries"].as_array().cloned().unwrap());
    let ring = |entry: Value| {
        assert_eq!(entry["MessageGroupId"], "books.prod", "a group is a party's environment");
        let ring = serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap();
        (ring, entry["DelaySeconds"].as_i64().unwrap())
    };
    entries.map(ring).collect()
}

#[tokio::test]
async fn what_is_due_is_pushed_once_however_often_it_rings() {
    let world = World::new().await;
    let endpoint = PartyServer::always(Reply::status(204)).await;
    world.join("books", &pushed_to(&endpoint.url("/hook"), &json!({}))).await;
    let delivery = world.offered("books", false).await;
    let deps = deps(&world);
    let (event, own) = (rings(delivery, "books"), serde_json::to_string(&ring(delivery, "books")).unwrap());
    let response = push::handle(&sqs(&[&event, &own, &event]), &deps).await;
    assert!(failed(&response).is_empty());
    let received = endpoint.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].delivery_id(), delivery.to_string());
    assert_eq!(world.offer(delivery).await.state, OfferState::Delivered);
    assert!(rung(&world).is_empty());
}

#[tokio::test]
async fn a_clock_rings_until_its_time_is_over() {
    let world = World::new().await;
    world.join("books", &json!({ "mode": "poll" })).await;
    let delivery = world.offered_against_a_clock("books", 60).await;
    let deps = deps(&world);
    let alarm = json!({ "alarm": delivery }).to_string();
    assert!(failed(&push::handle(&sqs(&[&alarm]), &deps).await).is_empty());
    assert_eq!(world.offer(delivery).await.state, OfferState::Pending, "too early");
    let calls = world.cloud.calls(BATCH);
    let [entry] = calls[0]["Entries"].as_array().unwrap().as_slice() else { panic!("{calls:?}") };
    assert_eq!((&entry["MessageBody"], &entry["DelaySeconds"]), (&json!(alarm), &json!(60)), "it rings again");
    world.clock.pass(60);
    for _ in 0..2 {
        assert!(failed(&push::handle(&sqs(&[&alarm]), &deps).await).is_empty());
        assert_eq!(world.offer(delivery).await.state, OfferState::Expired);
    }
    let nobodys = json!({ "alarm": format!("dlv_{}", "0".repeat(52)) }).to_string();
    assert!(failed(&push::handle(&sqs(&[&nobodys]), &deps).await).is_empty(), "there is nothing to do again");
}

#[tokio::test]
async fn a_retry_rings_when_it_is_due() {
    let world = World::new().await;
    let endpoint = PartyServer::answers([Reply::status(503), Reply::status(200)]).await;
    world.join("books", &pushed_to(&endpoint.url("/hook"), &json!({}))).await;
    let delivery = world.offered("books", false).await;
    let deps = deps(&world);
    let event = rings(delivery, "books");
    push::handle(&sqs(&[&event]), &deps).await;
    let [(again, delay)] = rung(&world).try_into().unwrap();
    assert_eq!(again, ring(delivery, "books"));
    assert!((1..=2).contains(&delay), "{delay}");
    let early = push::handle(&sqs(&[&event]), &deps).await;
    assert!(failed(&early).is_empty());
    assert_eq!(endpoint.received().len(), 1, "too early");
    world.clock.pass(delay);
    push::handle(&sqs(&[&serde_json::to_string(&again).unwrap()]), &deps).await;
    assert_eq!(endpoint.received().len(), 2);
    let offer = world.offer(delivery).await;
    assert_eq!((offer.state, offer.attempts), (OfferState::Delivered, 2));
}

#[tokio::test]
async fn an_endpoint_that_is_gone_pauses_its_party_and_a_paused_one_is_left_alone() {
    let world = World::new().await;
    let endpoint = PartyServer::always(Reply::status(410)).await;
    world.join("books", &pushed_to(&endpoint.url("/hook"), &json!({}))).await;
    let deps = deps(&world);
    for _ in 0..2 {
        let event = rings(world.offered("books", false).await, "books");
        let response = push::handle(&sqs(&[&event]), &deps).await;
        assert!(failed(&response).is_empty());
    }
    assert_eq!(endpoint.received().len(), 1);
    let party = world.store.party(&id("books")).await.unwrap().unwrap();
    assert_eq!(party.state_in(Environment::Prod), PartyState::Paused);
    let changed =
        PartyCommand::SetDelivery(Environment::Prod, Box::new(marketplace_core::delivery::DeliverySettings::Poll));
    world.change("books", changed).await;
    let event = rings(world.offered("books", false).await, "books");
    assert!(failed(&push::handle(&sqs(&[&event]), &deps).await).is_empty());
    assert_eq!(endpoint.received().len(), 1);
}

#[tokio::test]
async fn what_somebody_else_delivers_is_not_pushed_and_what_nobody_knows_fails() {
    let world = World::new().await;
    let endpoint = PartyServer::always(Reply::status(204)).await;
    let managed = json!({ "transport": "managed" });
    world.join("books", &pushed_to(&endpoint.url("/hook"), &managed)).await;
    let handed_over = rings(world.offered("books", true).await, "books");
    let strange = rings(DeliveryId([7; 26]), "books");
    let nobody = rings(DeliveryId([7; 26]), "nobody");
    let response = push::handle(&sqs(&[&handed_over, &strange, &nobody, "{}"]), &deps(&world)).await;
    assert_eq!(failed(&response), ["message-1", "message-2", "message-3"]);
    assert!(endpoint.received().is_empty());
}
