//! Third parties' contacts are told by e-mail of what concerns their safety and their deliveries, once for each.

use std::collections::BTreeMap;

use serde_json::json;
use tests::{PartyServer, Reply, eventually, market::text};

use crate::place::{TestGateway, in_both_modes};

/// The subjects of what was written to the party's contact, each with how often.
async fn subjects(market: &TestGateway) -> BTreeMap<String, usize> {
    let mut subjects = BTreeMap::new();
    for letter in market.mailbox.to("shop@example.com").await {
        assert_eq!(letter.channel, "email");
        *subjects.entry(letter.subject).or_default() += 1;
    }
    subjects
}

/// Waits until exactly these were written, once each.
async fn are_told(market: &TestGateway, expected: &[&str]) {
    let expected: BTreeMap<_, _> = expected.iter().map(|subject| ((*subject).to_owned(), 1)).collect();
    eventually(format!("the contact is told {expected:?}"), async || {
        (subjects(market).await == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_contact_is_told_of_keys_pauses_and_other_endpoints() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        party.wants_everything().await;
        party.takes_pushes(json!({ "url": "http://127.0.0.1:9/hook" })).await;
        let origin = "shop: messages in prod go elsewhere";
        are_told(&market, &[origin]).await;
        // The same server is no news, and neither are filters.
        party.takes_pushes(json!({ "url": "http://127.0.0.1:9/other", "max_age_hours": 2 })).await;
        party.wants_everything().await;

        let made = party.api.post("/v1/me/keys", json!({ "scope": "integrate" })).await.must_be(201);
        party.api.delete(&format!("/v1/me/keys/{}", text(&made["key_id"]))).await.must_be(204);
        for path in ["/v1/me/pause", "/v1/me/pause", "/v1/me/resume"] {
            party.api.post(path, json!({})).await.must_be(200);
        }
        let told = [origin, "shop: a new API key in prod", "shop: deliveries in prod are paused"];
        are_told(&market, &told).await;
        let key = text(&made["api_key"]);
        for letter in market.mailbox.to("shop@example.com").await {
            assert!(!letter.body.contains(&key) && letter.body.contains("shop"), "{}", letter.body);
        }
        let all = json!({ "state": "paused" });
        market.operator.patch("/v1/third-parties/shop", all).await.must_be(200);
        are_told(&market, &[origin, told[1], told[2], "shop: deliveries are paused"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_contact_is_told_that_its_endpoint_said_pause_me() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(410)).await;
        let party = market.join("shop").await;
        party.takes_pushes(json!({ "url": server.url("/hook"), "transport": "direct" })).await;
        let user = market.register().await;
        for _ in 0..3 {
            user.place(json!({ "third_party": "shop" })).await;
        }
        are_told(&market, &["shop: messages in prod go elsewhere", "shop: deliveries in prod are paused"]).await;
        let paused = market.mailbox.to("shop@example.com").await;
        let paused = paused.iter().find(|letter| letter.subject.contains("paused")).expect("the letter");
        assert!(paused.body.contains("410"), "{}", paused.body);
    })
    .await;
}
