//! Third parties' lives: let in, changed, paused, resumed, disabled, and their keys (DESIGN section 6).

use serde_json::json;
use tests::{
    PartyServer, Reply,
    market::{offer_of, offered_to, text},
};

use crate::place::{TestGateway, in_both_modes};

#[tokio::test]
async fn an_operator_lets_a_party_in_and_reads_it_back() {
    let market = TestGateway::start().await;
    let scope = json!({ "detail": { "category": ["books", { "prefix": "pen" }] } });
    let body = json!({ "id": "shop", "name": "The Shop", "contact_email": "shop@example.com", "scope": scope });
    let joined = market.operator.post("/v1/third-parties", body.clone()).await.must_be(201);
    assert_eq!(
        (&joined["id"], &joined["name"], &joined["state"]),
        (&json!("shop"), &json!("The Shop"), &json!("active"))
    );
    let key = text(&joined["api_key"]);
    let party = market.anyone.with_key(&key);
    let me = party.get("/v1/me").await.must_be(200);
    assert_eq!(me["environment"], "prod");
    assert_eq!(me["scope"], scope);
    assert!(me["filter"].is_null());
    assert_eq!(me["delivery"], json!({ "mode": "poll" }));

    let read = market.operator.get("/v1/third-parties/shop").await;
    assert!(!read.text.contains(&key), "a key is shown once");
    assert_eq!(read.must_be(200)["contact_email"], "shop@example.com");
    market.operator.post("/v1/third-parties", body).await.refused(409);
    for (field, bad) in [
        ("id", json!("Not A Slug")),
        ("id", json!("x")),
        ("id", json!("market")),
        ("contact_email", json!("nobody")),
        ("name", json!("")),
        ("scope", json!({ "detail": { "category": "books" } })),
        ("unknown", json!(1)),
    ] {
        let mut body = json!({ "id": "other", "name": "Other", "contact_email": "other@example.com" });
        body[field] = bad.clone();
        market.operator.post("/v1/third-parties", body).await.refused(422);
    }
    let list = market.operator.get("/v1/third-parties").await.must_be(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);

    // The key is kept as a hash only.
    let (stored, secret) = (market.stored_bytes().await, key.rsplit('_').next().unwrap().as_bytes());
    assert!(!stored.windows(secret.len()).any(|window| window == secret));
}

#[tokio::test]
async fn settings_are_answered_as_they_were_given() {
    let market = TestGateway::start().await;
    let party = market.join("shop").await;
    let pattern = json!({ "detail": { "amount": [{ "numeric": [">", 10, "<=", 20.5] }] } });
    let answer = party.api.put("/v1/me/filter", json!({ "pattern": pattern })).await.must_be(200);
    assert_eq!(answer["pattern"], pattern);
    assert_eq!(party.api.get("/v1/me").await.must_be(200)["filter"], pattern);

    let settings = party
        .takes_pushes(json!({
            "url": "http://127.0.0.1:9/hook", "transport": "direct", "rate_limit_per_second": 2.5, "max_age_hours": 6,
        }))
        .await;
    for (field, expected) in [
        ("mode", json!("push")),
        ("url", json!("http://127.0.0.1:9/hook")),
        ("transport", json!("direct")),
        ("auth", json!({ "type": "none" })),
        ("rate_limit_per_second", json!(2.5)),
        ("max_age_hours", json!(6)),
    ] {
        assert_eq!(settings[field], expected, "{settings}");
    }
    for (field, bad) in [
        ("url", json!("nowhere")),
        ("transport", json!("pigeon")),
        ("rate_limit_per_second", json!(-1)),
        ("max_age_hours", json!(25)),
        ("max_age_hours", json!(0)),
        ("auth", json!({ "type": "basic" })),
        ("signed", json!("yes")),
        ("unknown", json!(1)),
    ] {
        let mut body = json!({ "mode": "push", "url": "http://127.0.0.1:9/hook", "auth": { "type": "none" } });
        body[field] = bad;
        party.api.put("/v1/me/delivery", body).await.refused(422);
    }
    assert_eq!(party.api.get("/v1/me").await.must_be(200)["delivery"], settings, "a refusal changes nothing");
    let poll = party.api.put("/v1/me/delivery", json!({ "mode": "poll" })).await.must_be(200);
    assert_eq!(poll, json!({ "mode": "poll" }));
}

