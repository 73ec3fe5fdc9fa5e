//! What third parties are shown works: both programs in `examples/` are certified, and the README's tour of ten minutes
//! ends with a real offer.

use serde_json::{Value, json};
use tests::{
    Caller, TestGateway, eventually,
    examples::{Example, Stall, commands_of, play},
    market::text,
};

/// Sets where messages go; the secret that they are signed with.
async fn endpoint(api: &Caller, stall: &Stall) -> String {
    let settings = json!({
        "mode": "push", "url": format!("http://{}/", stall.address), "transport": "direct", "signed": true,
        "auth": { "type": "none" },
    });
    text(&api.put("/v1/me/delivery", settings).await.must_be(200)["signing_secret"])
}

async fn certified(example: Example) -> Value {
    let market = TestGateway::start().await;
    market.join("shop").await;
    let made = json!({ "environment": "test" });
    let key = market.operator.post("/v1/third-parties/shop/keys", made).await.must_be(201);
    let key = text(&key["api_key"]);
    let api = market.anyone.with_key(&key);
    let mut stall = Stall::new();
    let secret = endpoint(&api, &stall).await;
    stall.start(example, &market.url(), &key, &secret);
    api.post("/v1/me/certification", json!({})).await.must_be(202);
    eventually(format!("{example:?} is certified"), async || {
        let report = api.get("/v1/me/certification").await.must_be(200);
        (report["state"] != "running").then_some(report)
    })
    .await
}

#[tokio::test]
async fn the_examples_are_certified() {
    let reports = futures::future::join_all(Example::ALL.map(certified)).await;
    for report in reports {
        assert_eq!(report["state"], "passed", "{report:#}");
        let steps = report["steps"].as_array().expect("steps");
        assert!(steps.iter().all(|step| step["result"] == "passed"), "{report:#}");
    }
}

#[tokio::test]
async fn the_readmes_tour_begins_with_nothing_and_ends_with_a_real_offer() {
    let output = play(&commands_of("Integrate in ten minutes")).await;
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}: {said}", output.status);
    assert!(said.contains("\"state\":\"passed\""), "{said}");
    assert!(said.contains("\"status\":\"accepted\""), "{said}");
}
