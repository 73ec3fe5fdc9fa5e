//! Bad input: every call that cannot be taken is refused with a problem, and changes nothing.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    Answer, Caller, Party, User,
    clock::seconds_since_1970,
    market::{delivery_of, text},
    unique,
};

use crate::place::TestGateway;

/// A marketplace with something of everything in it.
struct Scene {
    market: TestGateway,
    party: Party,
    stranger: Party,
    user: User,
    other_user: User,
    request: String,
    delivery: String,
}

impl Scene {
    async fn set() -> Self {
        let market = TestGateway::start().await;
        let (party, stranger) = (market.join("shop").await, market.join("stranger").await);
        party.wants(json!({ "detail": { "category": ["books"] } })).await;
        let (user, other_user) = (market.register().await, market.register().await);
        let request = user.place(json!({ "category": "books" })).await;
        let delivery = delivery_of(&market.routed(&request).await, "shop");
        Self { market, party, stranger, user, other_user, request, delivery }
    }

    /// Everything that can be read.
    async fn all(&self) -> Value {
        let read = async |caller: &Caller, path: &str| caller.get(path).await.must_be(200);
        let operator = &self.market.operator;
        json!([
            read(operator, "/v1/third-parties").await,
            read(operator, "/v1/third-parties/shop").await,
            read(operator, "/v1/third-parties/stranger").await,
            read(operator, "/v1/dead-letters").await,
            read(operator, &format!("/v1/requests/{}", self.request)).await,
            read(&self.user.api, "/v1/users/me").await,
            read(&self.user.api, "/v1/requests").await,
            read(&self.other_user.api, "/v1/requests").await,
        ])
    }

    /// Every call that takes a body: who makes it, how, and a body that would be good.
    fn calls(&self) -> Vec<(&Caller, Method, String, Value)> {
        let (operator, party, user) = (&self.market.operator, &self.party.api, &self.user.api);
        let anyone = &self.market.anyone;
        let new = json!({ "id": "new", "name": "New", "contact_email": "new@example.com" });
        let account = json!({ "email": "new@example.com", "password": "correct horse" });
        let ids = json!({ "delivery_ids": [self.delivery] });
        let extend = json!({ "delivery_ids": [self.delivery], "lease_seconds": 60 });
        let status = json!({ "status": "accepted" });
        vec![
            (operator, Method::POST, "/v1/third-parties".to_owned(), new),
            (operator, Method::PATCH, "/v1/third-parties/shop".to_owned(), json!({ "name": "Another" })),
            (operator, Method::POST, "/v1/third-parties/shop/keys".to_owned(), json!({ "environment": "test" })),
            (operator, Method::POST, "/v1/dead-letters/replay".to_owned(), json!({ "third_party": "shop" })),
            (party, Method::PUT, "/v1/me/filter".to_owned(), json!({ "pattern": null })),
            (party, Method::POST, "/v1/me/filter/test".to_owned(), json!({ "pattern": null })),
            (party, Method::PUT, "/v1/me/delivery".to_owned(), json!({ "mode": "poll" })),
            (party, Method::POST, "/v1/inbox/lease".to_owned(), json!({ "max": 1 })),
            (party, Method::POST, "/v1/inbox/ack".to_owned(), ids.clone()),
            (party, Method::POST, "/v1/inbox/release".to_owned(), ids),
            (party, Method::POST, "/v1/inbox/extend".to_owned(), extend),
            (party, Method::POST, format!("/v1/deliveries/{}/status", self.delivery), status.clone()),
            (party, Method::POST, format!("/v1/requests/{}/status", self.request), status),
            (party, Method::POST, format!("/v1/deliveries/{}/release", self.delivery), json!({ "reason": "rain" })),
            (anyone, Method::POST, "/v1/users".to_owned(), account.clone()),
            (anyone, Method::POST, "/v1/users/confirm".to_owned(), json!({ "token": "t" })),
            (anyone, Method::POST, "/v1/sessions".to_owned(), account),
            (user, Method::PATCH, "/v1/users/me".to_owned(), json!({ "name": "Another" })),
            (user, Method::POST, "/v1/requests".to_owned(), json!({ "category": "books" })),
            (user, Method::POST, format!("/v1/requests/{}/cancel", self.request), json!({})),
        ]
    }
}

async fn send(caller: &Caller, method: &Method, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = caller.request(method.clone(), path).header("content-type", "application/json");
    Answer::to(request.body(body)).await
}

