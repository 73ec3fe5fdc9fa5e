//! What the gateway answers: every operation once with success, and refusals, all as described.

use std::{collections::BTreeSet, sync::Mutex};

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Caller, Party, PartyServer, Reply, TestGateway, User, eventually, market::text};

use crate::document::{faults, operation, operations, strict_validator};

/// Calls the gateway and holds every answer against the description.
struct Witness {
    gateway: TestGateway,
    /// The operations that went well at least once.
    succeeded: Mutex<BTreeSet<String>>,
}

impl Witness {
    async fn start() -> Self {
        Self { gateway: TestGateway::start().await, succeeded: Mutex::default() }
    }

    /// Calls an operation; `ids` take the places in its path, in order.
    async fn call(
        &self,
        caller: &Caller,
        (method, path): (Method, &str),
        ids: &[&str],
        body: Option<Value>,
        status: u16,
    ) -> Value {
        let mut address = path.to_owned();
        for id in ids {
            let (begin, end) = (address.find('{').expect("a place"), address.find('}').expect("its end"));
            address.replace_range(begin..=end, id);
        }
        let mut request = caller.request(method.clone(), &address);
        if let Some(body) = &body {
            request = request.json(body);
        }
        self.check(method.as_str(), path, &Answer::to(request).await, status)
    }

    /// Holds an answer against the description of its operation.
    fn check(&self, method: &str, path: &str, answer: &Answer, status: u16) -> Value {
        let operation = operation(method, path);
        let name = format!("{}: {status}", operation.name());
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        let described = operation.answer(status);
        for header in described["headers"].as_object().expect("headers").keys() {
            let at_times = header == "idempotency-replayed" || header == "www-authenticate";
            assert!(at_times || answer.header(header).is_some(), "{name}: no {header}");
        }
        if status < 300 {
            self.succeeded.lock().unwrap().insert(operation.name());
        }
        let media_type = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
        let Some(content) = described.get("content") else {
            assert_eq!((media_type, &*answer.text), ("", ""), "{name}");
            return Value::Null;
        };
        let schema = content.get(media_type).unwrap_or_else(|| panic!("{name}: {media_type} is not described"));
        let value = if media_type.ends_with("json") || media_type.ends_with("json-1.1") {
            answer.json()
        } else {
            Value::from(answer.text.clone())
        };
        assert_eq!(faults(&strict_validator(&schema["schema"]), &value), [""; 0], "{name}: {value:#}");
        value
    }

    async fn get(&self, caller: &Caller, path: &str, ids: &[&str]) -> Value {
        self.call(caller, (Method::GET, path), ids, None, 200).await
    }

    async fn post(&self, caller: &Caller, path: &str, ids: &[&str], body: Value, status: u16) -> Value {
        self.call(caller, (Method::POST, path), ids, Some(body), status).await
    }

    fn operator(&self) -> &Caller {
        &self.gateway.operator
    }
}

#[tokio::test]
async fn every_operation_answers_as_described() {
    let witness = Witness::start().await;
    watching(&witness).await;
    let party = joining(&witness).await;
    keys(&witness, &party).await;
    pauses(&witness, &party).await;
    sign_ups(&witness).await;
    signing(&witness, &party).await;
    let user = people(&witness).await;
    pushes(&witness, &party, &user).await;
    history(&witness, &party).await;
    inbox(&witness, &party, &user).await;
    cancelling(&witness, &user).await;
    back_tests(&witness, &party, &user).await;
    leaving(&witness, &party).await;
    put_events(&witness).await;

    let every: BTreeSet<_> = operations().iter().map(crate::document::Operation::name).collect();
    let succeeded = witness.succeeded.into_inner().unwrap();
    let untried: Vec<_> = every.difference(&succeeded).collect();
    assert!(untried.is_empty(), "{untried:?}");
    witness.gateway.stop().await;
}

