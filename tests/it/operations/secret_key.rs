//! The key that stored secrets are encrypted with is replaced, over real restarts.

use serde_json::json;
use tests::{Market, PartyServer, Receiver, Reply, ServerProcess, User, market::text, process};

const FIRST: &str = "the first key has thirty-two characters or more";
const SECOND: &str = "the second key has thirty-two characters too";
const THIRD: &str = "the third key has thirty-two characters as well";

/// Starts a server again in the same folder, with these keys.
async fn restart(server: &mut ServerProcess, key: &str, previous: &str) -> Market {
    server.terminate();
    assert!(server.ended().await.success());
    server.set("MARKETPLACE_SECRET_KEY", key);
    server.set("MARKETPLACE_SECRET_KEY_PREVIOUS", previous);
    server.spawn().await;
    server.market()
}

/// Why a server with these keys does not start in a folder that another has left.
async fn refusal(server: &ServerProcess, key: &str, previous: &str) -> String {
    let variables = [
        ("MARKETPLACE_DATA_DIR", server.data_dir().to_str().unwrap()),
        ("MARKETPLACE_LISTEN", "127.0.0.1:0"),
        ("MARKETPLACE_SECRET_KEY", key),
        ("MARKETPLACE_SECRET_KEY_PREVIOUS", previous),
    ];
    let output = process::run(&["serve"], &variables).await;
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Addresses a request to the party and looks at what it is sent.
async fn check(market: &Market, user: &User, server: &PartyServer, secret: &str) {
    let id = user.place(json!({ "third_party": "shop" })).await;
    let message = server.wait_for_message("offer.created", &id).await;
    assert_eq!(message.header("authorization"), Some("Basic bWFya2V0cGxhY2U6aHVzaCBodXNo"));
    assert_eq!(Receiver::Python.verify(secret, &[message]).await, [None]);
    market.until_offer(&id, "shop", "delivered").await;
}

#[tokio::test]
async fn what_was_sealed_with_an_earlier_key_is_sealed_anew_and_the_earlier_key_can_be_dropped() {
    let mut server = ServerProcess::start_with(&[("MARKETPLACE_SECRET_KEY", FIRST)]).await;
    let endpoint = PartyServer::always(Reply::status(200)).await;
    let market = server.market();
    let party = market.join("shop").await;
    let basic = json!({ "type": "basic", "username": "marketplace", "password": "hush hush" });
    let settings = json!({ "url": endpoint.url("/hook"), "transport": "direct", "signed": true, "auth": basic });
    let secret = text(&party.takes_pushes(settings).await["signing_secret"]);
    // More than are sealed anew in one step.
    for number in 0..300 {
        market.join(&format!("party-{number}")).await;
    }
    let user = market.register().await;
    check(&market, &user, &endpoint, &secret).await;

    // With the earlier key at hand everything goes on; afterwards without it, and not with it alone.
    let market = restart(&mut server, SECOND, FIRST).await;
    check(&market, &user, &endpoint, &secret).await;
    assert!(server.log().contains("earlier ones can be dropped"), "{}", server.log());
    let market = restart(&mut server, SECOND, "").await;
    check(&market, &user, &endpoint, &secret).await;
    assert_eq!(
        market.operator.get("/v1/third-parties?limit=100").await.must_be(200)["items"].as_array().unwrap().len(),
        100
    );

    // Twice in a row, with more keys than are needed.
    let market = restart(&mut server, THIRD, &format!("{FIRST}, {SECOND}")).await;
    check(&market, &user, &endpoint, &secret).await;
    server.terminate();
    assert!(server.ended().await.success());
    for (key, previous) in [(FIRST, SECOND), (SECOND, "")] {
        let said = refusal(&server, key, previous).await;
        assert!(said.contains("MARKETPLACE_SECRET_KEY_PREVIOUS") && !said.contains("thirty-two"), "{said}");
    }
    for key in [FIRST, SECOND, THIRD] {
        assert!(!server.log().contains(key), "no key is in the log");
    }
}

#[tokio::test]
async fn a_test_calls_no_address_that_a_message_would_not() {
    let mut server = ServerProcess::start().await;
    let endpoint = PartyServer::always(Reply::status(200)).await;
    let party = server.market().join_pushed("shop", &endpoint.url("/hook")).await;
    // What was allowed when it was set is not any more.
    server.terminate();
    assert!(server.ended().await.success());
    server.set("MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS", "false");
    server.spawn().await;
    let tested = party.api.post("/v1/me/delivery/test", json!({})).await.must_be(200);
    assert_eq!(tested["attempt"]["outcome"], "address_refused", "{tested:#}");
    assert!(tested["attempt"]["status_code"].is_null());
    assert_eq!(endpoint.received().len(), 0);
}
