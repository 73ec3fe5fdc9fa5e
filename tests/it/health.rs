//! An endpoint that does not work: attempts stop, what comes is kept, and the party can do without its endpoint.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use marketplace_core::health::HealthRules;
use serde_json::{Value, json};
use tests::{
    PartyServer, Reply, eventually,
    market::{Party, delivery_of, entries, text},
};

use crate::place::{Setup, TestGateway, in_both_modes_with};

/// Half-open after a fifth of a second at first, and after one at most.
fn quick() -> Setup {
    Setup::default().health(HealthRules {
        first_wait: SignedDuration::from_millis(200),
        longest_wait: SignedDuration::from_secs(1),
        ..HealthRules::default()
    })
}

async fn join(market: &TestGateway, server: &PartyServer) -> Party {
    let party = market.join("shop").await;
    party.takes_pushes(json!({ "url": server.url("/hook"), "transport": "direct" })).await;
    party
}

async fn health(party: &Party) -> Value {
    party.api.get("/v1/me").await.must_be(200)["health"].clone()
}

async fn until_state(party: &Party, state: &str) -> Value {
    eventually(format!("its breaker is {state}"), async || {
        Some(health(party).await).filter(|health| health["state"] == state)
    })
    .await
}

#[tokio::test]
async fn an_outage_is_ridden_out_by_polling_and_nothing_is_lost_or_doubled() {
    in_both_modes_with(quick(), async |market| {
        let server = PartyServer::always(Reply::status(503)).await;
        let party = join(&market, &server).await;
        assert_eq!(health(&party).await, json!({ "state": "closed" }));
        let user = market.register().await;
        let mut ids = vec![];
        for _ in 0..12 {
            ids.push(user.place(json!({ "third_party": "shop" })).await);
        }
        let open = until_state(&party, "open").await;
        assert!(text(&open["failing_since"]) < text(&open["next_probe_at"]), "{open}");
        for _ in 0..3 {
            ids.push(user.place(json!({ "third_party": "shop" })).await);
        }

        // It fetches some of them; two it only takes in hand.
        let mut polled = vec![];
        while polled.len() < 6 {
            let most = 6 - polled.len();
            let offers = party.lease(json!({ "max": most, "lease_seconds": 3_600, "wait_seconds": 5 })).await;
            polled.extend(offers.iter().map(|offer| text(&offer["delivery_id"])));
        }
        assert_eq!(polled.iter().collect::<BTreeSet<_>>().len(), 6, "leased once each");
        for delivery in &polled[..4] {
            assert_eq!(party.acknowledge(delivery).await, "acknowledged");
        }
        server.becomes(|_, _| Reply::status(200));
        until_state(&party, "closed").await;
        let mut by_push = 0;
        for id in &ids {
            let delivery = delivery_of(&market.routed(id).await, "shop");
            if polled[4..].contains(&delivery) {
                assert_eq!(party.acknowledge(&delivery).await, "acknowledged", "its lease goes on");
            }
            let view = market.until_offer(id, "shop", "delivered").await;
            let [delivered] = &entries(&view, "message.delivered")[..] else { panic!("once: {view:#}") };
            let expected = if polled.contains(&delivery) { "inbox" } else { "push" };
            assert_eq!(delivered["via"], expected, "{delivered}");
            by_push += usize::from(expected == "push");
        }
        assert_eq!(by_push, ids.len() - polled.len());
        assert_eq!(health(&party).await, json!({ "state": "closed" }));
        assert!(party.lease(json!({})).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn attempts_stop_while_an_endpoint_is_broken_and_another_endpoint_gets_what_waits() {
    in_both_modes_with(quick(), async |market| {
        let broken = PartyServer::always(Reply::hang_up()).await;
        let party = join(&market, &broken).await;
        let user = market.register().await;
        let mut ids = vec![];
        for _ in 0..12 {
            ids.push(user.place(json!({ "third_party": "shop" })).await);
        }
        until_state(&party, "open").await;
        let late = user.place(json!({ "third_party": "shop" })).await;
        let view = market.routed(&late).await;
        assert_eq!(view["offers"][0]["status"], "pending");

        let works = PartyServer::always(Reply::status(200)).await;
        party.takes_pushes(json!({ "url": works.url("/hook"), "transport": "direct" })).await;
        for id in ids.iter().chain([&late]) {
            market.until_offer(id, "shop", "delivered").await;
        }
        assert_eq!(works.received().len(), 13, "once each");
        assert_eq!(health(&party).await, json!({ "state": "closed" }));
        let poll = json!({ "mode": "poll" });
        party.api.put("/v1/me/delivery", poll).await.must_be(200);
        assert_eq!(health(&party).await, Value::Null, "there is nothing to say of who polls");
    })
    .await;
}

#[tokio::test]
async fn who_has_nothing_but_failures_is_warned_by_mail_and_paused_and_gets_everything_once_resumed() {
    let rules = HealthRules {
        first_wait: SignedDuration::from_millis(200),
        longest_wait: SignedDuration::from_millis(400),
        warn_after: SignedDuration::from_secs(1),
        pause_after: SignedDuration::from_secs(8),
        ..HealthRules::default()
    };
    in_both_modes_with(Setup::default().health(rules), async |market| {
        let server = PartyServer::always(Reply::status(500)).await;
        let party = join(&market, &server).await;
        let user = market.register().await;
        let mut ids = vec![];
        for _ in 0..10 {
            ids.push(user.place(json!({ "third_party": "shop" })).await);
        }
        let paused = async || {
            let me = party.api.get("/v1/me").await.must_be(200);
            (me["state"] == "paused").then_some(())
        };
        eventually("it is paused", paused).await;
        // It was also told that messages go to an endpoint of its choice.
        let told = async || {
            let letters = market.mailbox.to("shop@example.com").await.into_iter();
            letters.filter(|letter| !letter.subject.contains("go elsewhere")).collect::<Vec<_>>()
        };
        let letters = eventually("its contact knows", async || {
            let letters = told().await;
            letters.iter().any(|letter| letter.subject.contains("are paused")).then_some(letters)
        })
        .await;
        let subjects: BTreeSet<_> = letters.iter().map(|letter| letter.subject.as_str()).collect();
        let expected = [
            "shop: deliveries in prod are paused",
            "shop: the endpoint in prod does not work",
            "shop: the endpoint in prod still does not work",
        ];
        assert_eq!(subjects, expected.into(), "{letters:#?}");
        assert_eq!(letters.len(), 3, "once for each level");
        let seen = market.operator.get("/v1/third-parties/shop").await.must_be(200);
        let why = text(&seen["environments"]["prod"]["paused"]);
        assert!(why.starts_with("nothing but failures since"), "{why}");

        ids.push(user.place(json!({ "third_party": "shop" })).await);
        market.routed(&ids[10]).await;
        server.becomes(|_, _| Reply::status(200));
        let resume = json!({ "state": "active", "environment": "prod" });
        market.operator.patch("/v1/third-parties/shop", resume).await.must_be(200);
        for id in &ids {
            let view = market.until_offer(id, "shop", "delivered").await;
            assert_eq!(entries(&view, "message.delivered").len(), 1);
        }
        assert_eq!(health(&party).await, json!({ "state": "closed" }));
        assert_eq!(told().await.len(), 3);
    })
    .await;
}