#[tokio::test]
async fn what_is_not_json_is_refused_by_every_call() {
    let scene = Scene::set().await;
    let before = scene.all().await;
    for (caller, method, path, good) in scene.calls() {
        let good = good.to_string();
        let cut = good[..good.len() - 1].to_owned();
        let bodies = [
            cut.into_bytes(),
            format!("{good}{good}").into_bytes(),
            good.replace(':', ",").replacen('{', "{,", 1).into_bytes(),
            b"{\"a\": \xff}".to_vec(),
            b"{'a': 1}".to_vec(),
            b"\x00".to_vec(),
            b"{\"a\": \"\n\"}".to_vec(),
        ];
        for body in bodies {
            let shown = String::from_utf8_lossy(&body).into_owned();
            let answer = send(caller, &method, &path, body).await;
            assert_eq!(answer.status, 400, "{method} {path} {shown}: {}", answer.text);
            answer.refused(400);
        }
    }
    assert_eq!(scene.all().await, before);
}

#[tokio::test]
async fn what_is_no_object_or_has_unknown_fields_is_refused_by_every_call() {
    let scene = Scene::set().await;
    let before = scene.all().await;
    for (caller, method, path, good) in scene.calls() {
        for body in ["[]", "null", "7", "\"text\"", "true", "[{}]"] {
            let answer = send(caller, &method, &path, body).await;
            assert_eq!(answer.status, 422, "{method} {path} {body}: {}", answer.text);
            answer.refused(422);
        }
        let mut unknown = good.clone();
        unknown["unheard_of"] = json!(1);
        let problem = send(caller, &method, &path, unknown.to_string()).await;
        assert_eq!(problem.status, 422, "{method} {path}: {}", problem.text);
        assert!(problem.text.contains("unheard_of"), "{path}: the fault is named: {}", problem.text);
        // A field that is given twice: one reader would take the first, another the last.
        if let Some((field, value)) = good.as_object().unwrap().iter().next() {
            let twice = good.to_string().replacen('{', &format!("{{\"{field}\":{value},"), 1);
            let answer = send(caller, &method, &path, twice.clone()).await;
            assert_eq!(answer.status, 422, "{method} {path} {twice}: {}", answer.text);
            let unpaired = good.to_string().replacen('{', &format!("{{\"{field}\":\"\\ud800\","), 1);
            let answer = send(caller, &method, &path, unpaired.clone()).await;
            assert!(matches!(answer.status, 400 | 422), "{method} {path} {unpaired}: {}", answer.text);
        }
        // Each field as something that it never is.
        for field in good.as_object().unwrap().keys() {
            let mut wrong = good.clone();
            wrong[field] = json!([[]]);
            let answer = send(caller, &method, &path, wrong.to_string()).await;
            assert_eq!(answer.status, 422, "{method} {path} {wrong}: {}", answer.text);
            answer.refused(422);
        }
    }
    assert_eq!(scene.all().await, before);
}

#[tokio::test]
async fn huge_bodies_are_refused_by_every_call() {
    let scene = Scene::set().await;
    let before = scene.all().await;
    for (caller, method, path, good) in scene.calls() {
        let mut huge = good.to_string();
        // Spaces: it would be good but for its length.
        huge.push_str(&" ".repeat(256 * 1024));
        send(caller, &method, &path, huge).await.refused(413);
        let text = caller.request(method.clone(), &path).header("content-type", "text/plain").body(good.to_string());
        Answer::to(text).await.refused(415);
    }
    // Requests have a limit of their own.
    let note = |length: usize| json!({ "attributes": { "note": "x".repeat(length) } });
    scene.user.api.post("/v1/requests", note(65 * 1024)).await.refused(413);
    assert_eq!(scene.all().await, before);
    scene.user.place(note(60 * 1024)).await;
}

