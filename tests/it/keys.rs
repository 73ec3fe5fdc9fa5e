//! API keys from a party's own hands: made, used, listed, gone over to, and taken away (DESIGN section 6).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{Caller, clock, eventually, market::text};

use crate::place::{TestGateway, in_both_modes};

const KEYS: &str = "/v1/me/keys";

async fn made(market: &TestGateway, by: &Caller, wish: Value) -> (Caller, Value) {
    let made = by.post(KEYS, wish).await.must_be(201);
    (market.anyone.with_key(&text(&made["api_key"])), made)
}

async fn listed(by: &Caller) -> Vec<Value> {
    by.get(KEYS).await.must_be(200)["items"].as_array().expect("keys").clone()
}

#[tokio::test]
async fn a_party_goes_over_to_a_new_key_and_takes_the_old_one_away() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let first = listed(&party.api).await;
        assert_eq!(first.len(), 1);
        assert_eq!((&first[0]["environment"], &first[0]["scope"]), (&json!("prod"), &json!("manage")));
        let old = format!("{KEYS}/{}", text(&first[0]["key_id"]));
        assert_eq!(party.api.delete(&old).await.refused(409)["current_status"], "last-key");

        let (api, new) = made(&market, &party.api, json!({ "name": "After the leak" })).await;
        for caller in [&party.api, &api] {
            caller.get("/v1/me").await.must_be(200);
        }
        let names: Vec<_> = listed(&api).await.iter().map(|key| key["name"].clone()).collect();
        assert_eq!(names, [json!("After the leak"), Value::Null], "newest first");
        api.delete(&old).await.must_be(204);
        party.api.get("/v1/me").await.refused(401);
        assert_eq!(api.delete(&old).await.refused(404)["status"], 404);
        assert_eq!(listed(&api).await.len(), 1);

        // The key is shown once, and kept as a hash.
        let secret = text(&new["api_key"]);
        assert!(secret.starts_with(&text(&new["prefix"])));
        let operators = market.operator.get("/v1/third-parties/shop/keys").await;
        assert_eq!(operators.must_be(200)["items"][0]["key_id"], new["key_id"]);
        assert!(!operators.text.contains(&secret) && !api.get(KEYS).await.text.contains(&secret));
        let (stored, digits) = (market.stored_bytes().await, secret.rsplit('_').next().unwrap().as_bytes().to_vec());
        assert!(!stored.windows(digits.len()).any(|window| window == digits));
    })
    .await;
}

#[tokio::test]
async fn a_key_that_integrates_takes_offers_and_changes_no_setting() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let (machine, made) = made(&market, &party.api, json!({ "scope": "integrate", "name": "Order desk" })).await;
        let user = market.register().await;
        let id = user.place(json!({ "third_party": "shop" })).await;
        let offer = eventually("the machine leases the offer", async || {
            let leased = machine.post("/v1/inbox/lease", json!({ "wait_seconds": 1 })).await.must_be(200);
            leased["offers"].get(0).cloned()
        })
        .await;
        let delivery = text(&offer["delivery_id"]);
        machine.post("/v1/inbox/ack", json!({ "delivery_ids": [delivery] })).await.must_be(200);
        let status = json!({ "status": "accepted" });
        machine.post(&format!("/v1/deliveries/{delivery}/status"), status).await.must_be(200);
        machine.get(&format!("/v1/requests/{id}")).await.must_be(200);
        machine.get("/v1/me").await.must_be(200);

        let own = format!("{KEYS}/{}", text(&made["key_id"]));
        for refused in [
            machine.put("/v1/me/filter", json!({ "pattern": null })).await,
            machine.put("/v1/me/delivery", json!({ "mode": "poll" })).await,
            machine.post("/v1/me/delivery/rotate-secret", json!({})).await,
            machine.post("/v1/me/delivery/test", json!({})).await,
            machine.post("/v1/me/filter/test", json!({ "pattern": {} })).await,
            machine.get(KEYS).await,
            machine.post(KEYS, json!({})).await,
            machine.delete(&own).await,
        ] {
            assert!(text(&refused.refused(403)["detail"]).contains("manage"), "{}", refused.text);
        }
        party.api.delete(&own).await.must_be(204);
        machine.get("/v1/me").await.refused(401);
    })
    .await;
}

