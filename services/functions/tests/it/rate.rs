//! A party's rate, kept by senders that share nothing but the table.

use std::collections::BTreeMap;

use jiff::Timestamp;
use marketplace_core::{lifecycle::OfferState, ports::Clock as _};
use serde_json::json;
use tests::{PartyServer, Reply};

use crate::{
    push::{deps, rings},
    queue::Queue,
    world::{World, push},
};

const PER_SECOND: f64 = 2.9;

/// What arrived at an endpoint and when, by the world's clock.
async fn arrivals(world: &World, endpoint: &PartyServer, events: Vec<String>) -> Vec<(Timestamp, String)> {
    let senders = [deps(world), deps(world)];
    let mut queue = Queue::new(world, events);
    let mut arrived = vec![];
    while queue.pass(&senders).await {
        let now = world.clock.now();
        let received = endpoint.received();
        arrived.extend(received[arrived.len()..].iter().map(|message| (now, message.delivery_id().to_owned())));
    }
    arrived
}

#[tokio::test]
async fn a_backlog_goes_out_in_its_order_and_at_the_partys_rate() {
    let world = World::new().await;
    // Every fifth message fails at its first attempt.
    let endpoint = PartyServer::start(|number, _| Reply::status(if number % 5 == 4 { 503 } else { 200 })).await;
    world.join("books", &push(&endpoint.url("/hook"), &json!({ "rate_limit_per_second": PER_SECOND }))).await;
    let (mut offers, mut events) = (vec![], vec![]);
    for _ in 0..100 {
        let delivery = world.offered("books", false).await;
        world.clock.pass_until(world.clock.now() + jiff::SignedDuration::from_millis(1));
        events.push(rings(delivery, "books"));
        offers.push(delivery);
    }
    let arrived = arrivals(&world, &endpoint, events).await;
    for offer in &offers {
        assert_eq!(world.offer(*offer).await.state, OfferState::Delivered);
    }
    assert_eq!(arrived.len(), 124, "each once, and a fifth of all attempts once more");

    // As long as there is a backlog: after the last message's first attempt, only retries are left to wait for.
    let newest = offers[offers.len() - 1].to_string();
    let last = arrived.iter().position(|(_, offer)| *offer == newest).expect("it arrived");
    let took = arrived[last].0.duration_since(arrived[0].0).as_secs_f64();
    let share = last as f64 / PER_SECOND / took;
    assert!((0.95..=1.05).contains(&share), "{share}");
    for (first, from) in arrived.iter().enumerate() {
        for (last, to) in arrived.iter().enumerate().skip(first) {
            let allowed = PER_SECOND * (to.0.duration_since(from.0).as_secs_f64() + 3.0) + 1.0;
            assert!((last - first + 1) as f64 <= allowed, "from {first} to {last}");
        }
    }
    let mut first: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for (at, offer) in &arrived {
        first.entry(offer.as_str()).or_insert(*at);
    }
    let ids: Vec<String> = offers.iter().map(ToString::to_string).collect();
    // Several senders get the first rings at the same time, and any of them the first turns.
    let later = ids.iter().map(|id| first[id.as_str()]).filter(|at| *at > arrived[0].0);
    assert!(later.is_sorted(), "oldest first");
}

#[tokio::test]
async fn who_is_within_the_rate_waits_for_nobody() {
    let world = World::new().await;
    let endpoint = PartyServer::always(Reply::status(204)).await;
    world.join("books", &push(&endpoint.url("/hook"), &json!({ "rate_limit_per_second": 10 }))).await;
    for _ in 0..3 {
        let mut events = vec![];
        for _ in 0..10 {
            events.push(rings(world.offered("books", false).await, "books"));
        }
        let before = endpoint.received().len();
        let arrived = arrivals(&world, &endpoint, events).await;
        assert_eq!((endpoint.received().len() - before, arrived.len() - before), (10, 10));
        assert!(arrived.iter().skip(before).all(|(at, _)| *at == world.clock.now()), "nobody was rung for again");
        world.clock.pass(1);
    }
}