#[tokio::test]
async fn a_paused_party_is_offered_requests_and_gets_them_when_it_is_resumed() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let party = market.join_pushed("shop", &server.url("/hook")).await;
        let path = "/v1/third-parties/shop";
        market.operator.patch(path, json!({ "state": "paused" })).await.must_be(200);
        assert_eq!(party.api.get("/v1/me").await.must_be(200)["state"], "paused");
        let user = market.register().await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(user.place(json!({ "third_party": "shop" })).await);
        }
        for id in &ids {
            let view = market.routed(id).await;
            assert_eq!(offer_of(&view, "shop").unwrap()["status"], "pending");
        }
        // Somebody else's delivery comes after whatever could have been pushed to it.
        market.join_pushed("other", &server.url("/other")).await;
        let fence = user.place(json!({ "third_party": "other" })).await;
        market.until_offer(&fence, "other", "delivered").await;
        assert_eq!(server.received_at("/hook").len(), 0);

        market.operator.patch(path, json!({ "state": "active" })).await.must_be(200);
        for id in &ids {
            market.until_offer(id, "shop", "delivered").await;
        }
        assert_eq!(server.received_at("/hook").len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_disabled_party_is_offered_nothing_and_its_keys_open_nothing() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        party.wants_everything().await;
        let user = market.register().await;
        let before = user.place(json!({})).await;
        assert_eq!(offered_to(&market.routed(&before).await), ["shop"]);

        for _ in 0..2 {
            market.operator.delete("/v1/third-parties/shop").await.must_be(204);
        }
        party.api.get("/v1/me").await.refused(401);
        party.api.post("/v1/inbox/lease", json!({})).await.refused(401);
        for wish in [json!({}), json!({ "third_party": "shop" })] {
            let id = user.place(wish).await;
            market.until_status(&id, "unmatched").await;
        }
        assert_eq!(market.operator.get("/v1/third-parties/shop").await.must_be(200)["state"], "disabled");
        // For good, and its id is nobody else's.
        let resume = market.operator.patch("/v1/third-parties/shop", json!({ "state": "active" })).await;
        assert_eq!(resume.refused(409)["current_status"], "disabled");
        let again = json!({ "id": "shop", "name": "Another", "contact_email": "another@example.com" });
        market.operator.post("/v1/third-parties", again).await.refused(409);
        market.operator.delete("/v1/third-parties/nobody").await.refused(404);
    })
    .await;
}

#[tokio::test]
async fn keys_are_added_and_taken_away_one_by_one() {
    let market = TestGateway::start().await;
    let party = market.join("shop").await;
    let keys = "/v1/third-parties/shop/keys";
    let added = market.operator.post(keys, json!({ "environment": "prod" })).await.must_be(201);
    let second = market.anyone.with_key(&text(&added["api_key"]));
    for caller in [&party.api, &second] {
        caller.get("/v1/me").await.must_be(200);
    }
    let path = format!("{keys}/{}", text(&added["key_id"]));
    // Only through the party that has it.
    market.join("other").await;
    let elsewhere = path.replace("shop", "other");
    let answer = market.operator.delete(&elsewhere).await;
    assert!(matches!(answer.status, 204 | 404), "{}", answer.text);
    second.get("/v1/me").await.must_be(200);

    market.operator.delete(&path).await.must_be(204);
    second.get("/v1/me").await.refused(401);
    party.api.get("/v1/me").await.must_be(200);
    let mut almost = party.key.clone();
    let last = almost.pop().unwrap();
    almost.push(if last == 'a' { 'b' } else { 'a' });
    for wrong in [almost.as_str(), "", "nonsense", &"x".repeat(4_000)] {
        market.anyone.with_key(wrong).get("/v1/me").await.refused(401);
    }
    market.operator.post(keys, json!({ "environment": "staging" })).await.refused(422);
    market.operator.post("/v1/third-parties/nobody/keys", json!({ "environment": "prod" })).await.refused(404);
}
