//! Schemathesis calls everything that is described, in every way that it can think of, with each kind of credential: no
//! answer is a 5xx, and none is other than described.

use reqwest::{Method, header::AUTHORIZATION};
use serde_json::json;
use tests::{
    Caller, PartyServer, Reply, ServerProcess,
    interface::schemathesis,
    market::{delivery_of, text},
};

/// The secret of AWS's clients in these servers.
const EVENTS_SECRET: &str = "the events secret of a test";

/// A fresh server in which there is something of everything, and who calls it.
struct Site {
    server: ServerProcess,
    endpoint: PartyServer,
    user: Caller,
    party: Caller,
    /// The same party with a key of `test`, where it may be certified.
    candidate: Caller,
    operator: Caller,
    /// Ids of what is there, by what ids of their kind look like.
    known: String,
}

impl Site {
    async fn start() -> Self {
        let server = ServerProcess::start_with(&[("MARKETPLACE_EVENTS_SECRET", EVENTS_SECRET)]).await;
        let endpoint = PartyServer::always(Reply::status(200)).await;
        let market = server.market();
        let party = market.join("3rdparty1").await;
        party.wants_everything().await;
        party.takes_pushes(json!({ "url": endpoint.url("/offers") })).await;
        let user = market.register().await;
        let request = user.place(json!({ "category": "books" })).await;
        let view = market.until_offer(&request, "3rdparty1", "delivered").await;
        let keys = "/v1/third-parties/3rdparty1/keys";
        let key = market.operator.post(keys, json!({ "environment": "dev" })).await.must_be(201);
        let in_test = market.operator.post(keys, json!({ "environment": "test" })).await.must_be(201);
        let candidate = market.anyone.with_key(&text(&in_test["api_key"]));
        let delivery = json!({ "mode": "push", "url": endpoint.url("/offers"), "auth": { "type": "none" } });
        candidate.put("/v1/me/delivery", delivery).await.must_be(200);
        let replay = json!({ "since": "2026-01-01T00:00:00Z" });
        let replay = party.api.post("/v1/me/replay", replay).await.must_be(202);
        let known = json!({
            "[a-z0-9][a-z0-9-]{1,31}": "3rdparty1",
            "req_[0-9a-f-]{36}": request,
            "dlv_[0-9a-f]{52}": delivery_of(&view, "3rdparty1"),
            "key_[0-9a-f-]{36}": text(&key["key_id"]),
            "rpl_[0-9a-f-]{36}": text(&replay["replay_id"]),
            "usr_[0-9a-f-]{36}": user.id,
        });
        let (user, party, operator, known) = (user.api, party.api, market.operator, known.to_string());
        Self { server, endpoint, user, party, candidate, operator, known }
    }

    /// Has everything called by somebody.
    async fn call_as(&self, caller: Option<&Caller>) {
        let header = caller.map(|caller| {
            let request = caller.request(Method::GET, "/").build().unwrap();
            // Schemathesis takes them away to see what happens then, and knows them only as they are written here.
            let found = [("Authorization", AUTHORIZATION.as_str()), ("x-api-key", "x-api-key")]
                .into_iter()
                .find_map(|(written, name)| Some((written, request.headers().get(name)?)));
            let (name, value) = found.expect("a credential");
            format!("{name}: {}", value.to_str().unwrap())
        });
        let arguments: Vec<_> = header.into_iter().flat_map(|header| ["--header".to_owned(), header]).collect();
        self.call_with(&arguments, &[]).await;
    }

    async fn call_with(&self, arguments: &[String], variables: &[(&str, &str)]) {
        let address = self.endpoint.address.to_string();
        let mut all = vec![("KNOWN_IDS", &*self.known), ("ENDPOINT", &*address)];
        all.extend(variables);
        let output = schemathesis(&self.server.url(), arguments, &all).await;
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let log = self.server.log();
        assert!(!log.contains("ERROR"), "nothing went wrong inside, either: {log}");
    }
}

#[tokio::test]
async fn whoever_has_no_credential_is_answered_as_described() {
    Site::start().await.call_as(None).await;
}

#[tokio::test]
async fn users_are_answered_as_described() {
    let site = Site::start().await;
    site.call_as(Some(&site.user)).await;
}

#[tokio::test]
async fn third_parties_are_answered_as_described() {
    let site = Site::start().await;
    site.call_as(Some(&site.party)).await;
}

#[tokio::test]
async fn third_parties_that_test_are_answered_as_described() {
    let site = Site::start().await;
    site.call_as(Some(&site.candidate)).await;
}

#[tokio::test]
async fn operators_are_answered_as_described() {
    let site = Site::start().await;
    site.call_as(Some(&site.operator)).await;
}

#[tokio::test]
async fn aws_clients_are_answered_as_described() {
    let site = Site::start().await;
    let arguments = ["--include-operation-id", "callEventBridge"].map(str::to_owned);
    site.call_with(&arguments, &[("EVENTS_SECRET", EVENTS_SECRET)]).await;
}
