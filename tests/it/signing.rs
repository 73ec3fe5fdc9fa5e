//! Signed messages, verified as third parties verify them: with the official libraries of Standard Webhooks.

use serde_json::{Value, json};
use tests::{Party, PartyServer, Received, Receiver, Reply, User, market::text};

use crate::place::{TestGateway, in_both_modes};

/// A party whose messages are signed; the answer to its setting.
async fn join_signed(market: &TestGateway, id: &str, url: &str, more: Value) -> (Party, Value) {
    let party = market.join(id).await;
    let mut settings = json!({ "url": url, "transport": "direct", "signed": true });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = party.takes_pushes(settings).await;
    (party, answer)
}

/// A message that a party was just sent.
async fn sent(market: &TestGateway, server: &PartyServer, user: &User, party: &str) -> Received {
    let id = user.place(json!({ "third_party": party, "note": "“quoted” – 20.50 €" })).await;
    market.until_offer(&id, party, "delivered").await;
    server.wait_for_message("offer.created", &id).await
}

async fn is_genuine(secret: &str, message: &Received) -> bool {
    let mut verdicts = vec![];
    for receiver in Receiver::ALL {
        verdicts.push(receiver.verify(secret, std::slice::from_ref(message)).await[0].is_none());
    }
    assert_eq!(verdicts[0], verdicts[1], "they agree");
    verdicts[0]
}

fn with_header(message: &Received, name: &str, value: &str) -> Received {
    let mut changed = message.clone();
    let header = changed.headers.iter_mut().find(|(found, _)| found == name).expect("there is such a header");
    header.1 = value.to_owned();
    changed
}

#[tokio::test]
async fn both_official_libraries_accept_what_is_signed_and_refuse_what_was_changed() {
    in_both_modes(async |market| {
        let server = PartyServer::answers([Reply::status(500), Reply::status(200)]).await;
        let (party, settings) = join_signed(&market, "shop", &server.url("/hook"), json!({})).await;
        let secret = text(&settings["signing_secret"]);
        assert!(secret.starts_with("whsec_"), "{settings:#}");
        let user = market.register().await;
        let message = sent(&market, &server, &user, "shop").await;
        assert_eq!(server.received().len(), 2, "the first attempt was refused");

        let mut changed = message.clone();
        changed.body = changed.body.replace("20.50", "20.5");
        let sent_at: u64 = message.header("webhook-timestamp").unwrap().parse().unwrap();
        let mut cases = vec![
            changed,
            with_header(&message, "webhook-id", "msg_0"),
            with_header(&message, "webhook-timestamp", &(sent_at + 1).to_string()),
            with_header(&message, "webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ];
        cases.extend(server.received());
        for receiver in Receiver::ALL {
            let verdicts = receiver.verify(&secret, &cases).await;
            let genuine: Vec<_> = verdicts.iter().map(Option::is_none).collect();
            assert_eq!(genuine, [false, false, false, false, true, true], "{receiver:?}: {verdicts:?}");
            let by_others = receiver.verify("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &cases).await;
            assert!(by_others.iter().all(Option::is_some), "{receiver:?}: {by_others:?}");
        }

        // It is shown once, and is nowhere in clear text.
        let again = json!({ "url": server.url("/elsewhere"), "transport": "direct", "signed": true });
        let again = party.takes_pushes(again).await;
        let me = party.api.get("/v1/me").await.must_be(200);
        let seen = market.operator.get("/v1/third-parties/shop").await.must_be(200);
        assert_eq!(again["signing_keys"], settings["signing_keys"], "it stays");
        assert_eq!(me["delivery"], again);
        for shown in [again, me, seen] {
            assert!(shown.to_string().contains("sig_") && !shown.to_string().contains("whsec_"), "{shown:#}");
        }
        let stored = market.stored_bytes().await;
        for clear in [&secret, secret.strip_prefix("whsec_").unwrap()] {
            assert!(!stored.windows(clear.len()).any(|window| window == clear.as_bytes()));
        }
    })
    .await;
}

#[tokio::test]
async fn during_a_rotation_the_old_and_the_new_secret_verify() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let (party, settings) = join_signed(&market, "shop", &server.url("/hook"), json!({})).await;
        let user = market.register().await;
        let rotate = async |key: &str, body: Value| {
            party.api.post_once(key, "/v1/me/delivery/rotate-secret", &body).await.must_be(200)
        };
        let first = text(&settings["signing_secret"]);
        let rotated = rotate("once", json!({})).await;
        let second = text(&rotated["signing_secret"]);
        assert_ne!(first, second);
        let again = rotate("once", json!({})).await;
        assert!(again["signing_secret"].is_null(), "a repeat shows no secret: {again:#}");
        assert_eq!(again["signing_keys"], rotated["signing_keys"], "and does nothing");
        let me = party.api.get("/v1/me").await.must_be(200);
        let keys = me["delivery"]["signing_keys"].as_array().unwrap().clone();
        assert_eq!(keys.len(), 2, "{keys:#?}");
        assert_eq!(keys[1]["id"], settings["signing_keys"][0]["id"]);
        assert!(keys[0]["ends_at"].is_null() && keys[1]["ends_at"].is_string(), "{keys:#?}");

        let message = sent(&market, &server, &user, "shop").await;
        assert_eq!(message.header("webhook-signature").unwrap().split(' ').count(), 2);
        assert!(is_genuine(&first, &message).await && is_genuine(&second, &message).await);

        let third = text(&rotate("another", json!({ "grace_hours": 0 })).await["signing_secret"]);
        let message = sent(&market, &server, &user, "shop").await;
        assert_eq!(message.header("webhook-signature").unwrap().split(' ').count(), 1);
        assert!(is_genuine(&third, &message).await);
        assert!(!is_genuine(&second, &message).await && !is_genuine(&first, &message).await);
    })
    .await;
}