async fn watching(witness: &Witness) {
    for path in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/.well-known/jwks.json",
        "/third-parties/confirm",
    ] {
        witness.get(&witness.gateway.anyone, path, &[]).await;
    }
    let served = witness.gateway.anyone.get("/openapi.json").await.json();
    assert_eq!(&served, crate::document::whole());
}

/// Makes a third party that wants everything, with every setting that an operator has.
async fn joining(witness: &Witness) -> Party {
    let (operator, path) = (witness.operator(), "/v1/third-parties");
    let scope = json!({ "source": ["com.marketplace.market"] });
    let body = json!({ "id": "3rdparty1", "name": "Books", "contact_email": "dev@books.example", "scope": scope });
    let joined = witness.post(operator, path, &[], body.clone(), 201).await;
    let taken = witness.post(operator, path, &[], body, 409).await;
    assert_eq!(taken["current_status"], "taken");
    let (id, key) = (text(&joined["id"]), text(&joined["api_key"]));
    let party = Party { api: witness.gateway.anyone.with_key(&key), id, key, transport: None };

    witness.get(operator, path, &[]).await;
    let one = "/v1/third-parties/{id}";
    witness.get(operator, one, &[&party.id]).await;
    let paused = json!({ "name": "Books and more", "state": "paused", "environment": "dev" });
    witness.call(operator, (Method::PATCH, one), &[&party.id], Some(paused), 200).await;
    witness.call(operator, (Method::PATCH, one), &[&party.id], Some(json!({})), 422).await;
    witness.call(operator, (Method::PATCH, one), &["nobody"], Some(json!({ "name": "Nobody" })), 404).await;
    let key = json!({ "environment": "test" });
    let key = witness.post(operator, "/v1/third-parties/{id}/keys", &[&party.id], key, 201).await;
    witness.get(operator, "/v1/third-parties/{id}/keys", &[&party.id]).await;
    let revoked = (Method::DELETE, "/v1/third-parties/{id}/keys/{key_id}");
    witness.call(operator, revoked, &[&party.id, &text(&key["key_id"])], None, 204).await;

    witness.call(&party.api, (Method::PUT, "/v1/me/filter"), &[], Some(json!({ "pattern": scope })), 200).await;
    let unfit = json!({ "pattern": { "detail": { "amount": [{ "numeric": ["<"] }] } } });
    witness.call(&party.api, (Method::PUT, "/v1/me/filter"), &[], Some(unfit), 422).await;
    for (_, settings) in operation("put", "/v1/me/delivery").body_examples() {
        witness.call(&party.api, (Method::PUT, "/v1/me/delivery"), &[], Some(settings.clone()), 200).await;
        witness.get(&party.api, "/v1/me", &[]).await;
        witness.get(operator, one, &[&party.id]).await;
    }
    party
}

/// A party makes itself keys and takes them away.
async fn keys(witness: &Witness, party: &Party) {
    let (path, one) = ("/v1/me/keys", (Method::DELETE, "/v1/me/keys/{key_id}"));
    for (_, body) in operation("post", path).body_examples() {
        witness.post(&party.api, path, &[], body.clone(), 201).await;
    }
    let made = witness.post(&party.api, path, &[], json!({ "scope": "integrate" }), 201).await;
    witness.post(&party.api, path, &[], json!({ "environment": "test" }), 422).await;
    let integrating = witness.gateway.anyone.with_key(&text(&made["api_key"]));
    witness.post(&integrating, path, &[], json!({}), 403).await;
    let listed = witness.get(&party.api, path, &[]).await;
    witness.call(&party.api, one.clone(), &[&text(&made["key_id"])], None, 204).await;
    witness.call(&party.api, one.clone(), &[&text(&made["key_id"])], None, 404).await;
    let first = listed["items"].as_array().expect("keys").last().expect("the first key")["key_id"].clone();
    let last = witness.call(&party.api, one, &[&text(&first)], None, 409).await;
    assert_eq!(last["current_status"], "last-key");
}

