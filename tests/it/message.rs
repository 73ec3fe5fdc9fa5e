//! What a third party is sent, to the letter: body and headers, pushed and polled (DESIGN section 6).

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Answer, PartyServer, Received, Reply,
    clock::seconds_since_1970,
    market::{delivery_of, text},
};

use crate::place::in_both_modes;

#[tokio::test]
async fn a_pushed_message_has_this_shape_and_these_headers() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(204)).await;
        market.join_pushed("shop", &server.url("/hook?kind=offer")).await;
        let user = market.register().await;
        let id = user
            .place(json!({
                "third_party": "shop", "category": "books", "region": "eu", "amount": 19.90,
                "items": [{ "name": "A “quoted” name", "quantity": 2 }], "note": "línea\n2",
                "attributes": { "nested": { "list": [1, null, true] } },
            }))
            .await;
        let view = market.until_offer(&id, "shop", "delivered").await;
        let [message] = &server.received()[..] else { panic!("one message") };

        assert_eq!((message.method.as_str(), message.path.as_str()), ("POST", "/hook?kind=offer"));
        assert_eq!(message.header("content-type"), Some("application/json"));
        assert_eq!(message.header("content-length"), Some(message.body.len().to_string().as_str()));
        assert_eq!(message.header("host"), Some(server.address.to_string().as_str()));
        assert!(message.webhook_id().starts_with("msg_"), "{message:?}");
        for absent in ["transfer-encoding", "authorization", "webhook-signature", "expect", "cookie"] {
            assert_eq!(message.header(absent), None);
        }

        let body = message.json();
        let expected = json!({
            "type": "offer.created",
            "timestamp": body["timestamp"],
            "data": {
                "delivery_id": delivery_of(&view, "shop"),
                "third_party": "shop",
                "environment": "prod",
                "request": {
                    "id": id, "user_id": user.id, "request_status": "new", "3rdparty": "shop",
                    "category": "books", "region": "eu", "amount": 19.90,
                    "items": [{ "name": "A “quoted” name", "quantity": 2 }], "note": "línea\n2",
                    "attributes": { "nested": { "list": [1, null, true] } },
                },
            },
        });
        assert_eq!(body, expected);
        assert!(delivery_of(&view, "shop").starts_with("dlv_"));
        assert!(id.starts_with("req_"));
        let sent_at: u64 = message.header("webhook-timestamp").unwrap().parse().unwrap();
        assert!(sent_at.abs_diff(seconds_since_1970()) < 60, "{sent_at}");
        let timestamp = text(&body["timestamp"]);
        assert!(timestamp.ends_with('Z') && timestamp.contains('T'), "{timestamp}");
    })
    .await;
}

#[tokio::test]
async fn what_was_asked_is_passed_on_as_it_was_written() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let party = market.join_pushed("shop", &server.url("/hook")).await;
        party.wants(json!({ "detail": { "amount": [{ "numeric": ["=", 12.5] }] } })).await;
        let user = market.register().await;
        let fields =
            r#""amount":12.50,"attributes":{"big":12345678901234567890.10,"e":1e2,"s":"\u00e9\/","z":1,"a":2}"#;
        let request =
            user.api.request(reqwest::Method::POST, "/v1/requests").header("content-type", "application/json");
        let placed = Answer::to(request.body(format!("{{{fields}}}"))).await.must_be(201);
        let message = server.wait_for_message("offer.created", &text(&placed["id"])).await;
        assert!(message.body.contains(fields), "{}", message.body);
        let read = user.api.get(&format!("/v1/requests/{}", text(&placed["id"]))).await;
        assert!(read.text.contains(fields), "{}", read.text);
    })
    .await;
}

#[tokio::test]
async fn every_attempt_carries_the_same_message() {
    in_both_modes(async |market| {
        let server = PartyServer::answers([Reply::status(500), Reply::hang_up(), Reply::status(200)]).await;
        market.join_pushed("shop", &server.url("/hook")).await;
        let user = market.register().await;
        let id = user.place(json!({ "third_party": "shop" })).await;
        market.until_offer(&id, "shop", "delivered").await;

        let attempts = server.received();
        assert_eq!(attempts.len(), 3);
        let first = &attempts[0];
        let sent_at = |attempt: &Received| attempt.header("webhook-timestamp").unwrap().parse::<u64>().unwrap();
        for attempt in &attempts {
            assert_eq!(attempt.webhook_id(), first.webhook_id());
            assert_eq!(attempt.body, first.body);
        }
        // Each says itself when it was made, in whole seconds.
        assert!(attempts.iter().map(sent_at).is_sorted());
        assert!(sent_at(&attempts[2]) > sent_at(first), "there are more than two seconds between them");
        // The first retry comes after about a second, the second after about two more.
        let waits = [attempts[1].at - attempts[0].at, attempts[2].at - attempts[1].at];
        assert!(waits[0] > Duration::from_millis(700), "{waits:?}");
        assert!(waits[1] > Duration::from_millis(1_400), "{waits:?}");
    })
    .await;
}

#[tokio::test]
async fn a_polled_message_is_the_one_that_would_be_pushed() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let pushed = market.join_pushed("pushed", &server.url("/hook")).await;
        let polling = market.join("polling").await;
        for party in [&pushed, &polling] {
            party.wants_everything().await;
        }
        let user = market.register().await;
        let id = user.place(json!({ "category": "books", "attributes": { "colour": "blue" } })).await;
        let mut sent = server.wait_for_message("offer.created", &id).await.json();
        let [mut leased] = <[Value; 1]>::try_from(polling.lease_some().await).unwrap();
        assert_eq!(leased["delivery_id"], leased["message"]["data"]["delivery_id"]);
        assert_eq!(leased["message"]["data"]["third_party"], "polling");
        // They differ in whose they are, and in when exactly they were made.
        for message in [&mut sent, &mut leased["message"]] {
            for field in ["delivery_id", "third_party"] {
                assert!(message["data"][field].take().is_string());
            }
            assert!(message["timestamp"].take().is_string());
        }
        assert_eq!(leased["message"], sent);
    })
    .await;
}
