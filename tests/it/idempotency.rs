//! `Idempotency-Key`: a POST that is sent again is answered again and done once (DESIGN section 4, invariant 3).

use futures::future::join_all;
use serde_json::{Value, json};
use tests::{
    Answer, Caller, PartyServer, Reply,
    market::{delivery_of, entries, text},
    unique,
};

use crate::place::{Setup, TestGateway, in_both_modes, on_a_good_day};

/// Posts, posts the same again, and posts something else under the same key. Answers the first answer.
async fn once(caller: &Caller, path: &str, body: &Value, other: &Value, secrets: &[&str]) -> Value {
    let key = unique("key");
    let first = caller.post_once(&key, path, body).await;
    assert!((200..300).contains(&first.status), "{path}: {}", first.text);
    let mut expected = first.json();
    for secret in secrets {
        assert!(expected[secret].take().is_string(), "{path}: {secret} is shown once");
    }
    for _ in 0..2 {
        let again = caller.post_once(&key, path, body).await;
        assert_eq!(again.status, first.status, "{path}: {}", again.text);
        for secret in secrets {
            assert!(!again.text.contains(secret), "{path}: {}", again.text);
        }
        let mut answer = again.json();
        for secret in secrets {
            answer[secret] = Value::Null;
        }
        assert_eq!(answer, expected, "{path}");
    }
    caller.post_once(&key, path, other).await.refused(422);
    first.json()
}

