//! People's accounts: registration, sign-in, profile, and what a token opens (DESIGN section 6).

use futures::future::join_all;
use serde_json::json;
use tests::{Caller, market::text, unique};

use crate::place::{Setup, TestGateway, on_a_good_day};

#[tokio::test]
async fn somebody_registers_signs_in_and_reads_their_profile() {
    on_a_good_day(Setup::default(), async |market| {
        let (email, password) = (format!("{}@Example.com", unique("Ann")), "correct horse");
        let body = json!({ "email": email, "password": password, "name": "Ann", "phone": "+15551234567" });
        let registered = market.anyone.post("/v1/users", body).await.must_be(201);
        assert!(text(&registered["id"]).starts_with("usr_"));

        // The address is one account however it is written.
        let sign_in = json!({ "email": email.to_uppercase(), "password": password });
        let answer = market.anyone.post("/v1/sessions", sign_in).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let session = answer.must_be(200);
        assert!(session["expires_in"].as_u64().unwrap() > 0);
        let ann = market.anyone.with_token(&text(&session["access_token"]));
        let profile = ann.get("/v1/users/me").await.must_be(200);
        assert_eq!(profile["id"], registered["id"]);
        assert_eq!(profile["email"], email.to_lowercase());
        assert_eq!(profile["notifications"], json!({ "email": true, "sms": false }));
        assert!(profile["confirmed_at"].is_null());
        assert!(!profile.to_string().contains("argon2"));

        let change = json!({ "name": null, "notifications": { "email": false, "sms": true } });
        let changed = ann.patch("/v1/users/me", change).await.must_be(200);
        assert!(changed["name"].is_null());
        assert_eq!(changed["phone"], "+15551234567", "what is not given stays");
        assert_eq!(ann.get("/v1/users/me").await.must_be(200), changed);
        for stranger in [json!({ "email": "other@example.com" }), json!({ "test_account": true }), json!({ "id": "x" })]
        {
            ann.patch("/v1/users/me", stranger).await.refused(422);
        }
    })
    .await;
}

#[tokio::test]
async fn an_address_is_one_account() {
    on_a_good_day(Setup::default(), async |market| {
        let user = market.register().await;
        let again = json!({ "email": user.email, "password": "another password" });
        market.anyone.post("/v1/users", again.clone()).await.refused(409);
        market.anyone.post("/v1/sessions", again).await.refused(401);
    })
    .await;
}

