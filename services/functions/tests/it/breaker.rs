//! An endpoint that does not work, and senders that share nothing but the table.

use event_schema::id::{DeliveryId, Environment};
use jiff::SignedDuration;
use marketplace_core::{
    health::{HealthState, HealthView},
    lifecycle::OfferState,
    ports::{Clock as _, EndpointHealth as _},
};
use serde_json::json;
use tests::{PartyServer, Reply};

use crate::{
    push::{deps, rings},
    queue::Queue,
    world::{World, id, push},
};

async fn health(world: &World) -> HealthView {
    world.store.health(&id("books"), Environment::Prod).await.unwrap().view()
}

/// An offer, and the event that rings for it.
async fn offered(world: &World) -> (DeliveryId, String) {
    world.clock.pass_until(world.clock.now() + SignedDuration::from_millis(1));
    let delivery = world.offered("books", false).await;
    (delivery, rings(delivery, "books"))
}

#[tokio::test]
async fn what_waits_for_an_endpoint_is_kept_and_goes_out_oldest_first() {
    let world = World::new().await;
    let endpoint = PartyServer::always(Reply::status(500)).await;
    world.join("books", &push(&endpoint.url("/hook"), &json!({ "rate_limit_per_second": 5 }))).await;
    let senders = [deps(&world), deps(&world)];
    let mut queue = Queue::new(&world, []);
    assert_eq!(health(&world).await.state, HealthState::Closed);
    let mut offers = vec![];
    for _ in 0..10 {
        let (delivery, event) = offered(&world).await;
        queue.add(event);
        offers.push(delivery);
        world.clock.pass(1);
    }
    while health(&world).await.state == HealthState::Closed {
        assert!(queue.pass(&senders).await);
    }
    let opened = health(&world).await;
    assert!(opened.failing_since.unwrap() < opened.next_probe_at.unwrap());
    let tried = endpoint.received().len();
    assert!((10..=15).contains(&tried), "{tried}: it opens with the tenth failure");

    // More comes, and nothing is tried but one message at a time, further and further apart.
    for _ in 0..20 {
        let (delivery, event) = offered(&world).await;
        queue.add(event);
        offers.push(delivery);
    }
    let since = world.clock.now();
    while world.clock.now().duration_since(since) < SignedDuration::from_mins(10) {
        assert!(queue.pass(&senders).await, "somebody always comes back");
    }
    let probes = endpoint.received().len() - tried;
    assert!((6..=8).contains(&probes), "{probes}: after 5, 10, 20, 40, 80, 160 and 300 seconds");
    for late in &offers[10..] {
        let offer = world.offer(*late).await;
        assert_eq!((offer.state, offer.attempts), (OfferState::Pending, 0));
    }
    let mut used_up = 0;
    for offer in &offers {
        used_up += world.offer(*offer).await.message.unwrap().attempts as usize;
    }
    assert!(used_up < tried, "{used_up} of {tried}: probes use up no attempts");

    endpoint.becomes(|_, _| Reply::status(204));
    let before = endpoint.received().len();
    let mut recovered = None;
    while queue.pass(&senders).await {
        if endpoint.received().len() > before {
            recovered.get_or_insert(world.clock.now());
        }
    }
    for offer in &offers {
        assert_eq!(world.offer(*offer).await.state, OfferState::Delivered);
    }
    assert_eq!(
        health(&world).await,
        HealthView { state: HealthState::Closed, failing_since: None, next_probe_at: None }
    );
    let arrived: Vec<_> = endpoint.received()[before..].iter().map(tests::Received::delivery_id).collect();
    assert_eq!(arrived.len(), offers.len(), "each once");
    let place = |offer: &DeliveryId| arrived.iter().position(|arrived| *arrived == offer.to_string()).unwrap();
    let places: Vec<_> = offers[10..].iter().map(place).collect();
    // Those of one turn of the lead are side by side.
    let in_order = |(number, place): (usize, &usize)| places[..number].iter().all(|earlier| *earlier < place + 10);
    assert!(places.iter().enumerate().all(in_order), "oldest first: {places:?}");
    let took = world.clock.now().duration_since(recovered.unwrap());
    assert!(took >= SignedDuration::from_secs(3), "thirty at five a second: {took:?}");
}

#[tokio::test]
async fn a_probe_whose_sender_dies_is_made_again() {
    let world = World::new().await;
    let endpoint = PartyServer::always(Reply::status(500)).await;
    world.join("books", &push(&endpoint.url("/hook"), &json!({}))).await;
    let senders = [deps(&world)];
    let mut queue = Queue::new(&world, []);
    for _ in 0..10 {
        queue.add(offered(&world).await.1);
    }
    while health(&world).await.state == HealthState::Closed {
        assert!(queue.pass(&senders).await);
    }
    // Every ring is lost, and the sweeper rings, as it does every minute for what is overdue.
    queue.lose();
    endpoint.becomes(|_, _| Reply::status(204));
    world.clock.pass(120);
    queue.add(r#"{"third_party": "books", "environment": "prod"}"#.to_owned());
    while queue.pass(&senders).await {}
    assert_eq!(health(&world).await.state, HealthState::Closed);
    assert_eq!(endpoint.received().len(), 20);
}
