//! What can be limited, and what machines ask of the gateway.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use tests::{PartyServer, Reply, TestGateway, gateway::Setup};

#[tokio::test]
async fn nobody_waits_longer_than_the_operator_allows() {
    let market = Setup::default().variable("MARKETPLACE_MAX_WAIT_SECONDS", "1").start().await;
    let party = market.join("polling").await;
    let began = Instant::now();
    assert_eq!(party.lease(json!({ "wait_seconds": 20 })).await.len(), 0);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_caller_that_calls_too_often_is_told_when_to_come_back_and_others_are_not() {
    let market = Setup::default().variable("MARKETPLACE_RATE_LIMIT_PER_SECOND", "3").start().await;
    let (eager, calm) = (market.join("eager").await, market.join("calm").await);
    let answers = join_all((0..60).map(|_| eager.api.get("/v1/me"))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!(refused.len() < 60, "some pass");
    assert!(!refused.is_empty(), "not all pass");
    for answer in refused {
        answer.refused(429);
        assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
        assert_eq!(answer.header("ratelimit-policy"), Some(r#""caller";q=3;w=1"#));
        assert_eq!(answer.header("ratelimit"), Some(r#""caller";r=0;t=1"#));
    }
    let calm = calm.api.get("/v1/me").await;
    calm.must_be(200);
    assert_eq!(calm.header("ratelimit"), Some(r#""caller";r=2;t=1"#));
    // It is a rate, not a ban.
    tests::eventually("the eager one is let in again", async || {
        (eager.api.get("/v1/me").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_key_of_a_party_has_a_limit_of_its_own_and_nobody_is_told_of_one_where_there_is_none() {
    let market = Setup::default().variable("MARKETPLACE_RATE_LIMIT_PER_SECOND", "2").start().await;
    let party = market.join("shop").await;
    let key = json!({ "environment": "prod" });
    let second = market.operator.post("/v1/third-parties/shop/keys", key).await.must_be(201);
    let second = market.anyone.with_key(second["api_key"].as_str().unwrap());
    let answers = join_all([&party.api, &second, &party.api, &second].map(|api| api.get("/v1/me"))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");

    let unlimited = TestGateway::start().await;
    let party = unlimited.join("shop").await;
    let answer = party.api.get("/v1/me").await;
    assert_eq!((answer.status, answer.header("ratelimit"), answer.header("ratelimit-policy")), (200, None, None));
}

#[tokio::test]
async fn machines_ask_for_health_numbers_and_the_interface() {
    let market = TestGateway::start().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(market.anyone.get(path).await.status, 200, "{path}");
    }
    let server = PartyServer::always(Reply::status(200)).await;
    market.join_pushed("shop", &server.url("/hook")).await;
    let user = market.register().await;
    let id = user.place(json!({ "third_party": "shop" })).await;
    market.until_offer(&id, "shop", "delivered").await;

    let metrics = market.anyone.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain"));
    let is_sample = |line: &&str| {
        !line.starts_with('#') && line.rsplit(' ').next().is_some_and(|value| value.parse::<f64>().is_ok())
    };
    assert!(metrics.text.lines().filter(is_sample).count() > 3, "{}", metrics.text);
    for secret in [user.email.as_str(), id.as_str()] {
        assert!(!metrics.text.contains(secret), "numbers are of all together: {}", metrics.text);
    }

    let interface = market.anyone.get("/openapi.json").await.must_be(200);
    assert!(interface["openapi"].as_str().unwrap().starts_with("3."));
    for path in ["/v1/requests", "/v1/third-parties", "/v1/inbox/lease", "/v1/deliveries/{delivery_id}/status"] {
        assert!(interface["paths"][path].is_object(), "{path} is described");
    }
}
