//! Getting a message through to an endpoint: credentials, tokens, and what can go wrong on the way.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    ClosedDoor, PartyServer, Reply, User,
    market::{entries, offer_of, text},
    token_server::{bearer, token_server},
};

use crate::place::{Setup, TestGateway, in_both_modes, in_both_modes_with};

/// Addresses a request to a party and waits until it is delivered; answers the attempts that it took.
async fn deliver(market: &TestGateway, user: &User, party: &str) -> Vec<Value> {
    let id = user.place(json!({ "third_party": party })).await;
    let view = market.until_offer(&id, party, "delivered").await;
    attempts(&view, party)
}

fn attempts(view: &Value, party: &str) -> Vec<Value> {
    offer_of(view, party).unwrap()["attempts"].as_array().unwrap().clone()
}

fn outcomes(attempts: &[Value]) -> Vec<&str> {
    attempts.iter().map(|attempt| attempt["outcome"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_kind_of_credential_is_sent_as_it_was_set_and_never_shown() {
    in_both_modes(async |market| {
        let (server, tokens) = (PartyServer::always(Reply::status(200)).await, token_server().await);
        let user = market.register().await;
        let oauth = json!({
            "type": "oauth-client-credentials", "token_url": tokens.url("/token"),
            "client_id": "marketplace", "client_secret": "hush hush", "scope": "offers:write",
        });
        for (party, auth, header, expected) in [
            ("open", json!({ "type": "none" }), "authorization", None),
            (
                "keyed",
                json!({ "type": "api-key", "name": "X-Party-Key", "value": "hush hush" }),
                "x-party-key",
                Some("hush hush"),
            ),
            (
                "basic",
                json!({ "type": "basic", "username": "marketplace", "password": "hush hush" }),
                "authorization",
                Some("Basic bWFya2V0cGxhY2U6aHVzaCBodXNo"),
            ),
            ("oauth", oauth, "authorization", Some("Bearer token-0")),
        ] {
            let path = format!("/{party}");
            let joined = market.join(party).await;
            let settings = joined.takes_pushes(json!({ "url": server.url(&path), "auth": auth })).await;
            assert_eq!(settings["auth"]["type"], auth["type"]);
            let me = joined.api.get("/v1/me").await.must_be(200);
            assert_eq!(me["delivery"], settings);
            let seen = market.operator.get(&format!("/v1/third-parties/{party}")).await.must_be(200);
            for shown in [settings, me, seen] {
                assert!(!shown.to_string().contains("hush"), "{shown}");
            }

            deliver(&market, &user, party).await;
            let [message] = &server.received_at(&path)[..] else { panic!("one message to {party}") };
            assert_eq!(message.header(header), expected, "{party}");
        }
        let [asked] = &tokens.received()[..] else { panic!("one token") };
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/token"));
        assert!(asked.body.contains("grant_type=client_credentials"), "{}", asked.body);

        // Nor is a credential stored in clear text.
        let stored = market.stored_bytes().await;
        assert!(!stored.windows(9).any(|window| window == b"hush hush"));
    })
    .await;
}

#[tokio::test]
async fn a_stored_secret_stays_unless_the_endpoint_moves() {
    in_both_modes(async |market| {
        let (server, other) =
            (PartyServer::always(Reply::status(200)).await, PartyServer::always(Reply::status(200)).await);
        let party = market.join("shop").await;
        let basic = json!({ "type": "basic", "username": "marketplace", "password": "hush hush" });
        party.takes_pushes(json!({ "url": server.url("/old"), "auth": basic })).await;
        let without = json!({ "type": "basic", "username": "marketplace" });
        let settings = json!({ "mode": "push", "url": other.url("/new"), "auth": without });
        let problem = party.api.put("/v1/me/delivery", settings).await.refused(422);
        assert_eq!(problem["errors"][0]["pointer"], "/auth/password");

        party.takes_pushes(json!({ "url": server.url("/new"), "auth": without })).await;
        let user = market.register().await;
        deliver(&market, &user, "shop").await;
        let [message] = &server.received()[..] else { panic!("one message") };
        assert_eq!(message.path, "/new");
        assert_eq!(message.header("authorization"), Some("Basic bWFya2V0cGxhY2U6aHVzaCBodXNo"));
        assert_eq!(other.received().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_token_is_used_again_and_replaced_when_it_is_refused() {
    in_both_modes(async |market| {
        let tokens = token_server().await;
        let server = PartyServer::always(Reply::status(200)).await;
        let party = market.join("shop").await;
        let auth = json!({
            "type": "oauth-client-credentials", "token_url": tokens.url("/token"),
            "client_id": "marketplace", "client_secret": "hush hush",
        });
        party.takes_pushes(json!({ "url": server.url("/hook"), "auth": auth })).await;
        let user = market.register().await;
        for _ in 0..3 {
            deliver(&market, &user, "shop").await;
        }
        assert_eq!(tokens.received().len(), 1);

        // The party's server forgets its tokens, as a restart of it may do.
        server.becomes(|_, message| Reply::status(if bearer(message) == Some("token-0") { 401 } else { 200 }));
        let attempts = deliver(&market, &user, "shop").await;
        assert_eq!(outcomes(&attempts), ["delivered"], "the token is replaced within the attempt");
        deliver(&market, &user, "shop").await;
        let used: Vec<_> = server.received().iter().map(|message| bearer(message).unwrap().to_owned()).collect();
        assert_eq!(used, ["token-0", "token-0", "token-0", "token-0", "token-1", "token-1"]);
        assert_eq!(tokens.received().len(), 2);
        let of_one: Vec<_> = server.received()[3..5].iter().map(|message| message.webhook_id().to_owned()).collect();
        assert_eq!(of_one[0], of_one[1]);
    })
    .await;
}

#[tokio::test]
async fn a_token_server_that_fails_only_delays() {
    in_both_modes(async |market| {
        let tokens = PartyServer::answers([
            Reply::status(503),
            Reply::json(&json!({ "access_token": "late", "token_type": "Bearer", "expires_in": 3_600 })),
        ])
        .await;
        let server = PartyServer::always(Reply::status(200)).await;
        let party = market.join("shop").await;
        let auth = json!({
            "type": "oauth-client-credentials", "token_url": tokens.url("/token"),
            "client_id": "marketplace", "client_secret": "hush hush",
        });
        party.takes_pushes(json!({ "url": server.url("/hook"), "auth": auth })).await;
        let user = market.register().await;
        let attempts = deliver(&market, &user, "shop").await;
        assert_eq!(outcomes(&attempts), ["token_failed", "delivered"]);
        let [message] = &server.received()[..] else { panic!("one message") };
        assert_eq!(bearer(message), Some("late"));
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_in_time_is_tried_again() {
    let setup = Setup::default().attempt_timeout(Duration::from_millis(600));
    in_both_modes_with(setup, async |market| {
        let server = PartyServer::answers([Reply::silence(), Reply::status(200)]).await;
        market.join_pushed("shop", &server.url("/hook")).await;
        let user = market.register().await;
        let attempts = deliver(&market, &user, "shop").await;
        assert_eq!(outcomes(&attempts), ["timeout", "delivered"]);
        assert!(attempts[0]["status_code"].is_null());
        assert!(attempts[0]["latency_ms"].as_f64().unwrap() >= 600.0, "{attempts:?}");
        assert_eq!(attempts[1]["status_code"], 200);
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_is_down_gets_everything_when_it_is_back() {
    in_both_modes(async |market| {
        let door = ClosedDoor::new();
        market.join_pushed("shop", &door.url("/hook")).await;
        let user = market.register().await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(user.place(json!({ "third_party": "shop" })).await);
        }
        for id in &ids {
            let refused = |view: &Value| {
                offer_of(view, "shop").is_some_and(|offer| offer["attempts"][0]["outcome"] == "connect_failed")
            };
            let view = market.until(id, "a refused connection", refused).await;
            assert_eq!(offer_of(&view, "shop").unwrap()["status"], "pending");
        }
        let server = door.open(|_, _| Reply::status(200));
        for id in &ids {
            let view = market.until_offer(id, "shop", "delivered").await;
            let delivered = entries(&view, "message.delivered");
            assert_eq!(delivered.len(), 1);
            assert_eq!(delivered[0]["via"], "push");
        }
        assert_eq!(server.received().len(), 3, "once each");
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_breaks_is_no_answer() {
    in_both_modes(async |market| {
        let server = PartyServer::answers([Reply::hang_up(), Reply::status(200)]).await;
        market.join_pushed("shop", &server.url("/hook")).await;
        let user = market.register().await;
        let attempts = deliver(&market, &user, "shop").await;
        assert_eq!(outcomes(&attempts), ["connection_lost", "delivered"]);
    })
    .await;
}

#[tokio::test]
async fn a_party_reads_how_its_own_deliveries_went_and_the_user_does_not() {
    in_both_modes(async |market| {
        let server =
            PartyServer::answers([Reply::status(500).body(&"out of order ".repeat(500_000)), Reply::status(200)]).await;
        let party = market.join_pushed("shop", &server.url("/hook")).await;
        let user = market.register().await;
        let id = user.place(json!({ "third_party": "shop" })).await;
        let by_operator = market.until_offer(&id, "shop", "delivered").await;
        let by_party = party.api.get(&format!("/v1/requests/{id}")).await.must_be(200);
        for view in [&by_operator, &by_party] {
            let attempts = attempts(view, "shop");
            assert_eq!(outcomes(&attempts), ["refused_by_status", "delivered"]);
            assert_eq!(attempts[0]["status_code"], 500);
            assert!(text(&attempts[0]["at"]) < text(&attempts[1]["at"]));
        }
        let answer = text(&attempts(&by_operator, "shop")[0]["answer"]);
        assert!(answer.starts_with("out of order") && (1_000..=1_024).contains(&answer.len()), "{}", answer.len());
        let by_user = user.request(&id).await;
        assert!(offer_of(&by_user, "shop").unwrap()["attempts"].is_null());
    })
    .await;
}

#[tokio::test]
async fn a_party_gets_no_more_a_second_than_it_wants() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let party = market.join("slowly").await;
        party.takes_pushes(json!({ "url": server.url("/hook"), "rate_limit_per_second": 10 })).await;
        let user = market.register().await;
        for _ in 0..22 {
            user.place(json!({ "third_party": "slowly" })).await;
        }
        let received = server.wait_for(22).await;
        let took = received.last().unwrap().at - received[0].at;
        // Twenty-two at ten a second take 2.1 s; senders that are woken by the second make ten of them at once.
        assert!(took > Duration::from_millis(950), "{took:?}");
    })
    .await;
}

#[tokio::test]
async fn endpoints_are_public_unless_the_operator_says_otherwise() {
    let strict = Setup::default().variable("MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS", "false").start().await;
    let lenient = TestGateway::start().await;
    for (market, url, taken) in [
        (&strict, "https://shop.example.com/hook", true),
        (&strict, "http://shop.example.com/hook", false),
        (&strict, "https://127.0.0.1/hook", false),
        (&strict, "https://localhost/hook", false),
        (&strict, "https://10.0.0.7/hook", false),
        (&strict, "https://[::1]/hook", false),
        (&strict, "https://[::ffff:127.0.0.1]/hook", false),
        (&lenient, "http://127.0.0.1/hook", true),
        (&lenient, "http://169.254.169.254/latest/meta-data", false),
        (&lenient, "http://[fe80::1]/hook", false),
        (&lenient, "ftp://127.0.0.1/hook", false),
    ] {
        let party = market.join(&tests::unique("party")).await;
        let body = json!({ "mode": "push", "url": url, "auth": { "type": "none" } });
        let answer = party.api.put("/v1/me/delivery", body).await;
        if taken {
            answer.must_be(200);
        } else {
            assert_eq!(answer.refused(422)["errors"][0]["pointer"], "/url", "{url}");
            assert_eq!(party.api.get("/v1/me").await.must_be(200)["delivery"]["mode"], "poll");
        }
    }
}
