//! Third parties go live by passing: they are played a script in `test`, and what they do decides whether `prod` opens.

use std::collections::BTreeMap;

use event_schema::id::DeliveryId;
use marketplace_core::signing::{Signer, Signing, SigningKey};
use serde_json::{Value, json};
use tests::{Caller, PartyServer, Received, Reply, eventually, market::text};

use crate::place::{TestGateway, in_both_modes};

const PATH: &str = "/v1/me/certification";
const CONTACT: &str = "dev@shop.example";

/// Somebody signs up, follows the link and is let in; the key of `test`.
async fn joined(market: &TestGateway) -> Caller {
    let shop = json!({ "id": "shop", "name": "The Shop", "contact_email": CONTACT });
    market.anyone.post("/v1/third-parties/signup", shop).await.must_be(202);
    let token = market.mailbox.confirmation_token(CONTACT).await;
    let confirmed = market.anyone.post("/v1/third-parties/confirm", json!({ "token": token })).await.must_be(200);
    market.operator.post("/v1/third-parties/shop/approve", json!({})).await.must_be(200);
    market.anyone.with_key(&text(&confirmed["keys"][0]["api_key"]))
}

/// Has signed messages pushed to this server; what checks them.
async fn takes_signed_pushes(api: &Caller, server: &PartyServer) -> Signer {
    let settings = json!({
        "mode": "push", "url": server.url("/offers"), "transport": "direct", "signed": true, "auth": { "type": "none" },
    });
    let set = api.put("/v1/me/delivery", settings).await.must_be(200);
    let key = json!({
        "id": "sig", "signature": "v1", "created_at": "2026-01-01T00:00:00Z", "secret": set["signing_secret"],
    });
    let key: SigningKey = serde_json::from_value(key).expect("a key");
    Signer::new(&Signing::from(key)).expect("a secret")
}

fn is_genuine(message: &Received, signer: &Signer) -> bool {
    let header = |name| message.header(name).expect("every signed message has it");
    let seconds: i64 = header("webhook-timestamp").parse().expect("seconds");
    let at = jiff::Timestamp::from_second(seconds).expect("a time");
    let signature = signer.sign(header("webhook-id"), at, message.body.as_bytes());
    signature.as_deref() == message.header("webhook-signature")
}

/// Certifies whoever reacts so to each message; the report at the end.
async fn certified(api: &Caller, server: &PartyServer, mut react: impl AsyncFnMut(Received)) -> Value {
    let begun = api.post(PATH, json!({})).await.must_be(202);
    assert_eq!(begun["state"], "running");
    assert_eq!(api.post(PATH, json!({})).await.refused(409)["current_status"], "running");
    let mut seen = 0;
    eventually("the certification is over", async || {
        let received = server.received();
        for message in &received[seen..] {
            react(message.clone()).await;
        }
        seen = received.len();
        over(api).await
    })
    .await
}

async fn over(api: &Caller) -> Option<Value> {
    let report = api.get(PATH).await.must_be(200);
    (report["state"] != "running").then_some(report)
}

/// The results of the steps, by name.
fn results(report: &Value) -> BTreeMap<String, String> {
    let steps = report["steps"].as_array().expect("steps");
    steps.iter().map(|step| (text(&step["name"]), text(&step["result"]))).collect()
}

fn failed(report: &Value) -> Vec<String> {
    results(report).into_iter().filter(|(_, result)| result == "failed").map(|(name, _)| name).collect()
}

#[tokio::test]
async fn who_passes_goes_live() {
    in_both_modes(async |market| {
        let api = joined(&market).await;
        let server = PartyServer::always(Reply::status(503)).await;
        let signer = takes_signed_pushes(&api, &server).await;
        let checks = signer.clone();
        server.becomes(move |_, message| Reply::status(if is_genuine(message, &checks) { 204 } else { 401 }));
        let closed = api.post("/v1/me/keys", json!({ "environment": "prod" })).await.refused(409);
        assert_eq!(closed["current_status"], "closed");

        let mut known = vec![];
        let report = certified(&api, &server, async |message| {
            let is_new = !known.contains(&message.webhook_id().to_owned());
            if is_genuine(&message, &signer) && message.kind() == "offer.created" && is_new {
                known.push(message.webhook_id().to_owned());
                let path = format!("/v1/deliveries/{}/status", message.delivery_id());
                api.post(&path, json!({ "status": "accepted" })).await;
            }
        });
        let report = report.await;
        assert_eq!((&report["state"], failed(&report)), (&json!("passed"), vec![]), "{report:#}");
        assert!(results(&report).values().all(|result| result == "passed"), "{report:#}");
        eventually("the contact is told", async || {
            let letters = market.mailbox.to(CONTACT).await;
            letters.iter().any(|letter| letter.subject == "shop: certified").then_some(())
        })
        .await;

        // What was lost on its way is made again, until it is used.
        let first = |key: &Value| market.anyone.with_key(&text(&key["api_key"]));
        let lost = first(&api.post("/v1/me/keys", json!({ "environment": "prod" })).await.must_be(201));
        let prod = first(&api.post("/v1/me/keys", json!({ "environment": "prod" })).await.must_be(201));
        lost.get("/v1/me").await.refused(401);
        assert_eq!(prod.get("/v1/me").await.must_be(200)["environment"], "prod");
        let again = api.post("/v1/me/keys", json!({ "environment": "prod" })).await.refused(409);
        assert_eq!(again["current_status"], "has-key");

        prod.put("/v1/me/filter", json!({ "pattern": { "detail": { "category": ["books"] } } })).await.must_be(200);
        let user = market.register().await;
        let request = user.place(json!({ "category": "books" })).await;
        market.until_offer(&request, "shop", "pending").await;
    })
    .await;
}

