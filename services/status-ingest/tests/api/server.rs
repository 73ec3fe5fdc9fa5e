//! One server in a temporary folder, with parties that have keys and offers that wait for them.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use event_schema::id::{DeliveryId, Environment, KeyId, PartyId, RequestId};
use http_edge::{
    api_key::FreshKey,
    edge::{Edge, OperatorToken},
    token::{Expected, JwksVerifier},
};
use marketplace_core::{
    command::{create::Create, route::MakeOffers},
    intake,
    offer::delivery_id,
    party::{ApiKey, Party, PartyCommand},
    ports::{Clock, PartyStore, Randomness, RequestStore, Urgency, identity::Identity},
};
use platform_base::{clock::SystemClock, randomness::OsRandomness, vault::Vault};
use platform_embedded::{
    Embedded, Options,
    identity::{AUDIENCE, LocalIdentity},
};
use serde_json::{Value, json};
use status_ingest::{Deps, MAX_WAIT};
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt;

const ISSUER: &str = "http://127.0.0.1:8080";

/// The operator's token, which opens nothing here.
pub(crate) const OPERATOR_TOKEN: &str = "the operator's token";

/// A server without parties.
pub(crate) struct Server {
    pub(crate) store: Embedded,
    pub(crate) closing: watch::Sender<bool>,
    app: Router,
    randomness: Arc<OsRandomness>,
    _folder: TempDir,
}

/// What a server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The body, or null when it is no JSON.
    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The pointers of a 422.
    pub(crate) fn pointers(&self) -> Vec<String> {
        assert_eq!(self.status, 422, "{}", self.text);
        let body = self.body();
        let errors = body["errors"].as_array().into_iter().flatten();
        errors.map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(MAX_WAIT)
    }

    pub(crate) fn start_with(max_wait: Duration) -> Self {
        let folder = TempDir::new().unwrap();
        let vault = Vault::new(&"0123456789abcdef0123456789abcdef".to_owned().into()).unwrap();
        let store = Embedded::open(Options::new(folder.path().to_owned(), vault)).unwrap();
        let identity = LocalIdentity::open(&folder.path().join("key"), ISSUER).unwrap();
        let expected = Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned(), operator_group: None };
        let randomness = Arc::new(OsRandomness::new().unwrap());
        let (closing, stop) = watch::channel(false);
        let deps = Deps {
            edge: Edge {
                store: store.clone(),
                clock: Arc::new(SystemClock),
                randomness: randomness.clone(),
                operator_token: Some(OperatorToken::new(OPERATOR_TOKEN)),
                tokens: Arc::new(JwksVerifier::new(identity.key_set(), expected).unwrap()),
                rate_limit: None,
            },
            max_wait,
            closing: stop,
        };
        Self { app: status_ingest::app(deps), store, closing, randomness, _folder: folder }
    }

    /// A POST with a JSON text, or with no body if that is empty.
    pub(crate) async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        if parts.status != 200 {
            assert_eq!(parts.headers["content-type"], "application/problem+json", "{text}");
        }
        Answer { status: parts.status, headers: parts.headers, text }
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.post_with(path, &[("x-api-key", key)], &body.to_string()).await
    }

    /// A party with a key for `prod`.
    pub(crate) async fn party(&self, id: &str) -> String {
        let (party, now): (PartyId, _) = (id.parse().unwrap(), SystemClock.now());
        let (text, key) = self.fresh_key(&party, Environment::Prod);
        let whole = Party::new(party.clone(), id.to_owned(), "ops@example.com".to_owned(), now);
        let command = PartyCommand::Join(Box::new(whole), key);
        self.store.apply_to_party(party, command, "test".to_owned(), now, None).await.unwrap();
        text
    }

    /// Another key of a party.
    pub(crate) async fn key(&self, id: &str, environment: Environment) -> String {
        let party: PartyId = id.parse().unwrap();
        let (text, key) = self.fresh_key(&party, environment);
        let command = PartyCommand::AddKey(key);
        self.store.apply_to_party(party, command, "test".to_owned(), SystemClock.now(), None).await.unwrap();
        text
    }

    fn fresh_key(&self, party: &PartyId, environment: Environment) -> (String, ApiKey) {
        let now = SystemClock.now();
        let fresh = FreshKey::new(environment, self.randomness.secret());
        let key_id = KeyId(self.randomness.uuid(now));
        let key = ApiKey::new(key_id, party.clone(), environment, fresh.hash, now);
        (fresh.text.expose().to_owned(), key)
    }

    /// A request, offered to these parties.
    pub(crate) async fn offered(&self, mode: &str, parties: &[&str]) -> (RequestId, Vec<DeliveryId>) {
        let now = SystemClock.now();
        let id = RequestId(self.randomness.uuid(now));
        let body = json!({ "category": "books", "mode": mode }).to_string();
        let request = intake::from_api(body.as_bytes(), "usr_1".parse().unwrap()).unwrap();
        self.store.apply(Create { id, request, at: now }, Urgency::Ours, None).await.unwrap();
        let environment = Environment::Prod;
        let parties: Vec<PartyId> = parties.iter().map(|party| party.parse().unwrap()).collect();
        let offers = parties.iter().map(|party| delivery_id(id, party, environment, 1)).collect();
        let whole = MakeOffers {
            request: id,
            environment,
            parties,
            handed_over: [].into(),
            clocks: [].into(),
            last_of: None,
            registry_version: 1,
            cause: None,
            at: now,
        };
        for batch in MakeOffers::batches(whole) {
            self.store.apply(batch, Urgency::Ours, None).await.unwrap();
        }
        (id, offers)
    }
}
