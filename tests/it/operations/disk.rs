//! A disk that takes no more: callers are told before anything is accepted, and all goes on when there is room again.

use serde_json::json;
use tests::{PartyServer, Reply, ServerProcess, eventually, market::delivery_of};
use tokio::sync::watch;

/// An endpoint that takes everything, once the gate is open.
async fn held_back(gate: &watch::Sender<bool>) -> PartyServer {
    let gate = gate.clone();
    PartyServer::start(move |_, _| Reply::status(200).once(&gate)).await
}

#[tokio::test]
async fn a_full_disk_is_a_503_and_nothing_is_lost() {
    let mut server = ServerProcess::start().await;
    let market = server.market();
    let user = market.register().await;
    let polling = market.join("polling").await;
    let (gate, _) = watch::channel(false);
    let endpoint = held_back(&gate).await;
    let pushed = market.join_pushed("pushed", &endpoint.url("/hook")).await;
    pushed.wants(json!({ "detail": { "category": ["before"] } })).await;
    polling.wants_everything().await;
    let mut before = Vec::new();
    for _ in 0..5 {
        before.push(user.place(json!({ "category": "before" })).await);
    }
    let view = market.routed(&before[0]).await;
    let delivery = delivery_of(&view, "polling");
    endpoint.wait_for(5).await;

    server.limit_files(Some(1));
    // What is under way when the disk fills up may still find room; then there is none.
    eventually("the disk is full", async || {
        let answer = user.api.post("/v1/requests", json!({ "category": "while full" })).await;
        (answer.status == 503).then_some(())
    })
    .await;
    for (caller, path, body) in [
        (&user.api, "/v1/requests".to_owned(), json!({ "category": "while full" })),
        (&user.api, format!("/v1/requests/{}/cancel", before[1]), json!({})),
        (&polling.api, format!("/v1/deliveries/{delivery}/status"), json!({ "status": "accepted" })),
        (&polling.api, "/v1/inbox/ack".to_owned(), json!({ "delivery_ids": [delivery] })),
        (&polling.api, "/v1/inbox/lease".to_owned(), json!({})),
        (
            &market.operator,
            "/v1/third-parties".to_owned(),
            json!({ "id": "new", "name": "New", "contact_email": "a@example.com" }),
        ),
    ] {
        let answer = caller.post(&path, body).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.text);
        answer.refused(503);
        assert!(answer.header("retry-after").is_some());
    }
    market.operator.get("/readyz").await.refused(503);
    // Nothing of that happened, and what is there can be read.
    assert_eq!(market.request(&before[0]).await["status"], "offered");
    assert_eq!(market.request(&before[1]).await["status"], "offered");
    let stored = user.api.get("/v1/requests?limit=100").await.must_be(200)["items"].as_array().unwrap().len();
    // What was on its way arrives, but nobody can write that down.
    gate.send_replace(true);

    server.limit_files(None);
    eventually("there is room again", async || {
        let answer = user.api.post("/v1/requests", json!({ "category": "after" })).await;
        (answer.status == 201).then_some(())
    })
    .await;
    market.operator.get("/readyz").await.must_be(200);
    for id in &before {
        market.until_offer(id, "pushed", "delivered").await;
    }
    let mut messages: Vec<_> = endpoint.received().iter().map(|message| message.webhook_id().to_owned()).collect();
    messages.sort();
    messages.dedup();
    assert_eq!(messages.len(), 5);
    polling.answer(&delivery, "accepted").await.must_be(200);
    let now = user.api.get("/v1/requests?limit=100").await.must_be(200)["items"].as_array().unwrap().len();
    assert_eq!(now, stored + 1, "what was refused is not there");
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log());
    server.spawn().await;
    assert_eq!(market.request(&before[0]).await["status"], "accepted");
}

#[tokio::test]
async fn a_gateway_whose_disk_is_full_still_stops_and_what_it_could_not_write_down_comes_again() {
    let mut server = ServerProcess::start().await;
    let market = server.market();
    let user = market.register().await;
    let (gate, _) = watch::channel(false);
    let endpoint = held_back(&gate).await;
    market.join_pushed("shop", &endpoint.url("/hook")).await;
    let id = user.place(json!({ "third_party": "shop" })).await;
    endpoint.wait_for(1).await;
    server.limit_files(Some(1));
    gate.send_replace(true);
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log());

    server.spawn().await;
    market.until_offer(&id, "shop", "delivered").await;
    let received = endpoint.received();
    assert!(received.len() >= 2, "it could not be known that it had arrived");
    assert!(received.iter().all(|message| message.webhook_id() == received[0].webhook_id()));
}
