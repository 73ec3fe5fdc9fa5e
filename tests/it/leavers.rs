//! Third parties that leave: no request waits for them.

use serde_json::json;
use tests::{
    PartyServer, Reply,
    market::{delivery_of, entries, offer_of},
};

use crate::place::in_both_modes;

#[tokio::test]
async fn what_waits_for_a_party_that_is_disabled_is_taken_back() {
    in_both_modes(async |market| {
        let (leaver, stayer) = (market.join("leaver").await, market.join("stayer").await);
        let in_test = market.key_for("leaver", "test").await;
        let user = market.register().await;
        let taken = user.place(json!({ "third_party": "leaver" })).await;
        let view = market.routed(&taken).await;
        leaver.answer(&delivery_of(&view, "leaver"), "accepted").await.must_be(200);
        let leased = user.place(json!({ "third_party": "leaver" })).await;
        assert_eq!(leaver.lease_some().await.len(), 1);
        for party in [&leaver, &stayer] {
            party.wants_everything().await;
        }
        let mut waiting = vec![leased];
        for _ in 0..3 {
            waiting.push(user.place(json!({})).await);
        }
        let trial = json!({ "third_party": "leaver", "environment": "test" });
        let trial = market.operator.post("/v1/requests", trial).await.must_be(201);
        let trial = trial["id"].as_str().unwrap().to_owned();
        for id in waiting.iter().chain([&trial]) {
            market.routed(id).await;
        }

        for _ in 0..2 {
            market.operator.delete("/v1/third-parties/leaver").await.must_be(204);
        }
        in_test.get("/v1/me").await.refused(401);
        for id in waiting.iter().chain([&trial]) {
            let view = market.until_offer(id, "leaver", "withdrawn").await;
            assert_eq!(entries(&view, "offer.withdrawn").len(), 1);
        }
        for id in [&waiting[0], &trial] {
            assert_eq!(market.until_status(id, "declined").await["status"], "declined", "nobody is left");
        }
        for id in &waiting[1..] {
            let view = market.request(id).await;
            assert_eq!(
                (&view["status"], &offer_of(&view, "stayer").unwrap()["status"]),
                (&json!("offered"), &json!("pending"))
            );
        }
        let view = market.request(&taken).await;
        assert_eq!(offer_of(&view, "leaver").unwrap()["status"], "accepted", "a promise stays");
    })
    .await;
}

#[tokio::test]
async fn dead_letters_of_a_party_that_is_disabled_are_taken_back() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::never_again()).await;
        market.join_refusing("leaver", &server, "/hook").await;
        let user = market.register().await;
        let id = user.place(json!({ "third_party": "leaver" })).await;
        market.until_offer(&id, "leaver", "failed").await;
        market.operator.patch("/v1/third-parties/leaver", json!({ "state": "disabled" })).await.must_be(200);
        market.until_offer(&id, "leaver", "withdrawn").await;
        let dead = market.operator.get("/v1/dead-letters?third_party=leaver").await.must_be(200);
        assert_eq!(dead["items"], json!([]));
    })
    .await;
}