/// Somebody signs up, follows the link, and is let in.
async fn sign_ups(witness: &Witness) {
    let (anyone, confirm) = (&witness.gateway.anyone, "/v1/third-parties/confirm");
    let (approve, id, contact) = ("/v1/third-parties/{id}/approve", "pens-and-more", "dev@pens.example");
    let body = json!({ "id": id, "name": "Pens", "contact_email": contact });
    witness.post(anyone, "/v1/third-parties/signup", &[], body.clone(), 202).await;
    let other = json!({ "id": id, "name": "Others", "contact_email": contact });
    witness.post(anyone, "/v1/third-parties/signup", &[], other, 409).await;
    witness.post(anyone, "/v1/third-parties/signup", &[], json!({ "id": "signup" }), 422).await;
    let early = witness.post(witness.operator(), approve, &[id], json!({}), 409).await;
    assert_eq!(early["current_status"], "unconfirmed");
    witness.get(witness.operator(), "/v1/third-parties/{id}", &[id]).await;
    let token = witness.gateway.mailbox.confirmation_token(contact).await;
    let confirmed = witness.post(anyone, confirm, &[], json!({ "token": token }), 200).await;
    let lost = anyone.with_key(&text(&confirmed["keys"][0]["api_key"]));
    let confirmed = witness.post(anyone, confirm, &[], json!({ "token": token }), 200).await;
    witness.call(&lost, (Method::GET, "/v1/me"), &[], None, 401).await;
    let api = anyone.with_key(&text(&confirmed["keys"][0]["api_key"]));
    witness.call(&api, (Method::GET, "/v1/me"), &[], None, 403).await;
    witness.post(witness.operator(), approve, &[id], json!({}), 200).await;
    witness.get(&api, "/v1/me", &[]).await;
    witness.post(anyone, confirm, &[], json!({ "token": token }), 404).await;
    certifying(witness, &api).await;
}

/// Who has signed up has itself certified, and does not get into `prod` before that is passed.
async fn certifying(witness: &Witness, api: &Caller) {
    let path = "/v1/me/certification";
    witness.call(api, (Method::GET, path), &[], None, 404).await;
    witness.post(api, path, &[], json!({ "environment": "test" }), 422).await;
    let begun = witness.post(api, path, &[], json!({}), 202).await;
    assert_eq!(begun["state"], "running");
    let running = witness.post(api, path, &[], json!({}), 409).await;
    assert_eq!(running["current_status"], "running");
    let read = witness.get(api, path, &[]).await;
    assert_eq!(read["certification_id"], begun["certification_id"]);
    let closed = witness.post(api, "/v1/me/keys", &[], json!({ "environment": "prod" }), 409).await;
    assert_eq!(closed["current_status"], "closed");
}

/// A party has pushes stop and go on, and cannot when it was an operator who paused it.
async fn pauses(witness: &Witness, party: &Party) {
    for path in ["/v1/me/pause", "/v1/me/resume"] {
        let (_, body) = operation("post", path).body_examples()[0];
        witness.post(&party.api, path, &[], body.clone(), 200).await;
        witness.get(&party.api, "/v1/me", &[]).await;
    }
    let one = (Method::PATCH, "/v1/third-parties/{id}");
    for (state, open) in [("paused", false), ("active", true)] {
        let change = json!({ "state": state, "open": open, "environment": "prod" });
        witness.call(witness.operator(), one.clone(), &[&party.id], Some(change), 200).await;
        let resumed = if open { 200 } else { 409 };
        witness.post(&party.api, "/v1/me/resume", &[], json!({}), resumed).await;
    }
}

