//! A change, its events and the answer that is kept for its repeats are one commit: when it fails, nothing was done,
//! nobody heard of it, and the caller is told (DESIGN section 4, invariants 1 to 3).

use serde_json::{Value, json};
use tests::{Answer, PartyServer, Reply, TestGateway, eventually, market::delivery_of};

use crate::sabotage::{Moment, Sabotage};

fn failed(answer: &Answer) {
    assert_eq!(answer.status, 500, "{}", answer.text);
}

fn count(list: &Value) -> usize {
    list["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_change_whose_event_is_not_written_is_not_made() {
    for moment in [Moment::AtTheRow, Moment::AtTheCommit] {
        let market = TestGateway::start().await;
        let (shop, user) = (market.join("shop").await, market.register().await);
        let id = user.place(json!({ "third_party": "shop" })).await;
        let before = market.routed(&id).await;
        let delivery = delivery_of(&before, "shop");
        let taken = user.place(json!({ "third_party": "shop" })).await;
        let accepted = delivery_of(&market.routed(&taken).await, "shop");
        shop.answer(&accepted, "accepted").await.must_be(200);
        let taken_before = market.request(&taken).await;

        let sabotage = Sabotage::of(market.data_dir(), "journal", moment);
        let newcomer = json!({ "id": "newcomer", "name": "New", "contact_email": "new@example.com" });
        for (caller, path, body) in [
            (&user.api, "/v1/requests".to_owned(), json!({})),
            (&user.api, format!("/v1/requests/{id}/cancel"), json!({})),
            (&shop.api, format!("/v1/deliveries/{delivery}/status"), json!({ "status": "accepted" })),
            (&shop.api, format!("/v1/deliveries/{accepted}/release"), json!({ "reason": "rain" })),
            (&shop.api, "/v1/inbox/ack".to_owned(), json!({ "delivery_ids": [delivery] })),
            (&market.operator, "/v1/third-parties".to_owned(), newcomer),
        ] {
            failed(&caller.post(&path, body).await);
        }
        let everything = json!({ "pattern": { "source": ["com.marketplace.market"] } });
        failed(&shop.api.put("/v1/me/filter", everything).await);
        assert_eq!(market.request(&id).await, before, "{moment:?}");
        assert_eq!(market.request(&taken).await, taken_before, "{moment:?}");
        assert_eq!(count(&user.api.get("/v1/requests").await.must_be(200)), 2, "{moment:?}");
        assert_eq!(count(&market.operator.get("/v1/third-parties").await.must_be(200)), 1, "{moment:?}");

        // The filter that was refused is not in force, and the refused request is not in the way of the next.
        sabotage.mend();
        let unseen = user.place(json!({})).await;
        assert_eq!(market.routed(&unseen).await["status"], "unmatched", "{moment:?}");
        shop.answer(&delivery, "accepted").await.must_be(200);
    }
}

#[tokio::test]
async fn an_end_whose_event_is_not_written_comes_when_it_can_be() {
    let market = TestGateway::start().await;
    let shop = market.join("shop").await;
    let clock = json!({ "acceptance": [{ "expire_after_seconds": 3 }] });
    market.operator.patch("/v1/third-parties/shop", clock).await.must_be(200);
    let user = market.register().await;
    let id = user.place(json!({ "third_party": "shop" })).await;
    let before = market.routed(&id).await;
    let delivery = delivery_of(&before, "shop");
    let sabotage = Sabotage::of(market.data_dir(), "journal", Moment::AtTheCommit);
    // Who is late is refused by what is stored, whether or not the end could be written.
    eventually("its time is over", async || {
        let late = shop.answer(&delivery, "in-progress").await;
        (late.status == 409).then(|| assert_eq!(late.refused(409)["current_status"], "expired"))
    })
    .await;
    assert_eq!(market.request(&id).await, before);
    sabotage.mend();
    market.until_status(&id, "expired").await;
}

#[tokio::test]
async fn a_push_whose_commit_fails_is_not_made() {
    for moment in [Moment::AtTheRow, Moment::AtTheCommit] {
        let market = TestGateway::start().await;
        let endpoint = PartyServer::always(Reply::status(404)).await;
        market.join_pushed("shop", &endpoint.url("/hook")).await;
        let user = market.register().await;
        let dead = user.place(json!({ "third_party": "shop" })).await;
        market.until_offer(&dead, "shop", "failed").await;
        endpoint.becomes(|_, _| Reply::status(200));

        let sabotage = Sabotage::of(market.data_dir(), "journal", moment);
        failed(&market.operator.post("/v1/dead-letters/replay", json!({ "third_party": "shop" })).await);
        sabotage.mend();
        // What is placed now is pushed after whatever the replay had brought about.
        let next = user.place(json!({ "third_party": "shop" })).await;
        market.until_offer(&next, "shop", "delivered").await;
        let told: Vec<_> = endpoint.received().iter().map(tests::Received::request_id).collect();
        assert_eq!(told, [dead, next], "{moment:?}");
    }
}

#[tokio::test]
async fn a_change_whose_answer_is_not_kept_is_not_made() {
    for moment in [Moment::AtTheRow, Moment::AtTheCommit] {
        let market = TestGateway::start().await;
        let (shop, user) = (market.join("shop").await, market.register().await);
        let id = user.place(json!({ "third_party": "shop" })).await;
        let before = market.routed(&id).await;
        let status = format!("/v1/deliveries/{}/status", delivery_of(&before, "shop"));
        let accepted = json!({ "status": "accepted" });
        let newcomer = json!({ "id": "newcomer", "name": "New", "contact_email": "new@example.com" });

        let sabotage = Sabotage::of(market.data_dir(), "idempotency", moment);
        failed(&user.api.post_once("k", "/v1/requests", &json!({})).await);
        failed(&shop.api.post_once("k", &status, &accepted).await);
        failed(&market.operator.post_once("k", "/v1/third-parties", &newcomer).await);
        assert_eq!(market.request(&id).await, before, "{moment:?}");
        assert_eq!(count(&user.api.get("/v1/requests").await.must_be(200)), 1, "{moment:?}");

        // Sent again, as the caller of a call that failed does, it is done: once.
        sabotage.mend();
        let first = user.api.post_once("k", "/v1/requests", &json!({})).await.must_be(201);
        assert_eq!(user.api.post_once("k", "/v1/requests", &json!({})).await.must_be(201), first);
        assert_eq!(count(&user.api.get("/v1/requests").await.must_be(200)), 2, "{moment:?}");
        shop.api.post_once("k", &status, &accepted).await.must_be(200);
        market.operator.post_once("k", "/v1/third-parties", &newcomer).await.must_be(201);
    }
}