#[tokio::test]
async fn fields_out_of_bounds_are_named() {
    let scene = Scene::set().await;
    let before = scene.all().await;
    let (party, user, operator) = (&scene.party.api, &scene.user.api, &scene.market.operator);
    let status = format!("/v1/deliveries/{}/status", scene.delivery);
    for (caller, path, body, pointer) in [
        (user, "/v1/requests", json!({ "amount": "12" }), "/amount"),
        (user, "/v1/requests", json!({ "mode": "second-accept" }), "/mode"),
        (user, "/v1/requests", json!({ "items": [{ "quantity": 1 }] }), "/items/0/name"),
        (user, "/v1/requests", json!({ "items": [{ "name": "pen", "quantity": 0 }] }), "/items/0/quantity"),
        (user, "/v1/requests", json!({ "items": [{ "name": "pen", "colour": "blue" }] }), "/items/0/colour"),
        (user, "/v1/requests", json!({ "category": "x".repeat(129) }), "/category"),
        (user, "/v1/requests", json!({ "user_id": "usr_somebody_else" }), "/user_id"),
        (user, "/v1/requests", json!({ "request_status": "completed" }), "/request_status"),
        (user, "/v1/requests", json!({ "environment": "production" }), "/environment"),
        (party, "/v1/inbox/lease", json!({ "max": 101 }), "/max"),
        (party, "/v1/inbox/lease", json!({ "max": 0 }), "/max"),
        (party, "/v1/inbox/lease", json!({ "wait_seconds": 21 }), "/wait_seconds"),
        (party, "/v1/inbox/lease", json!({ "lease_seconds": 9 }), "/lease_seconds"),
        (party, "/v1/inbox/lease", json!({ "lease_seconds": 3601 }), "/lease_seconds"),
        (party, "/v1/inbox/lease", json!({ "lease_seconds": -1 }), "/lease_seconds"),
        (party, "/v1/inbox/ack", json!({ "delivery_ids": [7] }), "/delivery_ids/0"),
        (party, &status, json!({ "status": "delivered" }), "/status"),
        (party, &status, json!({ "status": "withdrawn" }), "/status"),
        (party, &status, json!({ "status": "accepted", "reason": 7 }), "/reason"),
        (party, &status, json!({ "status": "accepted", "reason": "x".repeat(5_000) }), "/reason"),
        (party, &status, json!({ "status": "accepted", "details": "x".repeat(100_000) }), "/details"),
        (operator, "/v1/dead-letters/replay", json!({ "since": "yesterday" }), "/since"),
        (operator, "/v1/dead-letters/replay", json!({ "ids": ["dlv_1"] }), "/ids/0"),
    ] {
        let problem = caller.post(path, body.clone()).await.refused(422);
        let pointers: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|error| text(&error["pointer"])).collect();
        assert_eq!(pointers, [pointer], "{path} {body}");
    }
    for query in ["/v1/third-parties?limit=0", "/v1/third-parties?limit=many", "/v1/dead-letters?since=yesterday"] {
        operator.get(query).await.refused(422);
    }
    assert_eq!(scene.all().await, before);
}

#[tokio::test]
async fn unknown_ids_and_other_peoples_ids_look_alike() {
    let scene = Scene::set().await;
    let before = scene.all().await;
    let (operator, stranger) = (&scene.market.operator, &scene.stranger.api);
    let missing = "req_00000000-0000-7000-8000-000000000000";
    let gone = format!("dlv_{}", "0".repeat(52));
    let status = json!({ "status": "accepted" });
    let mut texts = Vec::new();
    for delivery in [scene.delivery.as_str(), gone.as_str(), "dlv_", "nonsense", "%00", "..%2f..", &"x".repeat(4_000)] {
        let answer = stranger.post(&format!("/v1/deliveries/{delivery}/status"), status.clone()).await;
        answer.refused(404);
        texts.push(answer.text);
    }
    for request in [scene.request.as_str(), missing, "req_", "nonsense", "1"] {
        for answer in [
            stranger.get(&format!("/v1/requests/{request}")).await,
            stranger.post(&format!("/v1/requests/{request}/status"), status.clone()).await,
            scene.other_user.api.get(&format!("/v1/requests/{request}")).await,
            scene.other_user.cancel(request).await,
        ] {
            answer.refused(404);
            texts.push(answer.text);
        }
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "nobody can tell one from the other: {texts:?}");

    for party in ["nobody", "NOT-A-SLUG", "x", &"x".repeat(200)] {
        let path = format!("/v1/third-parties/{party}");
        operator.get(&path).await.refused(404);
        operator.patch(&path, json!({ "name": "Another" })).await.refused(404);
        operator.delete(&path).await.refused(404);
        operator.post(&format!("{path}/keys"), json!({ "environment": "test" })).await.refused(404);
    }
    operator.get(&format!("/v1/requests/{missing}")).await.refused(404);
    operator.patch("/v1/users/usr_nobody", json!({ "test_account": true })).await.refused(404);
    for path in ["/v1", "/v1/", "/v2/requests", "/v1/requests/", "/index.html", "/v1/requests/a/b/c"] {
        operator.get(path).await.refused(404);
    }
    for (method, path) in
        [(Method::DELETE, "/v1/requests"), (Method::PUT, "/v1/third-parties"), (Method::GET, "/v1/sessions")]
    {
        Answer::to(operator.request(method, path)).await.refused(405);
    }
    assert_eq!(scene.all().await, before);
}