/// A party whose messages are signed has a key rotated and its endpoint tested.
async fn signing(witness: &Witness, party: &Party) {
    let server = PartyServer::answers([Reply::status(500).body("out of order"), Reply::hang_up()]).await;
    let (rotate, test) = ("/v1/me/delivery/rotate-secret", "/v1/me/delivery/test");
    for signature in ["v1", "v1a"] {
        let settings = json!({
            "mode": "push", "url": server.url("/offers"), "auth": { "type": "none" },
            "transport": "direct", "signed": true, "signature": signature,
        });
        witness.call(&party.api, (Method::PUT, "/v1/me/delivery"), &[], Some(settings), 200).await;
        witness.post(&party.api, rotate, &[], json!({ "grace_hours": 1 }), 200).await;
        witness.get(&party.api, "/v1/me", &[]).await;
        witness.get(witness.operator(), "/v1/third-parties/{id}", &[&party.id]).await;
        witness.post(&party.api, test, &[], json!({}), 200).await;
    }
    witness.post(&party.api, rotate, &[], json!({ "grace_hours": 1_000 }), 422).await;
    party.api.put("/v1/me/delivery", json!({ "mode": "poll" })).await.must_be(200);
    for path in [rotate, test] {
        witness.post(&party.api, path, &[], json!({}), 409).await;
    }
}

/// Somebody registers, confirms, signs in and changes their mind.
async fn people(witness: &Witness) -> User {
    let (anyone, email, password) = (&witness.gateway.anyone, "ann@example.com", "correct horse battery");
    let body = json!({ "email": email, "password": password });
    let id = text(&witness.post(anyone, "/v1/users", &[], body.clone(), 201).await["id"]);
    witness.post(anyone, "/v1/users", &[], body.clone(), 409).await;
    witness.post(anyone, "/v1/users", &[], json!({ "email": "ann", "password": "short" }), 422).await;
    let session = witness.post(anyone, "/v1/sessions", &[], body, 200).await;
    let wrong = json!({ "email": email, "password": "wrong horse battery" });
    witness.post(anyone, "/v1/sessions", &[], wrong, 401).await;
    let api = anyone.with_token(session["access_token"].as_str().expect("a token"));

    let me = "/v1/users/me";
    witness.get(&api, me, &[]).await;
    let token = witness.gateway.mailbox.confirmation_token(email).await;
    witness.post(anyone, "/v1/users/confirm", &[], json!({ "token": token }), 204).await;
    witness.post(anyone, "/v1/users/confirm", &[], json!({ "token": "another" }), 404).await;
    let changes = json!({ "name": "Ann", "phone": "+15551234567", "notifications": { "email": true, "sms": true } });
    witness.call(&api, (Method::PATCH, me), &[], Some(changes), 200).await;
    witness.get(&api, me, &[]).await;
    let mark = json!({ "test_account": true });
    witness.call(witness.operator(), (Method::PATCH, "/v1/users/{id}"), &[&id], Some(mark), 200).await;
    User { id, email: email.to_owned(), password: password.to_owned(), api }
}

/// A request whose push is refused, its dead letter, and everybody's view of it.
async fn pushes(witness: &Witness, party: &Party, user: &User) {
    let server = PartyServer::always(Reply::status(404).body("there is nothing here")).await;
    party.takes_pushes(json!({ "url": server.url("/offers") })).await;
    let request = operation("post", "/v1/requests").body_examples()[0].1.clone();
    let id = text(&witness.post(&user.api, "/v1/requests", &[], request, 201).await["id"]);
    witness.gateway.until_offer(&id, &party.id, "failed").await;

    let one = "/v1/requests/{id}";
    let everything = witness.get(witness.operator(), one, &[&id]).await;
    assert_eq!(everything["offers"][0]["attempts"][0]["answer"], "there is nothing here");
    let own = witness.get(&party.api, one, &[&id]).await;
    assert!(own["offers"][0]["attempts"][0].get("answer").is_none(), "{own:#}");
    let theirs = witness.get(&user.api, one, &[&id]).await;
    assert!(theirs["offers"][0].get("attempts").is_none(), "{theirs:#}");
    witness.get(&user.api, "/v1/requests", &[]).await;

    let dead = witness.get(witness.operator(), "/v1/dead-letters", &[]).await;
    assert_eq!(dead["items"][0]["request_id"], *id);
    server.becomes(|_, _| Reply::status(200));
    let replay = json!({ "third_party": party.id });
    let replayed = witness.post(witness.operator(), "/v1/dead-letters/replay", &[], replay, 202).await;
    assert_eq!(replayed["count"], 1);
    witness.gateway.until_offer(&id, &party.id, "delivered").await;
    witness.get(witness.operator(), one, &[&id]).await;
}

