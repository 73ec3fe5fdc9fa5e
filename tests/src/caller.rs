//! A client of the REST API with one credential: what people, operators and third parties' programs are to it.

use std::net::SocketAddr;

use reqwest::{
    Method, RequestBuilder, Response,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde_json::Value;

/// How a caller shows who it is.
#[derive(Clone, Debug)]
enum Credential {
    Nothing,
    Bearer(String),
    ApiKey(String),
}

/// Somebody who calls the API, always with the same credential.
#[derive(Clone, Debug)]
pub struct Caller {
    base: String,
    http: reqwest::Client,
    credential: Credential,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
}

impl Caller {
    /// Somebody without a credential. `base` is the server's address, without a slash at the end.
    #[must_use]
    pub fn nobody(base: &str) -> Self {
        let mut http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let host = base.trim_start_matches("http://").split(':').next().unwrap_or_default();
        if host.ends_with(".localhost") {
            // Such names are this machine's (RFC 6761 section 6.3), and not every resolver knows it.
            http = http.resolve(host, SocketAddr::from(([127, 0, 0, 1], 0)));
        }
        let http = http.build().expect("a client");
        Self { base: base.to_owned(), http, credential: Credential::Nothing }
    }

    /// The same client with a bearer token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { credential: Credential::Bearer(token.to_owned()), ..self.clone() }
    }

    /// The same client with a third party's key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { credential: Credential::ApiKey(key.to_owned()), ..self.clone() }
    }

    /// A request that a test finishes itself; the credential is on it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.credential {
            Credential::Nothing => request,
            Credential::Bearer(token) => request.bearer_auth(token),
            Credential::ApiKey(key) => request.header("x-api-key", key),
        }
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::to(self.request(Method::POST, path).json(&body)).await
    }

    /// `POST` with a JSON body and an idempotency key.
    pub async fn post_once(&self, key: &str, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(Method::POST, path).header("idempotency-key", key).json(body)).await
    }

    /// `PUT` with a JSON body.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        Answer::to(self.request(Method::PUT, path).json(&body)).await
    }

    /// `PATCH` with a JSON body.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        Answer::to(self.request(Method::PATCH, path).json(&body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::DELETE, path)).await
    }
}

impl Answer {
    /// Sends a request and reads its answer whole.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn to(request: RequestBuilder) -> Self {
        Self::try_to(request).await.expect("an answer")
    }

    /// Sends a request to a server that may not be there.
    ///
    /// # Errors
    /// There was no answer, or it broke off.
    pub async fn try_to(request: RequestBuilder) -> reqwest::Result<Self> {
        let response: Response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, text: response.text().await? })
    }

    /// One header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header of text"))
    }

    /// The body; null when there is none.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        if self.text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The body, after the status was found to be this one.
    ///
    /// # Panics
    /// When the status is another, or the body is not JSON.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "often only the status matters")]
    pub fn must_be(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// The problem, after the answer was found to be a refusal with this status and in the one shape of refusals
    /// (RFC 9457).
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn refused(&self, status: u16) -> Value {
        let problem = self.must_be(status);
        let media_type = self.headers.get(CONTENT_TYPE).map(reqwest::header::HeaderValue::as_bytes);
        assert_eq!(media_type, Some(&b"application/problem+json"[..]), "{}", self.text);
        assert_eq!(problem["status"], status, "{}", self.text);
        for field in ["type", "title", "detail"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {}", self.text);
        }
        problem
    }
}
