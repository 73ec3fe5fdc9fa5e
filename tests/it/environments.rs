//! `prod`, `test` and `dev` are worlds apart: what happens in one is not seen in another (DESIGN section 4).

use serde_json::json;
use tests::{
    PartyServer, Reply,
    market::{delivery_of, offered_to, text},
};

use crate::place::in_both_modes;

#[tokio::test]
async fn a_request_stays_in_its_environment() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let prod = market.join_pushed("shop", &server.url("/prod")).await;
        prod.wants_everything().await;
        let in_test = market.key_for("shop", "test").await;
        let in_dev = market.key_for("shop", "dev").await;
        // Settings are each environment's own.
        let me = in_test.get("/v1/me").await.must_be(200);
        assert_eq!((&me["environment"], &me["delivery"]["mode"]), (&json!("test"), &json!("poll")));
        assert!(me["filter"].is_null());
        in_test.put("/v1/me/filter", json!({ "pattern": { "source": [{ "exists": true }] } })).await.must_be(200);

        let place = async |environment: &str| {
            let body = json!({ "environment": environment });
            text(&market.operator.post("/v1/requests", body).await.must_be(201)["id"])
        };
        let (tried, real) = (place("test").await, place("prod").await);
        market.until_status(&place("dev").await, "unmatched").await;
        market.until_offer(&real, "shop", "delivered").await;
        let view = market.routed(&tried).await;
        assert_eq!(offered_to(&view), ["shop"]);
        let delivery = delivery_of(&view, "shop");

        // The offer in `test` does not exist for keys of other environments.
        for stranger in [&prod.api, &in_dev] {
            stranger.get(&format!("/v1/requests/{tried}")).await.refused(404);
            let answer = json!({ "status": "accepted" });
            stranger.post(&format!("/v1/deliveries/{delivery}/status"), answer.clone()).await.refused(404);
            stranger.post(&format!("/v1/requests/{tried}/status"), answer).await.refused(404);
            let acknowledged = stranger.post("/v1/inbox/ack", json!({ "delivery_ids": [delivery] })).await.must_be(200);
            assert_eq!(acknowledged["results"][0]["result"], "unknown");
            assert_eq!(stranger.post("/v1/inbox/lease", json!({})).await.must_be(200)["offers"], json!([]));
        }
        let leased = in_test.post("/v1/inbox/lease", json!({})).await.must_be(200);
        let [offer] = &leased["offers"].as_array().unwrap()[..] else { panic!("one offer in test") };
        assert_eq!(offer["delivery_id"], delivery.as_str());
        assert_eq!(offer["message"]["data"]["environment"], "test");
        let own = in_test.get(&format!("/v1/requests/{tried}")).await.must_be(200);
        assert_eq!(offered_to(&own), ["shop"]);
        in_test.get(&format!("/v1/requests/{real}")).await.refused(404);

        let [pushed] = &server.received()[..] else { panic!("one push") };
        assert_eq!((pushed.path.as_str(), pushed.request_id()), ("/prod", real));
    })
    .await;
}

#[tokio::test]
async fn only_test_accounts_leave_prod() {
    in_both_modes(async |market| {
        let user = market.register().await;
        let wish = json!({ "environment": "test" });
        let refused = user.api.post("/v1/requests", wish.clone()).await;
        assert!(matches!(refused.status, 403 | 422), "{}", refused.text);
        let path = format!("/v1/users/{}", user.id);
        user.api.patch(&path, json!({ "test_account": true })).await.refused(403);
        market.operator.patch(&path, json!({ "test_account": true })).await.must_be(200);
        let id = user.place(wish.clone()).await;
        assert_eq!(user.request(&id).await["environment"], "test");
        market.operator.patch(&path, json!({ "test_account": false })).await.must_be(200);
        assert!(user.api.post("/v1/requests", wish).await.status >= 400);
    })
    .await;
}