#[tokio::test]
async fn a_key_opens_nothing_from_the_moment_in_which_it_expires() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let now = Timestamp::try_from(clock::now()).unwrap();
        let soon = now.saturating_add(SignedDuration::from_secs(5)).unwrap();
        let (brief, made) = made(&market, &party.api, json!({ "expires_at": soon })).await;
        brief.get("/v1/me").await.must_be(200);
        let refused = eventually("the key has expired", async || {
            let answer = brief.get("/v1/me").await;
            (answer.status != 200).then_some(answer)
        });
        let refused = refused.await;
        assert!(Timestamp::try_from(clock::now()).unwrap() >= soon);
        assert!(text(&refused.refused(401)["detail"]).contains("expired"));
        // It is listed until somebody takes it away.
        assert_eq!(listed(&party.api).await[0]["key_id"], made["key_id"]);
        party.api.delete(&format!("{KEYS}/{}", text(&made["key_id"]))).await.must_be(204);
        let past = json!({ "expires_at": "2020-01-01T00:00:00Z" });
        party.api.post(KEYS, past).await.refused(422);
    })
    .await;
}

#[tokio::test]
async fn a_list_says_when_a_key_was_used_last() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let (machine, made) = made(&market, &party.api, json!({ "scope": "integrate" })).await;
        assert_eq!(made["last_used_at"], Value::Null);
        assert_eq!(listed(&party.api).await[0]["last_used_at"], Value::Null);
        let before = Timestamp::try_from(clock::now()).unwrap();
        machine.get("/v1/me").await.must_be(200);
        let used: Timestamp = eventually("the use is seen", async || {
            listed(&party.api).await[0]["last_used_at"].as_str().map(|at| at.parse().unwrap())
        })
        .await;
        assert!(used >= before.saturating_sub(SignedDuration::from_secs(1)).unwrap(), "{used}");
        machine.get("/v1/me").await.must_be(200);
        assert_eq!(listed(&party.api).await[0]["last_used_at"], json!(used), "to the hour");
    })
    .await;
}

#[tokio::test]
async fn keys_are_made_for_ones_own_environment_only() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let keys = "/v1/third-parties/shop/keys";
        let wish = json!({ "environment": "test", "scope": "manage", "name": "Tests" });
        let key = market.operator.post(keys, wish).await.must_be(201);
        let in_test = market.anyone.with_key(&text(&key["api_key"]));
        party.api.post(KEYS, json!({ "environment": "test" })).await.refused(422);
        let (second, made) = made(&market, &in_test, json!({ "environment": "test" })).await;
        assert_eq!(second.get("/v1/me").await.must_be(200)["environment"], "test");
        // Each environment sees and takes away its own.
        let in_prod = listed(&party.api).await;
        assert_eq!((in_prod.len(), listed(&in_test).await.len()), (1, 2));
        second.delete(&format!("{KEYS}/{}", text(&in_prod[0]["key_id"]))).await.refused(404);
        party.api.delete(&format!("{KEYS}/{}", text(&made["key_id"]))).await.refused(404);
        let all = market.operator.get(&format!("{keys}?limit=2")).await.must_be(200);
        let rest = format!("{keys}?limit=2&cursor={}", text(&all["next_cursor"]));
        let rest = market.operator.get(&rest).await.must_be(200);
        assert_eq!(
            (rest["items"][0]["key_id"].clone(), &rest["next_cursor"]),
            (in_prod[0]["key_id"].clone(), &Value::Null)
        );
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_asked_for_twice_is_made_once() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let wish = json!({ "name": "Once" });
        let first = party.api.post_once("k", KEYS, &wish).await.must_be(201);
        let again = party.api.post_once("k", KEYS, &wish).await.must_be(201);
        assert!(first["api_key"].is_string() && again.get("api_key").is_none());
        assert_eq!(first["key_id"], again["key_id"]);
        assert_eq!(listed(&party.api).await.len(), 2);
    })
    .await;
}