/// What has been pushed is listed, sent again, and told.
async fn history(witness: &Witness, party: &Party) {
    let list = "/v1/me/deliveries";
    let delivered = party.api.get(&format!("{list}?status=delivered,failed")).await;
    let delivered = witness.check("get", list, &delivered, 200);
    let id = text(&delivered["items"][0]["delivery_id"]);
    witness.check("get", list, &party.api.get(&format!("{list}?status=lost")).await, 422);
    let replayed = witness.post(&party.api, &format!("{list}/{{delivery_id}}/replay"), &[&id], json!({}), 202).await;
    assert_eq!(replayed["status"], "delivered");
    let selection = json!({ "since": "2026-01-01T00:00:00Z", "status": ["delivered"] });
    let started = witness.post(&party.api, "/v1/me/replay", &[], selection, 202).await;
    let dry_run = json!({ "since": "2026-01-01T00:00:00Z", "dry_run": true });
    witness.post(&party.api, "/v1/me/replay", &[], dry_run, 200).await;
    witness.post(&party.api, "/v1/me/replay", &[], json!({ "since": "2999-01-01T00:00:00Z" }), 422).await;
    let replay = text(&started["replay_id"]);
    eventually("the replay is done", async || {
        let replay = witness.get(&party.api, "/v1/me/replays/{replay_id}", &[&replay]).await;
        (replay["state"] == "done").then_some(())
    })
    .await;
    // Nobody listens at the endpoint any more.
    party.acknowledge(&id).await;
    for (_, trial) in operation("post", "/v1/me/mapping/preview").body_examples() {
        let preview = witness.post(&party.api, "/v1/me/mapping/preview", &[], trial.clone(), 200).await;
        assert_eq!(preview["samples"].as_array().map(Vec::len), Some(1));
    }
    for (_, mapping) in operation("put", "/v1/me/mapping").body_examples() {
        witness.call(&party.api, (Method::PUT, "/v1/me/mapping"), &[], Some(mapping.clone()), 200).await;
        witness.get(&party.api, "/v1/me", &[]).await;
    }
    let unfit = json!({ "mapping": { "fields": [{ "to": "/kind", "from": "/type" }] } });
    witness.call(&party.api, (Method::PUT, "/v1/me/mapping"), &[], Some(unfit), 422).await;
    let changes = witness.get(&party.api, "/v1/me/changes", &[]).await;
    assert!(changes["items"].as_array().is_some_and(|items| items.len() > 2), "{changes:#}");
}

/// A filter that is tried on what has been asked so far.
async fn back_tests(witness: &Witness, party: &Party, user: &User) {
    let (path, request) = ("/v1/me/filter/test", json!({ "category": "books", "amount": 12.5, "region": "eu" }));
    let id = text(&witness.post(&user.api, "/v1/requests", &[], request, 201).await["id"]);
    let addressed = json!({ "third_party": party.id });
    let addressed = text(&witness.post(&user.api, "/v1/requests", &[], addressed, 201).await["id"]);
    let pattern = json!({ "detail": { "$or": [
        { "category": ["books"], "amount": [{ "numeric": [">", 100] }] },
        { "items": { "name": ["Dune"], "quantity": [2] } },
    ] } });
    for (id, matches) in [(&id, false), (&addressed, true)] {
        let asked = json!({ "pattern": pattern, "request_id": id });
        let tested = witness.post(&party.api, path, &[], asked, 200).await;
        assert_eq!(tested["explanation"]["matches"], matches, "{tested:#}");
    }
    let everything = json!({ "pattern": { "source": ["com.marketplace.market"] }, "window": null, "samples": null });
    let tested = witness.post(&party.api, path, &[], everything, 200).await;
    assert!(tested["samples"]["matching"].as_array().is_some_and(|samples| samples.len() >= 2), "{tested:#}");
    let unknown = json!({ "pattern": null, "request_id": "req_0198a3c1-7e1a-7c55-8d1f-3f6a5b2c9d10" });
    witness.post(&party.api, path, &[], unknown, 404).await;
    let backward = json!({ "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z" });
    witness.post(&party.api, path, &[], json!({ "pattern": null, "window": backward }), 422).await;
}

