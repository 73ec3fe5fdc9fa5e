//! Pushes stop and go on at a party's own word, and environments are opened and closed by an operator.

use serde_json::json;
use tests::{
    PartyServer, Reply,
    market::{offer_of, offered_to, text},
};

use crate::place::in_both_modes;

#[tokio::test]
async fn a_party_pauses_itself_and_gets_what_waited_when_it_resumes() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let party = market.join_pushed("shop", &server.url("/hook")).await;
        let reason = json!({ "reason": "Stocktaking" });
        for _ in 0..2 {
            let me = party.api.post("/v1/me/pause", reason.clone()).await.must_be(200);
            assert_eq!((&me["state"], &me["paused"]), (&json!("paused"), &json!("party: Stocktaking")));
        }
        let user = market.register().await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(user.place(json!({ "third_party": "shop" })).await);
        }
        for id in &ids {
            assert_eq!(offer_of(&market.routed(id).await, "shop").unwrap()["status"], "pending");
        }
        // Somebody else's delivery comes after whatever could have been pushed to it.
        market.join_pushed("other", &server.url("/other")).await;
        let fence = user.place(json!({ "third_party": "other" })).await;
        market.until_offer(&fence, "other", "delivered").await;
        assert_eq!(server.received_at("/hook").len(), 0);

        for _ in 0..2 {
            let me = party.api.post("/v1/me/resume", json!({})).await.must_be(200);
            assert_eq!((&me["state"], me.get("paused")), (&json!("active"), None));
        }
        for id in &ids {
            market.until_offer(id, "shop", "delivered").await;
        }
        assert_eq!(server.received_at("/hook").len(), 3);
        party.api.post("/v1/me/pause", json!({ "reason": "" })).await.refused(422);
    })
    .await;
}

#[tokio::test]
async fn what_an_operator_paused_only_an_operator_resumes() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let path = "/v1/third-parties/shop";
        let state = |state: &str| json!({ "state": state, "environment": "prod" });
        market.operator.patch(path, state("paused")).await.must_be(200);
        assert_eq!(party.api.post("/v1/me/resume", json!({})).await.refused(409)["current_status"], "paused");
        assert_eq!(party.api.get("/v1/me").await.must_be(200)["state"], "paused");
        market.operator.patch(path, state("active")).await.must_be(200);
        assert_eq!(party.api.get("/v1/me").await.must_be(200)["state"], "active");
        // One environment's pause is none of the others'.
        let key = market.operator.post(&format!("{path}/keys"), json!({ "environment": "test" })).await.must_be(201);
        let in_test = market.anyone.with_key(&text(&key["api_key"]));
        in_test.post("/v1/me/pause", json!({})).await.must_be(200);
        assert_eq!(party.api.get("/v1/me").await.must_be(200)["state"], "active");
        assert_eq!(in_test.get("/v1/me").await.must_be(200)["paused"], "party");
    })
    .await;
}

#[tokio::test]
async fn a_closed_environment_is_offered_nothing_and_its_key_still_changes_settings() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        party.wants_everything().await;
        let path = "/v1/third-parties/shop";
        let open = |open: bool| json!({ "open": open, "environment": "prod" });
        let closed = market.operator.patch(path, open(false)).await.must_be(200);
        assert_eq!(closed["environments"]["prod"]["open"], false);
        assert_eq!(closed["environments"]["test"]["open"], true);
        assert_eq!(party.api.get("/v1/me").await.must_be(200)["open"], false);
        party.wants_everything().await;
        assert!(party.lease(json!({})).await.is_empty());

        let user = market.register().await;
        for wish in [json!({}), json!({ "third_party": "shop" })] {
            let id = user.place(wish).await;
            market.until_status(&id, "unmatched").await;
        }
        market.operator.patch(path, open(true)).await.must_be(200);
        let id = user.place(json!({})).await;
        assert_eq!(offered_to(&market.routed(&id).await), ["shop"]);
        market.operator.patch(path, json!({ "open": false })).await.refused(422);
    })
    .await;
}
