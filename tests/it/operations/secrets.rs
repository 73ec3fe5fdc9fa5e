//! After a whole flow with every kind of secret none of them is anywhere but where it was shown once: not in the
//! database, not in the log, not in a letter, and in no other answer, however it is written.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    Answer, Market, Party, PartyServer, Reply, ServerProcess, User,
    aws::AwsClient,
    market::text,
    secrets::{Secrets, rows},
    wiretap::Wiretap,
};

const OPERATOR_TOKEN: &str = "operator's token & nobody else's";
const EVENTS_SECRET: &str = "events secret + its plus sign";
const FIRST_KEY: &str = "the first key has thirty-two characters or more";
const SECOND_KEY: &str = "the second key has thirty-two characters too";
const API_KEY: &str = "party's own key: 100 % secret";
const PASSWORD: &str = "party's own password?";
const CLIENT_SECRET: &str = "client's secret / at its token URL";
const ACCESS_TOKEN: &str = "access-token-that-the-party-gave-out";
const USERS_PASSWORD: &str = "correct horse battery staple 42";
const WRONG_PASSWORD: &str = "a wrong guess of a password";

/// A server whose answers are all listened to.
struct Site {
    server: ServerProcess,
    wiretap: Wiretap,
    market: Market,
    secrets: Secrets,
    /// What was shown in an answer, and how often.
    shown: Vec<(&'static str, usize)>,
}

impl Site {
    async fn start() -> Self {
        let server = ServerProcess::start_with(&[
            ("MARKETPLACE_OPERATOR_TOKEN", OPERATOR_TOKEN),
            ("MARKETPLACE_EVENTS_SECRET", EVENTS_SECRET),
            ("MARKETPLACE_SECRET_KEY", FIRST_KEY),
            ("MARKETPLACE_SIGNUP", "open"),
            // As talkative as can be: what is not said then is never said.
            ("MARKETPLACE_LOG", "json"),
            ("RUST_LOG", "debug"),
        ])
        .await;
        let wiretap = Wiretap::on(&server.url()).await;
        let market = Market::new(&wiretap.url(), OPERATOR_TOKEN, server.data_dir());
        let mut secrets = Secrets::default();
        for (name, secret) in [
            ("the operator's token", OPERATOR_TOKEN),
            ("the events secret", EVENTS_SECRET),
            ("the first secret key", FIRST_KEY),
            ("the second secret key", SECOND_KEY),
            ("a party's API key", API_KEY),
            ("a party's password", PASSWORD),
            ("a client secret", CLIENT_SECRET),
            ("an access token", ACCESS_TOKEN),
            ("a user's password", USERS_PASSWORD),
            ("a wrong password", WRONG_PASSWORD),
        ] {
            secrets.add(name, secret);
        }
        Self { server, wiretap, market, secrets, shown: Vec::new() }
    }

    /// A secret that an answer has shown, once.
    fn shows(&mut self, name: &'static str, secret: &str) {
        self.secrets.add(name, secret);
        self.shown.push((name, 1));
    }

    /// A secret that no answer has shown.
    fn hides(&mut self, name: &'static str, secret: &str) {
        self.secrets.add(name, secret);
    }

    /// The operator lets a third party in and gives it keys, and takes one away.
    async fn join(&mut self) -> Party {
        let (operator, path) = (self.market.operator.clone(), "/v1/third-parties");
        let body = json!({ "id": "shop", "name": "Shop", "contact_email": "dev@shop.example" });
        let joined = operator.post_once("join", path, &body).await.must_be(201);
        let key = text(&joined["api_key"]);
        self.shows("the first key", &key);
        operator.post_once("join", path, &body).await.must_be(201);

        let keys = format!("{path}/shop/keys");
        for (name, environment) in [("a key for test", "test"), ("a key that was revoked", "prod")] {
            let made = operator.post(&keys, json!({ "environment": environment })).await.must_be(201);
            let key = text(&made["api_key"]);
            self.shows(name, &key);
            if environment == "prod" {
                operator.delete(&format!("{keys}/{}", text(&made["key_id"]))).await.must_be(204);
                self.market.anyone.with_key(&key).get("/v1/me").await.refused(401);
            }
        }
        let api = self.market.anyone.with_key(&key);
        Party { id: "shop".to_owned(), key, api, transport: None }
    }