/// A request that is leased, kept, given back, acknowledged and answered.
async fn inbox(witness: &Witness, party: &Party, user: &User) {
    party.api.put("/v1/me/delivery", json!({ "mode": "poll" })).await.must_be(200);
    let request = json!({ "category": "books", "note": null, "attributes": { "any": ["thing"] } });
    let id = text(&witness.post(&user.api, "/v1/requests", &[], request, 201).await["id"]);
    witness.gateway.routed(&id).await;
    let lease = async || witness.post(&party.api, "/v1/inbox/lease", &[], json!({ "wait_seconds": 5 }), 200).await;
    let leased = lease().await;
    assert_eq!(leased["offers"].as_array().map(Vec::len), Some(1), "{leased:#}");
    let delivery = text(&leased["offers"][0]["delivery_id"]);
    let ids = json!({ "delivery_ids": [delivery, "not an id"] });
    let longer = json!({ "delivery_ids": [delivery], "lease_seconds": 600 });
    witness.post(&party.api, "/v1/inbox/extend", &[], longer, 200).await;
    witness.post(&party.api, "/v1/inbox/release", &[], ids.clone(), 200).await;
    lease().await;
    for word in ["acknowledged", "already"] {
        let answer = witness.post(&party.api, "/v1/inbox/ack", &[], ids.clone(), 200).await;
        assert_eq!(answer["results"][0]["result"], word);
    }
    witness.post(&party.api, "/v1/inbox/lease", &[], json!({ "max": 0 }), 422).await;

    let accepted = json!({ "status": "accepted", "reason": "in stock", "details": { "eta": "tomorrow" } });
    witness.post(&party.api, "/v1/deliveries/{delivery_id}/status", &[&delivery], accepted, 200).await;
    let late = json!({ "status": "declined" });
    let refused = witness.post(&party.api, "/v1/requests/{id}/status", &[&id], late, 409).await;
    assert_eq!(refused["current_status"], "accepted");
    witness.post(&party.api, "/v1/requests/{id}/status", &[&id], json!({ "status": "completed" }), 200).await;
    for reader in [&user.api, &party.api, witness.operator()] {
        let view = witness.get(reader, "/v1/requests/{id}", &[&id]).await;
        assert_eq!(view["status"], "completed");
    }
    let refused = witness.post(&user.api, "/v1/requests/{id}/cancel", &[&id], json!({}), 409).await;
    assert_eq!(refused["current_status"], "completed");
}

