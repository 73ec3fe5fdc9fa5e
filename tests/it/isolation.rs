//! One slow or broken third party delays no other (DESIGN section 4, invariant 6).

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use tests::{ClosedDoor, PartyServer, Reply, in_both_modes, market::offer_of};

/// How long the slow party takes; a push may take 5 s.
const SLOW: Duration = Duration::from_millis(4_900);

#[tokio::test]
async fn a_party_that_answers_in_almost_five_seconds_delays_no_other() {
    in_both_modes(async |market| {
        let server = PartyServer::start(|_, message| {
            Reply::status(200).after(if message.path == "/slow" { SLOW } else { Duration::ZERO })
        })
        .await;
        let (market, server) = (&market, &server);
        let mut names: Vec<_> = (0..50).map(|number| format!("prompt-{number:02}")).collect();
        names.push("slow".to_owned());
        join_all(names.iter().map(async |name| {
            market.join_pushed(name, &server.url(&format!("/{name}"))).await.wants_everything().await;
        }))
        .await;
        let user = market.register().await;

        let began = Instant::now();
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(user.place(json!({ "category": "books" })).await);
        }
        let others_have_it = |view: &Value| {
            let offers = view["offers"].as_array().unwrap();
            let delivered = |offer: &&Value| offer["third_party"] != "slow" && offer["status"] == "delivered";
            offers.iter().filter(delivered).count() == 50
        };
        for id in &ids {
            let view = market.until(id, "delivered to the 50 others", others_have_it).await;
            // The slow one holds its first answer back for as long as all the others together may take.
            assert_eq!(offer_of(&view, "slow").unwrap()["status"], "pending", "after {:?}", began.elapsed());
        }
        for id in &ids {
            let view = market.until_offer(id, "slow", "delivered").await;
            let attempts = offer_of(&view, "slow").unwrap()["attempts"].as_array().unwrap();
            let last = attempts.last().unwrap();
            assert_eq!(last["outcome"], "delivered");
            assert!(last["latency_ms"].as_f64().unwrap() >= 4_900.0, "{last}");
        }
    })
    .await;
}

#[tokio::test]
async fn parties_that_fail_in_every_way_delay_no_other() {
    in_both_modes(async |market| {
        let server = PartyServer::start(|_, message| match message.path.as_str() {
            "/silent" => Reply::silence(),
            "/broken" => Reply::hang_up(),
            "/failing" => Reply::status(500),
            _ => Reply::status(200),
        })
        .await;
        let door = ClosedDoor::new();
        for name in ["silent", "broken", "failing", "prompt"] {
            market.join_pushed(name, &server.url(&format!("/{name}"))).await.wants_everything().await;
        }
        market.join_pushed("down", &door.url("/down")).await.wants_everything().await;
        let user = market.register().await;
        let mut ids = Vec::new();
        // More than are pushed to one party at a time.
        for _ in 0..80 {
            ids.push(user.place(json!({})).await);
        }
        for id in &ids {
            market.until_offer(id, "prompt", "delivered").await;
        }
        assert_eq!(server.received_at("/prompt").len(), 80);
        for id in &ids {
            let view = market.request(id).await;
            for broken in ["silent", "broken", "failing", "down"] {
                assert_eq!(offer_of(&view, broken).unwrap()["status"], "pending", "{broken} is not given up");
            }
        }
    })
    .await;
}