#[tokio::test]
async fn what_was_not_shown_is_named_and_prod_stays_closed() {
    in_both_modes(async |market| {
        let api = joined(&market).await;
        // It takes whatever comes, as often as it comes, and does not take no for an answer.
        let server = PartyServer::always(Reply::status(200)).await;
        takes_signed_pushes(&api, &server).await;
        let report = certified(&api, &server, async |message| {
            if message.kind() == "offer.created" {
                let path = format!("/v1/deliveries/{}/status", message.delivery_id());
                for _ in 0..6 {
                    let answer = api.post(&path, json!({ "status": "accepted", "details": { "order": path } })).await;
                    if answer.status == 200 {
                        break;
                    }
                }
            }
        });
        let report = report.await;
        assert_eq!(report["state"], "failed");
        assert_eq!(failed(&report), ["bad-signature", "conflict", "duplicate", "retry"], "{report:#}");
        for step in report["steps"].as_array().expect("steps") {
            assert_eq!(step["result"] == "failed", step["reason"].is_string(), "{step:#}");
        }
        api.post("/v1/me/keys", json!({ "environment": "prod" })).await.refused(409);
        let view = market.operator.get("/v1/third-parties/shop").await.must_be(200);
        assert_eq!(view["environments"]["prod"]["open"], false);
        let delivery: DeliveryId = text(&report["steps"][4]["delivery_id"]).parse().expect("a delivery's id");
        let seen = api.get(&format!("/v1/requests/{}", delivery.request())).await.must_be(200);
        let refused = tests::market::entries(&seen, "answer.seen");
        assert!(refused.iter().any(|entry| entry["status_code"] == 409), "it can see what it did: {seen:#}");
    })
    .await;
}

#[tokio::test]
async fn who_polls_is_certified_by_its_inbox() {
    in_both_modes(async |market| {
        let api = joined(&market).await;
        api.post(PATH, json!({})).await.must_be(202);
        let mut known: Vec<String> = vec![];
        let report = eventually("the certification is over", async || {
            let leased = api.post("/v1/inbox/lease", json!({ "max": 100 })).await.must_be(200);
            for offer in leased["offers"].as_array().expect("offers") {
                let delivery = text(&offer["delivery_id"]);
                api.post("/v1/inbox/ack", json!({ "delivery_ids": [delivery] })).await.must_be(200);
                if offer["message"]["type"] == "offer.created" && !known.contains(&delivery) {
                    known.push(delivery.clone());
                    // Not what a status looks like, and then one.
                    let path = format!("/v1/deliveries/{delivery}/status");
                    api.post(&path, json!({ "status": "yes" })).await.refused(422);
                    api.post(&path, json!({ "status": "declined", "reason": "no stock" })).await;
                }
            }
            over(&api).await
        })
        .await;
        assert_eq!((&report["state"], failed(&report)), (&json!("passed"), vec![]), "{report:#}");
        assert_eq!(results(&report)["bad-signature"], "skipped");
        let again = api.post(PATH, json!({})).await.must_be(202);
        assert_ne!(again["certification_id"], report["certification_id"], "as often as it likes");
    })
    .await;
}

#[tokio::test]
async fn only_who_takes_part_in_test_is_certified() {
    in_both_modes(async |market| {
        let shop = market.join("shop").await;
        assert_eq!(shop.api.post(PATH, json!({})).await.refused(409)["current_status"], "prod");
        shop.api.get(PATH).await.refused(404);
        let test = market.key_for("shop", "test").await;
        test.get(PATH).await.refused(404);
        let settings = json!({ "mode": "push", "url": "http://127.0.0.1:9/hook", "auth": { "type": "none" } });
        test.put("/v1/me/delivery", settings).await.must_be(200);
        test.post("/v1/me/pause", json!({})).await.must_be(200);
        assert_eq!(test.post(PATH, json!({})).await.refused(409)["current_status"], "paused");
        let close = json!({ "open": false, "environment": "test" });
        market.operator.patch("/v1/third-parties/shop", close).await.must_be(200);
        assert_eq!(test.post(PATH, json!({})).await.refused(409)["current_status"], "closed");
        let integrate = test.post("/v1/me/keys", json!({ "scope": "integrate" })).await.must_be(201);
        market.anyone.with_key(&text(&integrate["api_key"])).post(PATH, json!({})).await.refused(403);
    })
    .await;
}