#[tokio::test]
async fn every_post_that_is_repeated_is_done_once() {
    in_both_modes(async |market| {
        let operator = &market.operator;
        let party = |id: &str| json!({ "id": id, "name": "The Shop", "contact_email": "shop@example.com" });
        let joined = once(operator, "/v1/third-parties", &party("shop"), &party("shop-2"), &["api_key"]).await;
        assert_eq!(operator.get("/v1/third-parties").await.must_be(200)["items"].as_array().unwrap().len(), 1);
        let shop = market.anyone.with_key(&text(&joined["api_key"]));
        let environment = |name: &str| json!({ "environment": name });
        let keys = "/v1/third-parties/shop/keys";
        let key = once(operator, keys, &environment("test"), &environment("dev"), &["api_key"]).await;
        let in_test = market.anyone.with_key(&text(&key["api_key"]));
        assert_eq!(in_test.get("/v1/me").await.must_be(200)["environment"], "test");

        let user = market.register().await.api;
        let wish = json!({ "third_party": "shop", "note": "a wish" });
        let placed = once(&user, "/v1/requests", &wish, &json!({ "third_party": "shop" }), &[]).await;
        assert_eq!(user.get("/v1/requests").await.must_be(200)["items"].as_array().unwrap().len(), 1);
        let id = text(&placed["id"]);
        let delivery = delivery_of(&market.routed(&id).await, "shop");

        let answer = json!({ "status": "in-progress", "details": { "eta": 1 } });
        let other = json!({ "status": "in-progress", "details": { "eta": 2 } });
        once(&shop, &format!("/v1/deliveries/{delivery}/status"), &answer, &other, &[]).await;
        let accept = json!({ "status": "accepted" });
        once(&shop, &format!("/v1/requests/{id}/status"), &accept, &json!({ "status": "declined" }), &[]).await;
        let view = market.request(&id).await;
        assert_eq!((entries(&view, "offer.answered").len(), entries(&view, "offer.noted").len()), (2, 0));
        once(&user, &format!("/v1/requests/{id}/cancel"), &json!({}), &json!({ "a": 1 }), &[]).await;
        assert_eq!(entries(&market.request(&id).await, "request.cancelled").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn who_registers_twice_has_one_account() {
    in_both_modes(async |market| {
        let email = format!("{}@example.com", unique("user"));
        let account = |password: &str| json!({ "email": email, "password": password });
        once(&market.anyone, "/v1/users", &account("correct horse"), &account("another one"), &[]).await;
        let token = market.mailbox.confirmation_token(&email).await;
        assert_eq!(market.mailbox.to(&email).await.len(), 1, "one link");
        let confirm = json!({ "token": token });
        once(&market.anyone, "/v1/users/confirm", &confirm, &json!({ "token": "another" }), &[]).await;
        // Sessions take no key.
        for body in [account("correct horse"), json!({ "password": "correct horse", "email": email })] {
            market.anyone.post_once("session", "/v1/sessions", &body).await.must_be(200);
        }
    })
    .await;
}

#[tokio::test]
async fn a_repeated_call_to_the_inbox_is_answered_as_the_first_was() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let user = market.register().await;
        let mut deliveries = Vec::new();
        for _ in 0..3 {
            let id = user.place(json!({ "third_party": "shop" })).await;
            deliveries.push(delivery_of(&market.routed(&id).await, "shop"));
        }
        assert_eq!(party.lease(json!({})).await.len(), 3);
        let ids = json!({ "delivery_ids": deliveries });
        let fewer = json!({ "delivery_ids": &deliveries[..1] });
        let longer = json!({ "delivery_ids": deliveries, "lease_seconds": 600 });
        let short = json!({ "delivery_ids": deliveries, "lease_seconds": 10 });
        for (call, body, other) in [("extend", &longer, &short), ("release", &ids, &fewer), ("ack", &ids, &fewer)] {
            // Without the key a repeat would say `already`.
            let first = once(&party.api, &format!("/v1/inbox/{call}"), body, other, &[]).await;
            let words: Vec<_> = first["results"].as_array().unwrap().iter().map(|one| text(&one["result"])).collect();
            let word = match call {
                "ack" => "acknowledged".to_owned(),
                call => format!("{}ed", call.trim_end_matches('e')),
            };
            assert_eq!(words, [word.as_str(); 3]);
        }
        // Leases take no key: one that is repeated is another lease.
        let id = user.place(json!({ "third_party": "shop" })).await;
        market.routed(&id).await;
        let lease = json!({});
        let first = party.api.post_once("lease", "/v1/inbox/lease", &lease).await.must_be(200);
        let second = party.api.post_once("lease", "/v1/inbox/lease", &lease).await.must_be(200);
        assert_eq!(first["offers"].as_array().unwrap().len(), 1);
        assert_eq!(second["offers"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_repeated_replay_is_one_replay() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::never_again()).await;
        market.join_refusing("shop", &server, "/hook").await;
        let user = market.register().await;
        let id = user.place(json!({ "third_party": "shop" })).await;
        market.until_offer(&id, "shop", "failed").await;
        let all = json!({ "third_party": "shop" });
        let other = json!({ "third_party": "shop", "dry_run": true });
        let answer = once(&market.operator, "/v1/dead-letters/replay", &all, &other, &[]).await;
        assert_eq!(answer["count"], 1);
        market.until(&id, "it failed again", |view| entries(view, "message.failed").len() == 2).await;
        assert_eq!(entries(&market.request(&id).await, "message.replayed").len(), 1);
        assert_eq!(server.received().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_key_belongs_to_its_caller_and_its_route() {
    let market = TestGateway::start().await;
    let (ann, bob) = (market.register().await, market.register().await);
    let body = json!({ "note": "the same" });
    let place = async |caller: &Caller| text(&caller.post_once("k", "/v1/requests", &body).await.must_be(201)["id"]);
    let (of_ann, of_bob) = (place(&ann.api).await, place(&bob.api).await);
    assert_ne!(of_ann, of_bob);
    assert_eq!(place(&ann.api).await, of_ann);
    ann.api.post_once("k", &format!("/v1/requests/{of_ann}/cancel"), &json!({})).await.must_be(200);
    // Without a key, or with another one, it is another request.
    assert_ne!(ann.place(body.clone()).await, of_ann);
    let other = ann.api.post_once("another", "/v1/requests", &body).await.must_be(201);
    assert_ne!(other["id"], of_ann.as_str());
    for unusable in ["", "with space", &"x".repeat(256)] {
        ann.api.post_once(unusable, "/v1/requests", &body).await.refused(400);
    }
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let market = TestGateway::start().await;
    let user = market.register().await;
    user.api.post_once("k", "/v1/requests", &json!({ "amount": "much" })).await.refused(422);
    user.api.post_once("k", "/v1/requests", &json!({ "amount": 3 })).await.must_be(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_at_the_same_time_is_done_once() {
    in_both_modes(async |market| {
        let user = market.register().await;
        let body = json!({ "note": "the same, many times" });
        let answers = join_all((0..30).map(|_| user.api.post_once("k", "/v1/requests", &body))).await;
        let mut ids: Vec<_> = answers.iter().filter(|answer| answer.status == 201).map(Answer::json).collect();
        for refused in answers.iter().filter(|answer| answer.status != 201) {
            refused.refused(409);
        }
        ids.dedup();
        assert_eq!(ids.len(), 1);
        assert_eq!(user.api.get("/v1/requests").await.must_be(200)["items"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_first_is_running_the_others_are_told_so() {
    on_a_good_day(Setup::default(), async |market| {
        // Hashing passwords takes its turn; those who are before them keep the first one running.
        let account = |name: &str| json!({ "email": format!("{name}@example.com"), "password": "correct horse" });
        let queue =
            join_all((0..30).map(|number| market.anyone.post("/v1/users", account(&format!("before-{number}")))));
        let body = account("queued");
        let same = join_all((0..10).map(|_| market.anyone.post_once("one-key", "/v1/users", &body)));
        let (before, answers) = futures::join!(queue, same);
        assert!(before.iter().all(|answer| answer.status == 201));
        let (done, running): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
        assert!(!done.is_empty() && !running.is_empty(), "{answers:?}");
        for answer in running {
            // What is in the way is no state of anything.
            assert!(answer.refused(409)["current_status"].is_null());
        }
        let again = market.anyone.post_once("one-key", "/v1/users", &body).await.must_be(201);
        assert!(done.iter().all(|answer| answer.json() == again));
    })
    .await;
}