    /// Another party signs up, loses what it was answered, and moves into `prod`, twice.
    async fn sign_up(&mut self) {
        let anyone = self.market.anyone.clone();
        let body = json!({ "id": "pens", "name": "Pens", "contact_email": "dev@pens.example" });
        anyone.post_once("sign-up", "/v1/third-parties/signup", &body).await.must_be(202);
        let token = self.market.mailbox.confirmation_token("dev@pens.example").await;
        self.hides("what confirms a sign-up", &token);
        let mut managing = String::new();
        for (lost, names) in [
            ("lost", ["a lost key for test", "a lost key for dev"]),
            ("kept", ["a first key for test", "a first key for dev"]),
        ] {
            let confirmation = json!({ "token": token });
            let confirmed = anyone.post_once(lost, "/v1/third-parties/confirm", &confirmation).await.must_be(200);
            for (name, key) in names.into_iter().zip(confirmed["keys"].as_array().unwrap()) {
                self.shows(name, &text(&key["api_key"]));
            }
            managing = text(&confirmed["keys"][0]["api_key"]);
            anyone.post_once(lost, "/v1/third-parties/confirm", &confirmation).await.must_be(200);
        }
        let open = json!({ "open": true, "environment": "prod" });
        self.market.operator.patch("/v1/third-parties/pens", open).await.must_be(200);
        let in_test = anyone.with_key(&managing);
        for name in ["a lost key for prod", "the first key for prod"] {
            let made = in_test.post("/v1/me/keys", json!({ "environment": "prod" })).await.must_be(201);
            self.shows(name, &text(&made["api_key"]));
        }
    }

    /// Somebody registers, confirms an address and a number, and signs in.
    async fn register(&mut self) -> User {
        let (anyone, email) = (self.market.anyone.clone(), "ann@example.com");
        let body = json!({ "email": email, "password": USERS_PASSWORD });
        let user = anyone.post_once("register", "/v1/users", &body).await.must_be(201);
        anyone.post_once("register", "/v1/users", &body).await.must_be(201);
        let token = self.market.mailbox.confirmation_token(email).await;
        self.hides("what confirms the address", &token);
        anyone.post("/v1/users/confirm", json!({ "token": token })).await.must_be(204);
        let wrong = json!({ "email": email, "password": WRONG_PASSWORD });
        anyone.post("/v1/sessions", wrong).await.refused(401);
        let session = text(&anyone.post("/v1/sessions", body).await.must_be(200)["access_token"]);
        self.shows("a session's token", &session);
        let user = User {
            id: text(&user["id"]),
            email: email.to_owned(),
            password: USERS_PASSWORD.to_owned(),
            api: anyone.with_token(&session),
        };
        let phone = json!({ "phone": "+15551234567", "notifications": { "sms": true } });
        user.api.patch("/v1/users/me", phone).await.must_be(200);
        let token = self.market.mailbox.confirmation_token("+15551234567").await;
        self.hides("what confirms the number", &token);
        anyone.post("/v1/users/confirm", json!({ "token": token })).await.must_be(204);
        anyone.with_token(&(session.clone() + "x")).get("/v1/users/me").await.refused(401);
        user
    }

