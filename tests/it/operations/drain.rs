//! SIGTERM: nothing new is taken, what is under way is finished, and nothing is lost.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tests::{Answer, PartyServer, Reply, ServerProcess, User, eventually, market::text};

/// Places requests until the server takes no more; answers those that were accepted.
async fn place_until_refused(user: &User) -> Vec<String> {
    let mut accepted = Vec::new();
    let body = json!({ "third_party": "prompt" });
    loop {
        let request = user.api.request(reqwest::Method::POST, "/v1/requests").json(&body);
        match Answer::try_to(request).await {
            Ok(answer) if answer.status == 201 => accepted.push(text(&answer.json()["id"])),
            Ok(answer) => {
                answer.refused(503);
                return accepted;
            }
            Err(_) => return accepted,
        }
    }
}

#[tokio::test]
async fn sigterm_finishes_what_is_under_way_and_loses_nothing() {
    let mut server = ServerProcess::start().await;
    let market = server.market();
    let endpoint = PartyServer::start(|_, message| match message.path.as_str() {
        "/slow" => Reply::status(200).after(Duration::from_secs(2)),
        _ => Reply::status(200),
    })
    .await;
    market.join_pushed("slow", &endpoint.url("/slow")).await;
    market.join_pushed("prompt", &endpoint.url("/prompt")).await;
    let polling = market.join("polling").await;
    let user = market.register().await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(user.place(json!({ "third_party": "slow" })).await);
    }
    eventually("the slow party has all of them in its hands", async || {
        (endpoint.received_at("/slow").len() == 5).then_some(())
    })
    .await;

    let waiting = polling.api.post("/v1/inbox/lease", json!({ "wait_seconds": 20 }));
    let load = join_all((0..4).map(|_| place_until_refused(&user)));
    let stopping = async {
        eventually("load is on", async || (endpoint.received_at("/prompt").len() >= 20).then_some(())).await;
        server.terminate();
        server.ended().await
    };
    let (waited, accepted, status) = futures::join!(waiting, load, stopping);
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert_eq!(waited.must_be(200)["offers"], json!([]), "who waits is answered");
    let accepted = accepted.concat();
    assert!(accepted.len() >= 20);

    server.spawn().await;
    for id in &held {
        let view = market.request(id).await;
        assert_eq!(view["offers"][0]["status"], "delivered", "finished before the end: {view:#}");
    }
    for id in &accepted {
        market.until_offer(id, "prompt", "delivered").await;
    }
    assert_eq!(endpoint.received_at("/slow").len(), 5, "what was finished is not sent again");
    // Whatever came twice came under one id.
    let mut ids: Vec<_> = endpoint
        .received_at("/prompt")
        .iter()
        .map(|message| (message.request_id(), message.webhook_id().to_owned()))
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), accepted.len());
}

#[tokio::test]
async fn an_idle_gateway_stops_at_once() {
    let mut server = ServerProcess::start().await;
    // A connection that is kept open and says nothing holds nobody up.
    let idle = tokio::net::TcpStream::connect(server.url().trim_start_matches("http://")).await.unwrap();
    server.market().anyone.get("/healthz").await;
    let began = std::time::Instant::now();
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    drop(idle);
}
