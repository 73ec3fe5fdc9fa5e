//! One server in a temporary folder, and calls to it as the different kinds of callers make them.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode},
};
use event_schema::id::{DeliveryId, Environment, PartyId, RequestId, UserId};
use http_edge::{
    edge::{Edge, OperatorToken},
    rate_limit::RateLimiter,
    token::{Expected, JwksVerifier},
};
use jiff::Timestamp;
use marketplace_api::{Deps, Readiness, SignUpPolicy};
use marketplace_core::{
    command::route::MakeOffers,
    offer::delivery_id,
    ports::{Clock, Randomness, RequestStore, Urgency, UserStore, identity::Identity},
    user::{Notifications, User},
};
use platform_base::{clock::SystemClock, randomness::OsRandomness, vault::Vault};
use platform_embedded::{
    Embedded, Options,
    identity::{AUDIENCE, LocalIdentity},
};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

const OPERATOR_TOKEN: &str = "the operator's token";
const ISSUER: &str = "http://127.0.0.1:8080";

/// What a caller shows.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    Nothing,
    Operator,
    Bearer(String),
    Key(String),
}

/// A server with nothing in it yet.
pub(crate) struct Server {
    pub(crate) store: Embedded,
    app: Router,
    identity: LocalIdentity,
    randomness: Arc<OsRandomness>,
    _folder: TempDir,
}

/// What a server said.
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
        Self::start_with(None, Arc::new(|| Box::pin(async { Ok(()) })))
    }

    pub(crate) fn start_with(rate_limit: Option<RateLimiter>, readiness: Readiness) -> Self {
        let folder = TempDir::new().unwrap();
        let vault = Vault::new(&"0123456789abcdef0123456789abcdef".to_owned().into()).unwrap();
        let store = Embedded::open(Options::new(folder.path().to_owned(), vault)).unwrap();
        let identity = LocalIdentity::open(&folder.path().join("key"), ISSUER).unwrap();
        let expected = Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned(), operator_group: None };
        let randomness = Arc::new(OsRandomness::new().unwrap());
        let deps = Deps {
            edge: Edge {
                store: store.clone(),
                clock: Arc::new(SystemClock),
                randomness: randomness.clone(),
                operator_token: Some(OperatorToken::new(OPERATOR_TOKEN)),
                tokens: Arc::new(JwksVerifier::new(identity.key_set(), expected).unwrap()),
                rate_limit: rate_limit.map(Arc::new),
            },
            allow_private_endpoints: false,
            sign_up: SignUpPolicy::Approve,
            readiness,
        };
        Self { app: marketplace_api::app(deps), store, identity, randomness, _folder: folder }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let answer =
            Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() };
        if answer.status.is_client_error() || answer.status.is_server_error() {
            assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", answer.text);
            assert_eq!(answer.body()["status"], answer.status.as_u16());
        }
        answer
    }

    /// A call with a JSON text, or with no body if that is empty.
    pub(crate) async fn call_with(
        &self,
        method: &str,
        path: &str,
        credential: &Credential,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        request = match credential {
            Credential::Nothing => request,
            Credential::Operator => request.header("authorization", format!("Bearer {OPERATOR_TOKEN}")),
            Credential::Bearer(token) => request.header("authorization", format!("Bearer {token}")),
            Credential::Key(key) => request.header("x-api-key", key),
        };
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, credential: &Credential, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.call_with(method, path, credential, &[], &body).await
    }

    pub(crate) async fn get(&self, path: &str, credential: &Credential) -> Answer {
        self.call("GET", path, credential, &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, credential: &Credential, body: &Value) -> Answer {
        self.call("POST", path, credential, body).await
    }

    /// A user with an account, signed in.
    pub(crate) async fn user(&self, name: &str, test_account: bool) -> (UserId, Credential) {
        let now = SystemClock.now();
        let id = UserId::account(self.randomness.uuid(now));
        let user = User {
            id: id.clone(),
            email: format!("{name}@example.com"),
            password_hash: "none".to_owned(),
            name: None,
            phone: None,
            confirmed_at: None,
            phone_confirmed_at: None,
            notifications: Notifications::default(),
            test_account,
            created_at: now,
        };
        self.store.create_user(user, self.randomness.secret(), None).await.unwrap();
        let token = self.identity.issue_token(&id, now).unwrap().token;
        (id, Credential::Bearer(token.expose().to_owned()))
    }

    /// A token as the server itself would have signed it at that time.
    pub(crate) fn token_at(&self, user: &UserId, at: Timestamp) -> Credential {
        Credential::Bearer(self.identity.issue_token(user, at).unwrap().token.expose().to_owned())
    }

    /// A third party, and its first key.
    pub(crate) async fn party(&self, id: &str) -> Credential {
        let body = serde_json::json!({ "id": id, "name": id, "contact_email": "ops@example.com" });
        let answer = self.post("/v1/third-parties", &Credential::Operator, &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        Credential::Key(answer.body()["api_key"].as_str().unwrap().to_owned())
    }

    /// Another key of a third party.
    pub(crate) async fn key(&self, party: &str, environment: &str) -> Credential {
        let body = serde_json::json!({ "environment": environment });
        let answer = self.post(&format!("/v1/third-parties/{party}/keys"), &Credential::Operator, &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        Credential::Key(answer.body()["api_key"].as_str().unwrap().to_owned())
    }

    /// Places a request.
    pub(crate) async fn request(&self, credential: &Credential, body: &Value) -> RequestId {
        let answer = self.post("/v1/requests", credential, body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body()["id"].as_str().unwrap().parse().unwrap()
    }

    /// Does what the router would.
    pub(crate) async fn offer(
        &self,
        request: RequestId,
        parties: &[&str],
        environment: Environment,
    ) -> Vec<DeliveryId> {
        let parties: Vec<PartyId> = parties.iter().map(|party| party.parse().unwrap()).collect();
        let ids = parties.iter().map(|party| delivery_id(request, party, environment, 1)).collect();
        let whole = MakeOffers {
            request,
            environment,
            parties,
            handed_over: [].into(),
            clocks: [].into(),
            last_of: None,
            registry_version: 1,
            cause: None,
            at: SystemClock.now(),
        };
        for batch in MakeOffers::batches(whole) {
            self.store.apply(batch, Urgency::Ours, None).await.unwrap();
        }
        ids
    }
}
