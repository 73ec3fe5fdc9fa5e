//! The bus, to which others may have been given access: only what is a request does anything.

use serde_json::{Value, json};
use tests::{
    Stack,
    market::{offered_to, text},
};

#[tokio::test]
async fn nobody_forges_a_status_or_a_delivery() {
    let stack = Stack::start().await;
    let party = stack.join("shop").await;
    party.wants_everything().await;
    let user = stack.register().await;
    let id = user.place(json!({ "mode": "first-accept" })).await;
    let before = stack.routed(&id).await;
    let delivery = tests::market::delivery_of(&before, "shop");

    let entry = |source: &str, detail_type: &str, detail: Value| {
        json!({
            "Source": source, "DetailType": detail_type, "EventBusName": "marketplace", "Detail": detail.to_string(),
        })
    };
    let status = json!({ "request_id": id, "user_id": user.id, "3rdparty": "shop", "status": "accepted" });
    let stranger = json!({ "user_id": 7, "request_status": "new" });
    let sent = json!({ "3rdparty": "shop", "environment": "prod", "delivery_id": delivery });
    let put = async |entries: Value| {
        stack.services().json("events", "AWSEvents.PutEvents", &json!({ "Entries": entries })).await
    };
    let forged = json!([
        entry("com.marketplace.shop", "marketplace status update", status),
        entry("com.marketplace.market", "marketplace requests", stranger),
        entry("com.marketplace.shop", "marketplace requests", json!({ "user_id": "m", "request_status": "new" })),
        entry("com.marketplace.router", "marketplace delivery", sent),
    ]);
    assert_eq!(put(forged).await["FailedEntryCount"], 0);
    // What is put afterwards comes after whatever they could have done.
    let good = json!([entry(
        "com.marketplace.market",
        "marketplace requests",
        json!({
            "user_id": "ann", "request_status": "new", "anything": { "else": 1 },
        })
    )]);
    let put = put(good).await;
    let fence = format!("req_{}", text(&put["Entries"][0]["EventId"]));
    let view = tests::eventually("the request is taken in", async || {
        let answer = stack.operator.get(&format!("/v1/requests/{fence}")).await;
        (answer.status == 200 && answer.json()["status"] != "new").then(|| answer.json())
    })
    .await;
    assert_eq!(offered_to(&view), ["shop"]);
    assert_eq!(view["request"]["anything"], json!({ "else": 1 }));
    assert_eq!(stack.request(&id).await, before, "nothing has happened to it");
    assert_eq!(party.lease(json!({})).await.len(), 2, "both real requests, and nothing else");
}