/// A token with these claims, signed with the key in this file.
fn token(key: &[u8], kid: Option<&str>, claims: &Value) -> String {
    let header = jsonwebtoken::Header {
        kid: kid.map(str::to_owned),
        ..jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA)
    };
    jsonwebtoken::encode(&header, claims, &jsonwebtoken::EncodingKey::from_ed_der(key)).unwrap()
}

#[tokio::test]
async fn expired_and_forged_tokens_prove_nothing() {
    let scene = Scene::set().await;
    let before = scene.all().await;
    let market = &scene.market;
    let key = std::fs::read(market.file("token-key")).unwrap();
    let keys = market.anyone.get("/.well-known/jwks.json").await.must_be(200);
    let kid = text(&keys["keys"][0]["kid"]);
    let session = json!({ "email": scene.user.email, "password": scene.user.password });
    let real = text(&market.anyone.post("/v1/sessions", session).await.must_be(200)["access_token"]);
    let claims: Value = {
        let encoded = real.split('.').nth(1).unwrap();
        serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(encoded.as_bytes()).unwrap()).unwrap()
    };
    let with = |field: &str, value: Value| {
        let mut claims = claims.clone();
        claims[field] = value;
        claims
    };
    let me = async |token: &str| market.anyone.with_token(token).get("/v1/users/me").await;
    // The way in which these tokens are made is right: only what is said in them is not.
    assert_eq!(me(&token(&key, Some(&kid), &claims)).await.must_be(200)["email"], scene.user.email);

    let past = seconds_since_1970() - 60;
    let expired = me(&token(&key, Some(&kid), &with("exp", json!(past)))).await;
    assert!(expired.header("www-authenticate").unwrap().contains("invalid_token"));
    expired.refused(401);
    let other_key = TestGateway::start().await;
    let other_key = std::fs::read(other_key.file("token-key")).unwrap();
    let mut forged = vec![
        token(&key, Some(&kid), &with("iss", json!("https://elsewhere.example"))),
        token(&key, Some(&kid), &with("aud", json!("somebody else"))),
        token(&key, Some(&kid), &with("exp", json!("never"))),
        token(&key, Some("another"), &claims),
        token(&other_key, Some(&kid), &claims),
        token(&other_key, None, &claims),
    ];
    let parts: Vec<_> = real.split('.').collect();
    let encode = |value: &Value| data_encoding::BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let unsigned = encode(&json!({ "alg": "none", "typ": "JWT", "kid": kid }));
    let hmac = encode(&json!({ "alg": "HS256", "typ": "JWT", "kid": kid }));
    let other_subject = encode(&with("sub", json!(scene.other_user.id)));
    forged.push(format!("{unsigned}.{}.", parts[1]));
    forged.push(format!("{unsigned}.{}.{}", parts[1], parts[2]));
    forged.push(format!("{hmac}.{}.{}", parts[1], parts[2]));
    forged.push(format!("{}.{other_subject}.{}", parts[0], parts[2]));
    forged.push(format!("{}.{}", parts[0], parts[1]));
    forged.extend(["a.b.c", "not a token", &real[1..], &format!("{real}x"), &"x".repeat(10_000)].map(str::to_owned));
    for token in forged {
        me(&token).await.refused(401);
        market.anyone.with_token(&token).post("/v1/requests", json!({})).await.refused(401);
    }
    // Two credentials are none, and a key is no token.
    let both = market.operator.request(Method::GET, "/v1/third-parties").header("x-api-key", &scene.party.key);
    Answer::to(both).await.refused(401);
    me(&scene.party.key).await.refused(401);
    market.anyone.with_key(&real).get("/v1/me").await.refused(401);
    assert_eq!(scene.all().await, before);
}