#[tokio::test]
async fn who_guesses_passwords_is_slowed_down_and_learns_nothing() {
    on_a_good_day(Setup::default(), async |market| {
        let user = market.register().await;
        let nobody = format!("{}@example.com", unique("nobody"));
        // Like for an account, so for one that does not exist.
        for email in [&user.email, &nobody] {
            let guess = json!({ "email": email, "password": "a wrong guess" });
            let tries = join_all((0..20).map(|_| market.anyone.post("/v1/sessions", guess.clone()))).await;
            let (wrong, slowed): (Vec<_>, Vec<_>) = tries.iter().partition(|answer| answer.status == 401);
            assert!(!wrong.is_empty() && !slowed.is_empty(), "{tries:?}");
            for answer in wrong {
                assert_eq!(answer.refused(401)["detail"], "unknown account or wrong password");
            }
            for answer in slowed {
                answer.refused(429);
                assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
            }
        }
        // Other accounts are not slowed down, and this one is not locked for good.
        market.register().await;
        let right = json!({ "email": user.email, "password": user.password });
        tests::eventually("who knows the password gets in", async || {
            (market.anyone.post("/v1/sessions", right.clone()).await.status == 200).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_list_is_newest_first_and_read_page_by_page() {
    let market = TestGateway::start().await;
    let (user, other) = (market.register().await, market.register().await);
    other.place(json!({ "category": "not theirs" })).await;
    let mut placed = Vec::new();
    for number in 0..7 {
        placed.push(user.place(json!({ "category": format!("category {number}") })).await);
    }
    placed.reverse();
    let mut found = Vec::new();
    let mut path = "/v1/requests?limit=3".to_owned();
    let mut pages = 0;
    loop {
        let page = user.api.get(&path).await.must_be(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        found.extend(items.iter().map(|item| text(&item["id"])));
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/v1/requests?limit=3&cursor={cursor}");
    }
    assert_eq!((found, pages), (placed, 3));
    assert_eq!(user.api.get("/v1/requests").await.must_be(200)["items"][0]["category"], "category 6");
}

#[tokio::test]
async fn a_user_sees_their_own_requests_only() {
    let market = TestGateway::start().await;
    let (user, stranger) = (market.register().await, market.register().await);
    let id = user.place(json!({ "note": "a secret wish" })).await;
    stranger.api.get(&format!("/v1/requests/{id}")).await.refused(404);
    stranger.cancel(&id).await.refused(404);
    // The same as for what does not exist.
    let missing = "req_00000000-0000-7000-8000-000000000000";
    let theirs = stranger.api.get(&format!("/v1/requests/{id}")).await;
    let nobodys = stranger.api.get(&format!("/v1/requests/{missing}")).await;
    assert_eq!(theirs.text, nobodys.text);
    assert_eq!(stranger.api.get("/v1/requests").await.must_be(200)["items"], json!([]));
}

#[tokio::test]
async fn each_kind_of_caller_has_its_own_doors() {
    let market = TestGateway::start().await;
    let (user, party) = (market.register().await, market.join("shop").await);
    let id = user.place(json!({ "third_party": "shop" })).await;
    let request = format!("/v1/requests/{id}");
    let cases: [(&str, &Caller, &[&str], &[&str]); 4] = [
        (
            "nobody",
            &market.anyone,
            &[],
            &["/v1/third-parties", "/v1/dead-letters", "/v1/me", "/v1/users/me", "/v1/requests", &request],
        ),
        (
            "the operator",
            &market.operator,
            &["/v1/third-parties", "/v1/third-parties/shop", "/v1/dead-letters", &request],
            &["/v1/me"],
        ),
        (
            "a party",
            &party.api,
            &["/v1/me"],
            &["/v1/third-parties", "/v1/third-parties/shop", "/v1/dead-letters", "/v1/users/me", "/v1/requests"],
        ),
        (
            "a user",
            &user.api,
            &["/v1/users/me", "/v1/requests", &request],
            &["/v1/third-parties", "/v1/third-parties/shop", "/v1/dead-letters", "/v1/me"],
        ),
    ];
    for (who, caller, open, closed) in cases {
        for path in open {
            assert_eq!(caller.get(path).await.status, 200, "{who} {path}");
        }
        for path in closed {
            let expected = if who == "nobody" { 401 } else { 403 };
            caller.get(path).await.refused(expected);
        }
    }
    user.api.post("/v1/inbox/lease", json!({})).await.refused(403);
    user.api.post(&format!("/v1/requests/{id}/status"), json!({ "status": "accepted" })).await.refused(403);
    party.api.post("/v1/requests", json!({})).await.refused(403);
    party.api.post(&format!("/v1/requests/{id}/cancel"), json!({})).await.refused(403);
    user.api
        .post("/v1/third-parties", json!({ "id": "mine", "name": "n", "contact_email": "a@b.c" }))
        .await
        .refused(403);
    market.operator.post("/v1/inbox/lease", json!({})).await.refused(403);
}

#[tokio::test]
async fn tokens_are_verified_with_the_published_keys() {
    on_a_good_day(Setup::default(), async |market| {
        let keys = market.anyone.get("/.well-known/jwks.json").await.must_be(200);
        let [key] = &keys["keys"].as_array().unwrap()[..] else { panic!("one key") };
        assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
        assert!(key["x"].is_string() && key["kid"].is_string() && key["d"].is_null(), "no private part: {key}");
    })
    .await;
}
