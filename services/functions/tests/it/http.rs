//! The routers behind an HTTP API: its payloads, and Cognito's tokens.

use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::Router;
use data_encoding::BASE64URL_NOPAD;
use functions::{
    config::{Api, Tokens},
    http,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use lambda_http::http::Response;
use marketplace_core::ports::Clock as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{user_confirmed::confirmed, world::World};

const ISSUER: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_abcdefghi";
const CLIENT: &str = "1example23456789";

/// A pool that signs tokens as Cognito does; Ed25519 instead of RSA, which is slow to make a key for.
struct Pool {
    key: EncodingKey,
    public: String,
}

impl Pool {
    fn new() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let key = EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref());
        Self { key, public: BASE64URL_NOPAD.encode(pair.public_key().as_ref()) }
    }

    fn keys(&self, id: &str) -> Value {
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": self.public, "kid": id, "alg": "EdDSA", "use": "sig" }] })
    }

    /// An access token: it has `client_id` and no `aud` (Cognito Developer Guide, "Understanding the access token").
    fn token(&self, key: &str, claims: &Value, world: &World) -> String {
        let now = world.clock.now().as_second();
        let mut token = json!({
            "sub": "ann", "iss": ISSUER, "client_id": CLIENT, "token_use": "access", "scope": "openid",
            "auth_time": now, "iat": now, "exp": now + 3_600, "jti": "j", "username": "ann",
        });
        token.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let header = Header { kid: Some(key.to_owned()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &token, &self.key).unwrap()
    }
}

fn tokens(world: &World) -> Tokens {
    let jwks_url = format!("{}/keys", world.cloud.url()).parse().unwrap();
    Tokens { issuer: ISSUER.to_owned(), client: CLIENT.to_owned(), jwks_url }
}

fn api(world: &World) -> Router {
    let config = Api {
        table: "marketplace".to_owned(),
        tokens: tokens(world),
        secrets_key: "alias/marketplace".to_owned(),
        allow_private_endpoints: true,
        sign_up: marketplace_api::SignUpPolicy::Approve,
        public_url: "https://market.example".parse().unwrap(),
    };
    http::api_of(&world.parts(), world.store.clone(), &config).unwrap()
}

/// A call in payload format 2.0 (API Gateway Developer Guide, "AWS Lambda proxy integrations for HTTP APIs").
fn payload(method: &str, path: &str, header: (&str, &str), body: Option<&Value>) -> String {
    let (name, value) = header;
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": { name: value, "content-type": "application/json", "host": "a1b2.execute-api.eu-central-1.amazonaws.com" },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2",
            "domainName": "a1b2.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "a1b2",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "agent",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "21/Nov/2026:18:43:48 +0000",
            "timeEpoch": 1_795_286_628_000_u64,
        },
        "body": body.map(ToString::to_string),
        "isBase64Encoded": false,
    })
    .to_string()
}

async fn call(router: &Router, payload: &str) -> (u16, Value) {
    let request = lambda_http::request::from_str(payload).unwrap();
    let response: Response<axum::body::Body> = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test]
async fn people_come_with_cognitos_tokens() {
    let world = World::new().await;
    let pool = Pool::new();
    world.cloud.has_keys(pool.keys("k1"));
    let api = api(&world);
    confirmed(&world, "ann", "ann@example.com").await;
    let ann = bearer(&pool.token("k1", &json!({}), &world));
    let get = |path: &str, token: &str| payload("GET", path, ("authorization", token), None);
    let (status, profile) = call(&api, &get("/v1/users/me", &ann)).await;
    assert_eq!((status, &profile["email"]), (200, &json!("ann@example.com")));
    let asks = payload("POST", "/v1/requests", ("authorization", &ann), Some(&json!({ "category": "books" })));
    let (status, asked) = call(&api, &asks).await;
    assert_eq!((status, &asked["status"]), (201, &json!("new")));
    let (status, _) = call(&api, &get("/v1/third-parties", &ann)).await;
    assert_eq!(status, 403);
    let operator = bearer(&pool.token("k1", &json!({ "cognito:groups": ["operator"] }), &world));
    assert_eq!(call(&api, &get("/v1/third-parties", &operator)).await.0, 200);
    let (status, _) = call(&api, &get("/v1/users", &ann)).await;
    assert_eq!(status, 404, "nobody registers here");
    for claims in [
        json!({ "client_id": "another" }),
        json!({ "token_use": "id", "aud": CLIENT }),
        json!({ "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_other" }),
        json!({ "exp": 1 }),
    ] {
        let token = bearer(&pool.token("k1", &claims, &world));
        assert_eq!(call(&api, &get("/v1/users/me", &token)).await.0, 401, "{claims}");
    }
}

#[tokio::test]
async fn a_new_key_of_the_pool_is_fetched_and_its_absence_is_our_trouble() {
    let world = World::new().await;
    let (pool, next) = (Pool::new(), Pool::new());
    let api = api(&world);
    let get = |token: &str| payload("GET", "/v1/requests", ("authorization", token), None);
    let token = bearer(&pool.token("k1", &json!({}), &world));
    assert_eq!(call(&api, &get(&token)).await.0, 503, "the key set is empty: nobody can say whose token it is");
    world.cloud.has_keys(pool.keys("k1"));
    world.clock.pass(1);
    assert_eq!(call(&api, &get(&token)).await.0, 200);
    world.cloud.has_keys(next.keys("k2"));
    world.clock.pass(60);
    assert_eq!(call(&api, &get(&bearer(&next.token("k2", &json!({}), &world)))).await.0, 200);
    let fetched = world.cloud.calls("GET /keys").len();
    for _ in 0..5 {
        assert_eq!(call(&api, &get(&bearer(&next.token("k3", &json!({}), &world)))).await.0, 401);
    }
    assert_eq!(world.cloud.calls("GET /keys").len(), fetched, "not for every stranger");
}

#[tokio::test]
async fn third_parties_come_with_their_keys() {
    let world = World::new().await;
    let pool = Pool::new();
    world.cloud.has_keys(pool.keys("k1"));
    let operator = bearer(&pool.token("k1", &json!({ "cognito:groups": ["operator"] }), &world));
    let body = json!({ "id": "books", "name": "Books", "contact_email": "books@example.com" });
    let join = payload("POST", "/v1/third-parties", ("authorization", &operator), Some(&body));
    let (status, joined) = call(&api(&world), &join).await;
    assert_eq!(status, 201, "{joined}");
    let key = joined["api_key"].as_str().unwrap();
    let delivery = world.offered("books", false).await;
    let ingest = http::ingest_of(&world.parts(), world.store.clone(), &tokens(&world), Duration::ZERO).unwrap();
    let lease = payload("POST", "/v1/inbox/lease", ("x-api-key", key), Some(&json!({})));
    let (status, leased) = call(&ingest, &lease).await;
    assert_eq!((status, &leased["offers"][0]["delivery_id"]), (200, &json!(delivery)));
    let path = format!("/v1/deliveries/{delivery}/status");
    let answer = payload("POST", &path, ("x-api-key", key), Some(&json!({ "status": "accepted" })));
    assert_eq!(call(&ingest, &answer).await.0, 200);
    let late = payload("POST", &path, ("x-api-key", key), Some(&json!({ "status": "declined" })));
    let (status, problem) = call(&ingest, &late).await;
    assert_eq!((status, &problem["current_status"]), (409, &json!("accepted")));
}
