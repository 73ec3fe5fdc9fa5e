//! A party has its endpoint tested: one real attempt, at once, of which nothing is kept.

use futures::join;
use serde_json::{Value, json};
use tests::{Answer, ClosedDoor, Party, PartyServer, Receiver, Reply, market::text};
use tokio::sync::watch;

use crate::place::in_both_modes;

const PATH: &str = "/v1/me/delivery/test";

async fn test(party: &Party) -> Value {
    party.api.post(PATH, json!({})).await.must_be(200)
}

/// How long to wait, of those who came too often.
fn wait(refused: &Answer) -> u64 {
    assert_eq!(refused.status, 429, "{}", refused.text);
    refused.header("retry-after").expect("when to come back").parse().expect("seconds")
}

#[tokio::test]
async fn a_ping_is_sent_as_any_message_is_and_what_came_of_it_is_answered() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(202).body("got it")).await;
        let party = market.join("shop").await;
        let settings = json!({
            "url": server.url("/hook"), "transport": "direct", "signed": true,
            "auth": { "type": "api-key", "name": "x-shop-key", "value": "hush hush" },
        });
        let secret = text(&party.takes_pushes(settings).await["signing_secret"]);
        let tested = test(&party).await;
        let [ping] = &server.received()[..] else { panic!("one message") };
        assert_eq!(ping.json(), tested["message"]);
        let message = json!({
            "type": "ping", "timestamp": tested["attempt"]["at"],
            "data": { "third_party": "shop", "environment": "prod" },
        });
        assert_eq!(tested["message"], message);
        let attempt = &tested["attempt"];
        assert_eq!((&attempt["outcome"], &attempt["status_code"]), (&json!("delivered"), &json!(202)));
        assert_eq!(attempt["answer"], "got it");
        assert!(attempt["latency_ms"].as_f64().unwrap() > 0.0, "{attempt}");
        assert_eq!(ping.header("x-shop-key"), Some("hush hush"));
        assert_eq!(ping.header("content-type"), Some("application/json"));
        for receiver in Receiver::ALL {
            assert_eq!(receiver.verify(&secret, std::slice::from_ref(ping)).await, [None]);
        }
        let again = party.api.post(PATH, json!({ "type": "ping" })).await.must_be(200);
        assert_eq!(again["attempt"]["outcome"], "delivered");
        assert_ne!(server.received()[1].webhook_id(), ping.webhook_id(), "each is a message of its own");

        // The key says which endpoint it is.
        let in_test = Party { api: market.key_for("shop", "test").await, ..party };
        in_test.takes_pushes(json!({ "url": server.url("/in-test"), "transport": "direct" })).await;
        assert_eq!(test(&in_test).await["message"]["data"]["environment"], "test");
        let [ping] = &server.received_at("/in-test")[..] else { panic!("one message") };
        assert_eq!(ping.header("webhook-signature"), None);
    })
    .await;
}

#[tokio::test]
async fn whatever_an_endpoint_answers_changes_nothing() {
    in_both_modes(async |market| {
        let server = PartyServer::answers([Reply::status(410).body("gone"), Reply::hang_up()]).await;
        let party = market.join("shop").await;
        let poll = party.api.post(PATH, json!({})).await.refused(409);
        assert_eq!(poll["current_status"], "poll");
        party.takes_pushes(json!({ "url": server.url("/hook"), "transport": "direct" })).await;
        let gone = test(&party).await["attempt"].clone();
        assert_eq!(
            (&gone["outcome"], &gone["status_code"], &gone["answer"]),
            (&json!("refused_by_status"), &json!(410), &json!("gone"))
        );
        let lost = test(&party).await["attempt"].clone();
        assert_eq!(lost["outcome"], "connection_lost");
        assert!(lost["status_code"].is_null() && lost["answer"].is_null(), "{lost}");
        party.takes_pushes(json!({ "url": ClosedDoor::new().url("/hook"), "transport": "managed" })).await;
        assert_eq!(test(&party).await["attempt"]["outcome"], "connect_failed");
        assert_eq!(party.api.get("/v1/me").await.must_be(200)["state"], "active", "a test pauses nobody");
        assert_eq!(server.received().len(), 2, "and is not tried again");
    })
    .await;
}

#[tokio::test]
async fn a_party_is_tested_once_at_a_time_and_a_few_times_a_minute() {
    in_both_modes(async |market| {
        let (open, _) = watch::channel(false);
        let gate = open.clone();
        let server = PartyServer::start(move |_, message| {
            let answer = Reply::status(200).body("hush hush");
            if message.path == "/slow" { answer.once(&gate) } else { answer }
        })
        .await;
        let party = market.join_pushed("shop", &server.url("/slow")).await;
        let other = market.join_pushed("other", &server.url("/other")).await;
        let while_it_runs = async {
            server.wait_for(1).await;
            let refused = party.api.post(PATH, json!({})).await;
            assert!((1..=10).contains(&wait(&refused)), "{refused:?}");
            test(&other).await;
            open.send_replace(true);
        };
        let ping = json!({});
        let (first, ()) = join!(party.api.post_once("once", PATH, &ping), while_it_runs);
        let first = first.must_be(200);

        let again = party.api.post_once("once", PATH, &json!({})).await.must_be(200);
        assert_eq!(again["message"], first["message"], "a repeat sends nothing");
        assert!(first["attempt"]["answer"] == "hush hush" && again["attempt"]["answer"].is_null(), "nor keeps answers");
        party.api.post_once("once", PATH, &json!({ "type": "ping" })).await.refused(422);

        let mut sent = 1;
        let refused = loop {
            let answer = party.api.post(PATH, json!({})).await;
            if answer.status != 200 {
                break answer;
            }
            sent += 1;
        };
        assert!((1..=60).contains(&wait(&refused)), "{refused:?}");
        assert!((4..=20).contains(&sent), "{sent}");
        assert_eq!(server.received_at("/slow").len(), sent);
        party.api.post(PATH, json!({ "type": "offer.created" })).await.refused(422);
    })
    .await;
}