/// A request that one party wins, one that its user takes back, and some that are none.
async fn cancelling(witness: &Witness, user: &User) {
    let rival = witness.gateway.join("3rdparty2").await;
    rival.wants_everything().await;
    let request = json!({ "mode": "first-accept" });
    let id = text(&witness.post(&user.api, "/v1/requests", &[], request, 201).await["id"]);
    witness.gateway.routed(&id).await;
    let won = json!({ "status": "accepted" });
    witness.post(&rival.api, "/v1/requests/{id}/status", &[&id], won, 200).await;
    witness.gateway.until_offer(&id, "3rdparty1", "withdrawn").await;
    let seen = witness.get(witness.operator(), "/v1/requests/{id}", &[&id]).await;
    assert!(seen["winner"].is_string(), "{seen:#}");
    let won = text(&seen["winner"]);
    for reason in [json!({ "reason": "out of stock" }), json!({ "reason": "rain" })] {
        witness.post(&rival.api, "/v1/deliveries/{delivery_id}/release", &[&won], reason, 200).await;
    }
    witness.gateway.until_offer(&id, "3rdparty1", "pending").await;
    let early = json!({ "reason": "out of stock" });
    let again = text(&witness.gateway.request(&id).await["offers"][2]["delivery_id"]);
    witness.post(&rival.api, "/v1/deliveries/{delivery_id}/release", &[&again], early, 404).await;
    witness.post(&user.api, "/v1/requests/{id}/cancel", &[&id], json!({}), 200).await;
    for reader in [&user.api, &rival.api, witness.operator()] {
        witness.get(reader, "/v1/requests/{id}", &[&id]).await;
    }
    let faulty = json!({ "amount": "a lot", "items": [{ "quantity": 0 }], "surprise": 1 });
    let problem = witness.post(&user.api, "/v1/requests", &[], faulty, 422).await;
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(4), "{problem:#}");
    witness.post(&rival.api, "/v1/requests", &[], json!({}), 403).await;
    witness.post(&witness.gateway.anyone, "/v1/requests", &[], json!({}), 401).await;
    witness.call(&rival.api, (Method::GET, "/v1/requests/{id}"), &["req_1"], None, 404).await;
}

async fn leaving(witness: &Witness, party: &Party) {
    witness.call(witness.operator(), (Method::DELETE, "/v1/third-parties/{id}"), &[&party.id], None, 204).await;
    witness.call(&party.api, (Method::GET, "/v1/me"), &[], None, 401).await;
    let key = json!({ "environment": "prod" });
    let problem = witness.post(witness.operator(), "/v1/third-parties/{id}/keys", &[&party.id], key, 409).await;
    assert_eq!(problem["current_status"], "disabled");
}

/// Both of AWS's operations, signed, and one that is not.
async fn put_events(witness: &Witness) {
    let media = &operation("post", "/").value["requestBody"]["content"]["application/x-amz-json-1.1"];
    for (name, target) in [("the article's request", "PutEvents"), ("a filter to try", "TestEventPattern")] {
        let body = media["examples"][name]["value"].to_string();
        let answer = signed::call(&witness.gateway, &format!("AWSEvents.{target}"), body).await;
        witness.check("post", "/", &answer, 200);
    }
    let unsigned = witness.gateway.anyone.post("/", json!({})).await;
    witness.check("post", "/", &unsigned, 400);
}

mod signed {
    //! A call as AWS's own clients make it (Signature Version 4).

    use aws_credential_types::Credentials;
    use aws_sigv4::{
        http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign},
        sign::v4,
    };
    use marketplace_core::ports::Clock as _;
    use platform_base::clock::SystemClock;
    use tests::{Answer, TestGateway};

    pub(super) async fn call(gateway: &TestGateway, target: &str, body: String) -> Answer {
        let secret = std::fs::read_to_string(gateway.file("events-secret")).expect("the secret is kept");
        let (uri, host) = (format!("{}/", gateway.url()), gateway.url().replace("http://", ""));
        let headers = [("host", &*host), ("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let identity = Credentials::new("marketplace", secret.trim(), None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("events")
            .time(SystemClock.now().into())
            .settings(SigningSettings::default())
            .build()
            .expect("all that is needed");
        let signable = SignableRequest::new("POST", &uri, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let signed = sign(signable.expect("a request"), &SigningParams::from(params)).expect("a signature");
        let request = headers.into_iter().fold(http::Request::post(&uri), |all, (name, value)| all.header(name, value));
        let mut request = request.body(body).expect("a request");
        signed.into_parts().0.apply_to_request_http1x(&mut request);
        let request = reqwest::Request::try_from(request).expect("a request");
        Answer::to(reqwest::RequestBuilder::from_parts(reqwest::Client::new(), request)).await
    }
}