#[tokio::test]
async fn filters_that_are_too_long_or_too_deep_are_refused() {
    let scene = Scene::set().await;
    let before = scene.all().await;
    let long = {
        let mut values = String::new();
        while values.len() < 10_000 {
            let _ = write!(values, "\"{}\",", unique("value"));
        }
        format!(r#"{{"detail":{{"category":[{}]}}}}"#, values.trim_end_matches(','))
    };
    let deep = format!(r#"{}["x"]{}"#, r#"{"a":"#.repeat(1_000), "}".repeat(1_000));
    let deep_or = format!(r#"{}{{"a":["x"]}}{}"#, r#"{"$or":["#.repeat(1_000), "]}".repeat(1_000));
    let deep_list = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let deep_but = format!(r#"{{"a":[{}"x"{}]}}"#, r#"{"anything-but":"#.repeat(1_000), "}".repeat(1_000));
    for pattern in [&long, &deep, &deep_or, &deep_list, &deep_but] {
        let filter = format!(r#"{{"pattern":{pattern}}}"#);
        let answer = send(&scene.party.api, &Method::PUT, "/v1/me/filter", filter).await;
        assert!(matches!(answer.status, 400 | 422), "{}", answer.text);
        answer.refused(answer.status);
        let scope = format!(r#"{{"scope":{pattern}}}"#);
        let answer = send(&scene.market.operator, &Method::PATCH, "/v1/third-parties/shop", scope).await;
        assert!(matches!(answer.status, 400 | 422), "{}", answer.text);
        answer.refused(answer.status);
    }
    for malformed in [
        json!({}),
        json!([]),
        json!({ "detail": {} }),
        json!({ "detail": { "category": [] } }),
        json!({ "detail": { "category": "books" } }),
        json!({ "detail": { "category": [{ "numeric": [">", "1"] }] } }),
        json!({ "detail": { "category": [{ "unheard-of": 1 }] } }),
        json!({ "$or": [] }),
    ] {
        let problem = scene.party.api.put("/v1/me/filter", json!({ "pattern": malformed })).await.refused(422);
        assert!(text(&problem["errors"][0]["pointer"]).starts_with("/pattern"), "{malformed}: {problem}");
        assert!(!text(&problem["errors"][0]["detail"]).is_empty());
    }
    assert_eq!(scene.all().await, before);
}

#[tokio::test]
async fn deep_bodies_do_no_harm() {
    let scene = Scene::set().await;
    let before = scene.all().await;
    let deep = |opening: &str, inner: &str, closing: &str| {
        format!("{}{inner}{}", opening.repeat(10_000), closing.repeat(10_000))
    };
    for body in [deep("[", "", "]"), deep(r#"{"a":"#, "1", "}")] {
        for (caller, method, path, good) in scene.calls() {
            let answer = send(caller, &method, &path, body.clone()).await;
            assert!(matches!(answer.status, 400 | 422), "{method} {path}: {}", answer.text);
            // And as the value of a field that it has.
            if let Some(field) = good.as_object().unwrap().keys().next() {
                let answer = send(caller, &method, &path, format!(r#"{{"{field}":{body}}}"#)).await;
                assert!(matches!(answer.status, 400 | 422), "{method} {path}: {}", answer.text);
            }
        }
        let attributes = format!(r#"{{"attributes":{body}}}"#);
        let answer = send(&scene.user.api, &Method::POST, "/v1/requests", attributes).await;
        assert!(matches!(answer.status, 400 | 422), "{}", answer.text);
    }
    assert_eq!(scene.all().await, before);
}

#[tokio::test]
async fn calls_of_the_aws_wire_without_a_signature_are_refused_in_awss_way() {
    let scene = Scene::set().await;
    let before = scene.all().await;
    let entry = json!({
        "Source": "com.marketplace.market", "DetailType": "marketplace requests", "EventBusName": "marketplace",
        "Detail": r#"{"user_id":"u","request_status":"new"}"#,
    });
    for (target, body) in [
        ("AWSEvents.PutEvents", json!({ "Entries": [entry] }).to_string()),
        ("AWSEvents.TestEventPattern", "{".to_owned()),
        ("AWSEvents.DeleteRule", "{}".to_owned()),
        ("", "x".repeat(3 * 1024 * 1024)),
    ] {
        let request = scene.market.operator.request(Method::POST, "/").header("x-amz-target", target);
        let answer = Answer::to(request.header("content-type", "application/x-amz-json-1.1").body(body)).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.json()["__type"].is_string(), "{}", answer.text);
    }
    for method in [Method::GET, Method::PUT, Method::TRACE] {
        Answer::to(scene.market.operator.request(method, "/")).await.refused(405);
    }
    assert_eq!(scene.all().await, before);
}