    /// Messages are pushed with every kind of credential and of signature.
    async fn push(&mut self, party: &Party, user: &User, endpoint: &PartyServer, tokens: &PartyServer) {
        let url = endpoint.url("/offers");
        let oauth = json!({
            "type": "oauth-client-credentials", "token_url": tokens.url("/token"), "client_id": "marketplace",
            "client_secret": CLIENT_SECRET,
        });
        for auth in [
            json!({ "type": "api-key", "name": "x-their-key", "value": API_KEY }),
            json!({ "type": "basic", "username": "marketplace", "password": PASSWORD }),
            oauth.clone(),
        ] {
            party.takes_pushes(json!({ "url": url, "auth": auth })).await;
            self.delivered(user).await;
        }
        let signed = json!({ "url": url, "auth": oauth, "transport": "direct", "signed": true });
        let shown = party.takes_pushes(signed.clone()).await;
        self.shows("the first signing secret", &text(&shown["signing_secret"]));
        self.delivered(user).await;
        for (name, hours) in [("a second signing secret", 24), ("a third signing secret", 0)] {
            let rotate = party.api.post("/v1/me/delivery/rotate-secret", json!({ "grace_hours": hours })).await;
            self.shows(name, &text(&rotate.must_be(200)["signing_secret"]));
            self.delivered(user).await;
        }
        party.takes_pushes(signed).await;
        party.api.post("/v1/me/delivery/test", json!({})).await.must_be(200);
        self.refuse(party, &url).await;
    }

