//! Parties that never answer take nothing from the others, however many there are and however much they are sent
//! (DESIGN section 4, invariant 6).

use std::time::Duration;

use serde_json::json;
use tests::{PartyServer, Reply, gateway::Setup, market::offer_of};

/// Longer than the test: whoever waits for one of these attempts to end waits in vain.
const NEVER: Duration = Duration::from_secs(120);

#[tokio::test]
async fn parties_that_never_answer_hold_nothing_that_others_need() {
    let market = Setup::default().attempt_timeout(NEVER).start().await;
    let server = PartyServer::start(|_, message| match message.path.as_str() {
        "/prompt" => Reply::status(200),
        _ => Reply::silence(),
    })
    .await;
    let silent: Vec<_> = (0..4).map(|number| format!("silent-{number}")).collect();
    for name in &silent {
        market.join_pushed(name, &server.url(&format!("/{name}"))).await.wants_everything().await;
    }
    market.join_pushed("prompt", &server.url("/prompt")).await.wants_everything().await;
    let user = market.register().await;
    let mut ids = Vec::new();
    // Far more than are pushed to one party at a time.
    for _ in 0..60 {
        ids.push(user.place(json!({})).await);
    }
    for id in &ids {
        let view = market.until_offer(id, "prompt", "delivered").await;
        for name in &silent {
            let offer = offer_of(&view, name).unwrap();
            assert_eq!((&offer["status"], &offer["attempts"]), (&json!("pending"), &json!([])), "{name}");
        }
    }
    assert_eq!(server.received_at("/prompt").len(), ids.len());
}