#[tokio::test]
async fn a_party_may_verify_with_a_public_key() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let (party, settings) = join_signed(&market, "shop", &server.url("/hook"), json!({ "signature": "v1a" })).await;
        assert!(settings["signing_secret"].is_null(), "the private key stays with us: {settings:#}");
        let public = text(&settings["signing_public_key"]);
        assert!(public.starts_with("whpk_"), "{public}");
        let me = party.api.get("/v1/me").await.must_be(200);
        assert_eq!(me["delivery"]["signing_public_key"], public, "it may be shown always");

        let user = market.register().await;
        let message = sent(&market, &server, &user, "shop").await;
        let mut changed = message.clone();
        changed.body.push(' ');
        let verdicts = Receiver::JavaScript.verify(&public, &[message, changed]).await;
        assert!(verdicts[0].is_none() && verdicts[1].is_some(), "{verdicts:?}");

        // Going over to secrets, both sign until the key pair's time is over.
        let settings = json!({ "url": server.url("/hook"), "transport": "direct", "signed": true, "signature": "v1" });
        let secret = text(&party.takes_pushes(settings).await["signing_secret"]);
        let message = sent(&market, &server, &user, "shop").await;
        assert!(is_genuine(&secret, &message).await);
        assert_eq!(Receiver::JavaScript.verify(&public, &[message]).await, [None]);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_signed_is_refused_with_the_reason() {
    let market = TestGateway::start().await;
    let party = market.join("shop").await;
    let push = |more: Value| {
        let mut body = json!({ "mode": "push", "url": "https://shop.example/hook", "auth": { "type": "none" } });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (more, pointer) in [
        (json!({ "signed": true }), "/signed"),
        (json!({ "signed": true, "transport": "managed" }), "/signed"),
        (json!({ "signature": "v1", "transport": "direct" }), "/signature"),
        (json!({ "signed": true, "signature": "v2", "transport": "direct" }), "/signature"),
    ] {
        let problem = party.api.put("/v1/me/delivery", push(more)).await.refused(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    let rotate = async |body: Value| party.api.post("/v1/me/delivery/rotate-secret", body).await;
    assert_eq!(rotate(json!({})).await.refused(409)["current_status"], "unsigned");
    party.api.put("/v1/me/delivery", push(json!({ "signed": true, "transport": "direct" }))).await.must_be(200);
    for (body, pointer) in [
        (json!({ "grace_hours": -1 }), "/grace_hours"),
        (json!({ "grace_hours": 169 }), "/grace_hours"),
        (json!({ "grace_hours": 0.5 }), "/grace_hours"),
        (json!({ "grace": 1 }), "/grace"),
    ] {
        assert_eq!(rotate(body).await.refused(422)["errors"][0]["pointer"], pointer);
    }
    rotate(json!({ "grace_hours": 168 })).await.must_be(200);
    // Turned off and on again is a new key alone, also if the party has polled in between.
    for between in [push(json!({ "transport": "direct" })), json!({ "mode": "poll" })] {
        let before = party.api.get("/v1/me").await.must_be(200)["delivery"]["signing_keys"].clone();
        let off = party.api.put("/v1/me/delivery", between).await.must_be(200);
        assert!(off["signing_keys"].is_null(), "{off:#}");
        let on = push(json!({ "signed": true, "transport": "direct" }));
        let on = party.api.put("/v1/me/delivery", on).await.must_be(200);
        assert!(on["signing_secret"].is_string() && on["signing_keys"].as_array().unwrap().len() == 1, "{on:#}");
        assert_ne!(on["signing_keys"][0], before[0]);
    }
}