    /// What is refused is not repeated to whoever sent it.
    async fn refuse(&self, party: &Party, url: &str) {
        for auth in [
            json!({ "type": "api-key", "name": "x-their-key", "value": format!("{API_KEY}\n") }),
            json!({ "type": "basic", "username": "with:colon", "password": PASSWORD }),
            json!({ "type": "basic", "user": "marketplace", "password": PASSWORD }),
            json!({ "type": PASSWORD }),
            json!({ "type": "oauth-client-credentials", "token_url": CLIENT_SECRET, "client_id": CLIENT_SECRET }),
        ] {
            party.api.put("/v1/me/delivery", json!({ "mode": "push", "url": url, "auth": auth })).await.refused(422);
        }
        let unfinished = format!(r#"{{"mode":"push","auth":{{"password":"{PASSWORD}""#);
        let request = party.api.request(Method::PUT, "/v1/me/delivery").header("content-type", "application/json");
        Answer::to(request.body(unfinished)).await.refused(400);
        let registration = json!({ "email": USERS_PASSWORD, "password": WRONG_PASSWORD, "more": WRONG_PASSWORD });
        self.market.anyone.post("/v1/users", registration).await.refused(422);
    }

    async fn delivered(&self, user: &User) {
        let id = user.place(json!({ "third_party": "shop", "category": "books" })).await;
        self.market.until_offer(&id, "shop", "delivered").await;
    }

    /// Everybody reads what they may.
    async fn read(&self, party: &Party, user: &User) {
        for (caller, path) in [
            (&party.api, "/v1/me"),
            (&user.api, "/v1/users/me"),
            (&user.api, "/v1/requests"),
            (&self.market.operator, "/v1/third-parties"),
            (&self.market.operator, "/v1/third-parties/shop"),
            (&self.market.operator, "/v1/dead-letters"),
            (&self.market.anyone, "/metrics"),
            (&self.market.anyone, "/openapi.json"),
            (&self.market.anyone, "/docs"),
            (&self.market.anyone, "/.well-known/jwks.json"),
        ] {
            assert_eq!(caller.get(path).await.status, 200, "{path}");
        }
        let requests = user.api.get("/v1/requests").await.must_be(200);
        for request in requests["items"].as_array().unwrap() {
            for caller in [&party.api, &user.api, &self.market.operator] {
                caller.get(&format!("/v1/requests/{}", text(&request["id"]))).await.must_be(200);
            }
        }
    }

    /// The secret key is replaced, and what was sealed is still good.
    async fn replace_the_key(&mut self) {
        self.server.terminate();
        assert!(self.server.ended().await.success());
        self.server.set("MARKETPLACE_SECRET_KEY", SECOND_KEY);
        self.server.set("MARKETPLACE_SECRET_KEY_PREVIOUS", FIRST_KEY);
        self.server.spawn().await;
    }

    /// Where secrets are that should not be.
    fn leaks(&self) -> Vec<String> {
        let database = self.server.data_dir().join("marketplace.db");
        let wal = fs::read(self.server.data_dir().join("marketplace.db-wal")).unwrap_or_default();
        let stored = [fs::read(&database).unwrap(), wal, rows(&database)].concat();
        let log = self.server.log();
        assert!(log.lines().count() > 100 && stored.len() > 10_000, "there is something to look through");
        let mut leaks = Vec::new();
        let mut look =
            |place: &str, found: Vec<String>| leaks.extend(found.iter().map(|one| format!("{place}: {one}")));
        look("the database", self.secrets.found_in(&stored));
        look("the log", self.secrets.found_in(log.as_bytes()));
        look("an answer", self.secrets.found_beyond(&self.wiretap.heard(), &self.shown));
        // The links that confirm are in the letters to those whom they are for, and nowhere else.
        for letter in fs::read_dir(self.server.data_dir().join("outbox")).unwrap() {
            let text = fs::read(letter.unwrap().path()).unwrap();
            let letter: Value = serde_json::from_slice(&text).unwrap();
            let own = match letter["to"].as_str() {
                Some("ann@example.com") => Some("what confirms the address"),
                Some("+15551234567") => Some("what confirms the number"),
                Some("dev@pens.example") => Some("what confirms a sign-up"),
                Some("dev@shop.example") => None,
                other => panic!("nobody wrote to {other:?}"),
            };
            let found = self.secrets.found_in(&text).into_iter();
            look("a letter", found.filter(|found| !own.is_some_and(|own| found.starts_with(own))).collect());
        }
        leaks
    }
}

#[tokio::test]
async fn no_secret_is_where_it_is_not_shown() {
    let mut site = Site::start().await;
    let endpoint = PartyServer::always(Reply::status(200)).await;
    let token = json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 3_600 });
    let tokens = PartyServer::always(Reply::json(&token)).await;
    let party = site.join().await;
    party.wants_everything().await;
    site.sign_up().await;
    let user = site.register().await;
    site.push(&party, &user, &endpoint, &tokens).await;
    let id = user.place(json!({ "third_party": "shop" })).await;
    site.market.until_offer(&id, "shop", "delivered").await;
    party.api.post(&format!("/v1/requests/{id}/status"), json!({ "status": "accepted" })).await.must_be(200);
    site.market.mailbox.about(&id, &user.email, 1).await;
    put_events(&site.wiretap.url()).await;
    site.market.anyone.with_token(WRONG_PASSWORD).get("/v1/third-parties").await.refused(401);
    site.read(&party, &user).await;
    site.replace_the_key().await;
    site.delivered(&user).await;
    site.read(&party, &user).await;

    // All of them were really used.
    let sent = endpoint.received();
    for credential in [API_KEY, "Basic ", ACCESS_TOKEN] {
        let carries = |value: &str| value.contains(credential);
        assert!(sent.iter().any(|message| message.headers.iter().any(|(_, value)| carries(value))), "{credential}");
    }
    assert!(sent.iter().any(|message| message.header("webhook-signature").is_some()));
    assert_eq!(site.leaks(), [""; 0]);
    site.server.terminate();
    assert!(site.server.ended().await.success());
    assert_eq!(site.leaks(), [""; 0], "after it has ended");
}

/// AWS's own client signs with the secret, and with a wrong one.
async fn put_events(url: &str) {
    let entries = json!([{
        "Source": "com.marketplace.market", "DetailType": "marketplace requests", "EventBusName": "marketplace",
        "Detail": json!({ "user_id": "ann", "request_status": "new" }).to_string(),
    }])
    .to_string();
    let client = AwsClient::new(url, EVENTS_SECRET);
    let put = ["put-events", "--entries", &entries];
    assert_eq!(client.events(&put).await.result()["FailedEntryCount"], 0);
    assert!(!client.with_secret(WRONG_PASSWORD).events(&put).await.succeeded);
}
