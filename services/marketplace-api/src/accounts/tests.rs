//! The way of a person, over HTTP: register, confirm, sign in, look, change; and what is refused on the way.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt as _;
use http_edge::{
    finish::finish,
    token::{Expected, JwksVerifier},
};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::ports::{Clock, NoticeError, UserStore as _};
use platform_base::{randomness::OsRandomness, vault::Vault};
use platform_embedded::{
    Embedded, Options,
    identity::{AUDIENCE, LocalIdentity},
    notices::LocalNotices,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::*;

const URL: &str = "https://market.example";
const PASSWORD: &str = "correct horse battery";

/// A clock that tests move.
struct TestClock(Mutex<Timestamp>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// The routes on the embedded platform in a folder of its own.
struct Api {
    router: Router,
    store: Embedded,
    clock: Arc<TestClock>,
    outbox: PathBuf,
    _folder: TempDir,
}

/// What was answered.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Api {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let outbox = folder.path().join("outbox");
        let notices = LocalNotices::open(&outbox, None).unwrap();
        Self::with_notices(folder, outbox, notices)
    }

    fn with_notices(folder: TempDir, outbox: PathBuf, notices: impl Notices) -> Self {
        let vault = Vault::new(&"0123456789abcdef0123456789abcdef".into()).unwrap();
        let store = Embedded::open(Options::new(folder.path().to_owned(), vault)).unwrap();
        let identity = LocalIdentity::open(&folder.path().join("key"), URL).unwrap();
        let expected = Expected { issuer: URL.to_owned(), audience: AUDIENCE.to_owned(), operator_group: None };
        let clock = Arc::new(TestClock(Mutex::new("2026-11-21T08:00:00Z".parse().unwrap())));
        let randomness = Arc::new(OsRandomness::new().unwrap());
        let edge = Edge {
            store: store.clone(),
            clock: clock.clone(),
            randomness: randomness.clone(),
            operator_token: None,
            tokens: Arc::new(JwksVerifier::new(identity.key_set(), expected).unwrap()),
            rate_limit: None,
        };
        let rest = crate::routes(crate::Deps {
            edge: edge.clone(),
            allow_private_endpoints: false,
            sign_up: crate::SignUpPolicy::Off,
            readiness: Arc::new(|| Box::pin(async { Ok(()) })),
        });
        let accounts = Accounts { edge, identity, notices, public_url: URL.into() };
        let router = finish(routes(accounts).merge(rest), clock.clone(), randomness);
        Self { router, store, clock, outbox, _folder: folder }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        let request = Request::post(path).header("content-type", "application/json");
        self.send(request.body(body.to_string().into()).unwrap()).await
    }

    async fn post_with_key(&self, path: &str, key: &str, body: Value) -> Answer {
        let request = Request::post(path).header("idempotency-key", key);
        self.send(request.body(body.to_string().into()).unwrap()).await
    }

    async fn me(&self, token: &str) -> Answer {
        let request = Request::get("/v1/users/me").header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn change(&self, token: &str, body: Value) -> Answer {
        let request = Request::patch("/v1/users/me").header("authorization", format!("Bearer {token}"));
        self.send(request.body(body.to_string().into()).unwrap()).await
    }

    async fn register(&self, email: &str) -> Value {
        let answer = self.post("/v1/users", json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["id"].clone()
    }

    async fn sign_in(&self, email: &str) -> String {
        let answer = self.post("/v1/sessions", json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    fn sent(&self) -> Vec<Value> {
        let files = fs::read_dir(&self.outbox).unwrap();
        files.map(|file| serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap()).collect()
    }

    fn sent_to(&self, address: &str) -> Vec<Value> {
        self.sent().into_iter().filter(|notice| notice["to"] == address).collect()
    }

    fn wait(&self, duration: SignedDuration) {
        *self.clock.0.lock().unwrap() += duration;
    }
}

/// The token in the link of a confirmation.
fn token_in(notice: &Value) -> String {
    let (_, after) = notice["body"].as_str().unwrap().split_once("https://market.example/confirm#token=").unwrap();
    after.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_registers_confirms_signs_in_and_sees_themselves() {
    let api = Api::open();
    let body = json!({ "email": "Ann@Example.com", "password": PASSWORD, "name": "Ann", "phone": "+15551234567" });
    let created = api.post("/v1/users", body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let id = created.body["id"].as_str().unwrap();
    assert!(id.starts_with("usr_"));

    let token = api.sign_in("ANN@example.com").await;
    let me = api.me(&token).await;
    let expected = json!({
        "id": id, "email": "ann@example.com", "name": "Ann", "phone": "+15551234567", "confirmed_at": null,
        "phone_confirmed_at": null,
        "notifications": { "email": true, "sms": false }, "test_account": false,
        "created_at": "2026-11-21T08:00:00Z",
    });
    assert_eq!((me.status, me.body), (StatusCode::OK, expected));

    assert_eq!(api.sent().len(), 2, "one link to each address");
    let sent = api.sent_to("ann@example.com");
    api.wait(SignedDuration::from_secs(5));
    for _ in 0..2 {
        let confirmed = api.post("/v1/users/confirm", json!({ "token": token_in(&sent[0]) })).await;
        assert_eq!((confirmed.status, confirmed.body), (StatusCode::NO_CONTENT, Value::Null));
        assert_eq!(api.me(&token).await.body["confirmed_at"], "2026-11-21T08:00:05Z");
        api.wait(SignedDuration::from_secs(60));
    }
}

#[tokio::test]
async fn neither_the_password_nor_the_token_of_the_link_is_stored() {
    let api = Api::open();
    api.post_with_key("/v1/users", "k", json!({ "email": "ann@example.com", "password": PASSWORD })).await;
    let token = token_in(&api.sent()[0]);
    api.post_with_key("/v1/users/confirm", "k", json!({ "token": token })).await;
    let user = api.store.user_by_email("ann@example.com").await.unwrap().unwrap();
    assert!(user.password_hash.starts_with("$argon2id$"));
    let folder = api.outbox.parent().unwrap();
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file());
    for path in files {
        let bytes = fs::read(&path).unwrap();
        for secret in [PASSWORD, &token] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{path:?}");
        }
    }
}

#[tokio::test]
async fn what_is_not_allowed_is_named() {
    let api = Api::open();
    let answer = api.post("/v1/users", json!({ "email": "ann@", "password": "short", "name": "", "phone": "1" })).await;
    assert_eq!(answer.status, 422);
    let pointers: Vec<_> = answer.body["errors"].as_array().unwrap().iter().map(|fault| &fault["pointer"]).collect();
    assert_eq!(pointers, ["/email", "/password", "/name", "/phone"]);
    assert!(!answer.body.to_string().contains("short"), "values are not repeated");

    let cases = [
        ("/v1/users", json!({ "email": "a@b.c", "password": PASSWORD, "test_account": true }), 422),
        ("/v1/users", json!({ "email": "a@b.c" }), 422),
        ("/v1/users", json!(["a@b.c", PASSWORD]), 422),
        ("/v1/users/confirm", json!({ "token": "unknown" }), 404),
        ("/v1/users/confirm", json!({ "token": 7 }), 422),
        ("/v1/sessions", json!({ "email": "a@b.c" }), 422),
        ("/v1/sessions", json!({ "email": "a@b.c", "password": PASSWORD }), 401),
        ("/v1/sessions", json!({ "email": "no address", "password": PASSWORD }), 401),
    ];
    for (path, body, status) in cases {
        let answer = api.post(path, body.clone()).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    assert_eq!(api.sent(), Vec::<Value>::new());
}

#[tokio::test]
async fn an_address_has_one_account_and_a_second_one_learns_nothing() {
    let api = Api::open();
    let id = api.register("ann@example.com").await;
    let other = json!({ "email": "ANN@example.com", "password": "another password", "name": "Eve" });
    let refused = api.post("/v1/users", other).await;
    assert_eq!(refused.status, 409);
    assert!(!refused.body.to_string().contains(id.as_str().unwrap()));
    assert_eq!(api.sent().len(), 1, "nothing is sent for the second");
    api.sign_in("ann@example.com").await;
}

#[tokio::test]
async fn a_registration_that_is_sent_again_is_one_account() {
    let api = Api::open();
    let body = json!({ "email": "ann@example.com", "password": PASSWORD });
    let first = api.post_with_key("/v1/users", "key-1", body.clone()).await;
    let again = api.post_with_key("/v1/users", "key-1", body).await;
    assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(first.body, again.body);
    assert_eq!(api.sent().len(), 1);
    for other in [
        json!({ "email": "ben@example.com", "password": PASSWORD }),
        json!({ "email": "ann@example.com", "password": PASSWORD, "name": "Ann" }),
        json!({ "email": "ann@example.com", "password": "another password" }),
    ] {
        assert_eq!(api.post_with_key("/v1/users", "key-1", other.clone()).await.status, 422, "{other}");
    }
}

#[tokio::test]
async fn a_confirmation_honours_its_key() {
    let api = Api::open();
    api.register("ann@example.com").await;
    let body = json!({ "token": token_in(&api.sent()[0]) });
    for _ in 0..2 {
        assert_eq!(api.post_with_key("/v1/users/confirm", "key-1", body.clone()).await.status, 204);
    }
    assert_eq!(api.post_with_key("/v1/users/confirm", "key-1", json!({ "token": "x" })).await.status, 422);
}

#[tokio::test]
async fn failed_sign_ins_slow_an_account_down_and_no_other() {
    let api = Api::open();
    api.register("ann@example.com").await;
    api.register("ben@example.com").await;
    let wrong = json!({ "email": "ann@example.com", "password": "wrong password" });
    let unknown = json!({ "email": "nobody@example.com", "password": "wrong password" });
    let mut answers = Vec::new();
    for body in [&wrong, &unknown] {
        for _ in 0..5 {
            let answer = api.post("/v1/sessions", body.clone()).await;
            assert_eq!(answer.status, 401);
            answers.push(answer.body);
        }
        let slowed = api.post("/v1/sessions", body.clone()).await;
        assert_eq!(
            (slowed.status, &slowed.headers["retry-after"]),
            (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap())
        );
        answers.push(slowed.body);
    }
    let (known, unknown) = answers.split_at(6);
    assert_eq!(known, unknown, "an account that exists and one that does not look alike");
    api.sign_in("ben@example.com").await;
    api.wait(SignedDuration::from_secs(1));
    api.sign_in("ann@example.com").await;
}

#[tokio::test]
async fn a_token_is_verified_by_others_with_the_published_keys_and_ends() {
    let api = Api::open();
    api.register("ann@example.com").await;
    let session = api.post("/v1/sessions", json!({ "email": "ann@example.com", "password": PASSWORD })).await;
    assert_eq!((&session.body["token_type"], &session.body["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(session.headers["cache-control"], "no-store");
    let token = session.body["access_token"].as_str().unwrap();

    let keys = api.send(Request::get("/.well-known/jwks.json").body(Body::empty()).unwrap()).await;
    let expected = Expected { issuer: URL.to_owned(), audience: AUDIENCE.to_owned(), operator_group: None };
    let others = JwksVerifier::new(&keys.body.to_string(), expected).unwrap();
    let verified = http_edge::token::TokenVerifier::verify(&others, token, api.clock.now()).unwrap();
    assert_eq!(verified.id.as_str(), api.me(token).await.body["id"]);

    assert_eq!(api.me("not.a.token").await.status, 401);
    assert_eq!(api.me(&format!("{token}x")).await.status, 401);
    api.wait(SignedDuration::from_secs(3_600 + 10));
    assert_eq!(api.me(token).await.status, 401);
}

#[tokio::test]
async fn people_change_what_is_theirs_to_change() {
    let api = Api::open();
    api.register("ann@example.com").await;
    let token = api.sign_in("ann@example.com").await;
    let body = json!({ "name": "Ann", "phone": "+15551234567", "notifications": { "email": false, "sms": true } });
    let changed = api.change(&token, body).await;
    assert_eq!((changed.status, &changed.body["name"]), (StatusCode::OK, &json!("Ann")));
    let changed = api.change(&token, json!({ "name": null })).await;
    assert_eq!(changed.body["name"], Value::Null);
    assert_eq!(changed.body["phone"], "+15551234567");
    assert_eq!(changed.body["notifications"], json!({ "email": false, "sms": true }));
    assert_eq!(api.me(&token).await.body, changed.body);

    for refused in [
        json!({ "email": "eve@example.com" }),
        json!({ "test_account": true }),
        json!({ "phone": "555" }),
        json!({ "name": "Ann\r\nBcc: eve@example.com" }),
        json!({ "notifications": { "email": null } }),
        json!({ "notifications": { "email": true, "fax": true } }),
        json!({ "notifications": null, "password": "x" }),
    ] {
        assert_eq!(api.change(&token, refused.clone()).await.status, 422, "{refused}");
    }
    assert_eq!(api.me(&token).await.body, changed.body);
    let merged = api.change(&token, json!({ "notifications": { "email": true } })).await;
    assert_eq!(merged.body["notifications"], json!({ "email": true, "sms": true }));
}

#[tokio::test]
async fn a_phone_number_is_confirmed_by_a_text_to_it() {
    let (api, number) = (Api::open(), "+15551234567");
    api.register("ann@example.com").await;
    let token = api.sign_in("ann@example.com").await;
    let set = async |phone: &str| api.change(&token, json!({ "phone": phone })).await;
    assert_eq!(set(number).await.body["phone_confirmed_at"], Value::Null);
    let text = api.sent_to(number).pop().unwrap();
    assert_eq!((&text["channel"], text["body"].as_str().unwrap().len() <= 160), (&json!("sms"), true), "{text}");
    let link = token_in(&text);
    for _ in 0..2 {
        assert_eq!(api.post("/v1/users/confirm", json!({ "token": link })).await.status, 204);
    }
    let me = api.me(&token).await.body;
    assert_eq!((&me["phone_confirmed_at"], &me["confirmed_at"]), (&json!("2026-11-21T08:00:00Z"), &Value::Null));
    assert_eq!(set(number).await.body["phone_confirmed_at"], "2026-11-21T08:00:00Z");
    assert_eq!(api.sent_to(number).len(), 1, "it is confirmed already");

    assert_eq!(set("+15557654321").await.body["phone_confirmed_at"], Value::Null);
    assert_eq!(api.post("/v1/users/confirm", json!({ "token": link })).await.status, 404, "it is another number's");
    assert_eq!(api.me(&token).await.body["phone_confirmed_at"], Value::Null);
    let link = token_in(&api.sent_to("+15557654321")[0]);
    api.wait(SignedDuration::from_hours(24));
    assert_eq!(api.post("/v1/users/confirm", json!({ "token": link })).await.status, 404, "its time is over");
}

#[tokio::test]
async fn nobody_has_a_strangers_phone_texted_all_day() {
    let (api, number) = (Api::open(), "+15551234567");
    api.register("eve@example.com").await;
    let token = api.sign_in("eve@example.com").await;
    for _ in 0..3 {
        assert_eq!(api.change(&token, json!({ "phone": number })).await.status, 200);
        api.wait(SignedDuration::from_secs(60));
    }
    let body = json!({ "phone": "+15557654321", "name": "Eve" });
    let refused = api.change(&token, body.clone()).await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (StatusCode::TOO_MANY_REQUESTS, &3_420.into()));
    let me = api.me(&token).await.body;
    assert_eq!((&me["name"], &me["phone"]), (&Value::Null, &json!(number)), "nothing is changed");
    // What texts nobody goes on, and so do accounts: only their text has to be asked for again.
    assert_eq!(api.change(&token, json!({ "phone": null })).await.status, 200);
    let ben = json!({ "email": "ben@example.com", "password": PASSWORD, "phone": number });
    assert_eq!(api.post("/v1/users", ben).await.status, 201);
    assert_eq!((api.sent_to(number).len(), api.sent_to("ben@example.com").len()), (3, 1));
    api.wait(SignedDuration::from_secs(3_420));
    let token = api.sign_in("eve@example.com").await;
    assert_eq!(api.change(&token, body).await.status, 200);
    assert_eq!(api.sent_to("+15557654321").len(), 1);
}

/// A mail server that is down at first.
#[derive(Clone)]
struct Late {
    failures: Arc<Mutex<usize>>,
    outbox: LocalNotices,
}

impl Notices for Late {
    async fn send(&self, notice: &marketplace_core::ports::Notice) -> Result<(), NoticeError> {
        let down = {
            let mut failures = self.failures.lock().unwrap();
            let down = *failures > 0;
            *failures = failures.saturating_sub(1);
            down
        };
        if down {
            return Err(NoticeError::Retry("connection refused".into()));
        }
        self.outbox.send(notice).await
    }
}

#[tokio::test]
async fn a_mail_server_that_is_down_for_a_moment_does_not_lose_the_link() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = folder.path().join("outbox");
    let local = LocalNotices::open(&outbox, None).unwrap();
    let late = Late { failures: Arc::new(Mutex::new(1)), outbox: local };
    let api = Api::with_notices(folder, outbox, late);
    api.register("ann@example.com").await;
    let arrived = async {
        while api.sent().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), arrived).await.unwrap();
}
