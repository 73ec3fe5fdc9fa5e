//! Access tokens by the client-credentials grant (RFC 6749, section 4.4): one per endpoint, kept while good.
//!
//! Tokens are fetched in line, as EventBridge's connections do: when there is none, when the one there is
//! expires within a minute, or when the endpoint has answered 401 or 407 to it.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use marketplace_core::{delivery::Secret, transport::Failure};
use reqwest::{
    Body, Client, Method, Request, Response,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, InvalidHeaderValue},
};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use url::form_urlencoded;

use crate::{
    answer::first_bytes,
    endpoint::{Target, basic, sensitive},
    fault::Fault,
};

/// A token answer longer than this is not read.
const MAX_ANSWER: usize = 64 * 1_024;

/// A token is renewed this long before it expires, or at half its life if that is later.
const MARGIN: Duration = Duration::from_secs(60);

/// How long a token counts as good when its answer does not say (RFC 6749, 5.1, only recommends it).
const DEFAULT_LIFE: Duration = Duration::from_secs(300);

/// No token is trusted for longer than this.
const MAX_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Where an endpoint's access tokens come from, and the one that is in use.
pub(crate) struct TokenSource {
    target: Target,
    authorization: HeaderValue,
    form: Bytes,
    state: Mutex<State>,
    /// Held while a token is fetched: whoever else needs one waits for it instead of asking too.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// The last fetch that failed, and when; whoever was waiting for it shares its failure.
    failed: Option<(Instant, Fault)>,
}

#[derive(Clone)]
struct Token {
    authorization: HeaderValue,
    renew_at: Instant,
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource").field("target", &self.target).finish_non_exhaustive()
    }
}

impl TokenSource {
    pub(crate) fn new(
        target: Target,
        client_id: &str,
        client_secret: &Secret,
        scope: Option<&str>,
    ) -> Result<Self, InvalidHeaderValue> {
        // Both are form-encoded before they go into the header (RFC 6749, 2.3.1).
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = scope {
            form.append_pair("scope", scope);
        }
        Ok(Self {
            target,
            authorization: basic(&encode(client_id), &encode(client_secret.expose()))?,
            form: form.finish().into(),
            state: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        })
    }

    /// The `Authorization` header to call the endpoint with.
    ///
    /// # Errors
    /// No token could be had before the deadline.
    pub(crate) async fn authorization(&self, client: &Client, deadline: Instant) -> Result<HeaderValue, Fault> {
        let asked_at = Instant::now();
        if let Some(authorization) = self.current(asked_at) {
            return Ok(authorization);
        }
        let fetched = timeout_at(deadline, async {
            let _alone = self.fetching.lock().await;
            if let Some(settled) = self.settled_since(asked_at) {
                return settled;
            }
            let fetched = self.fetch(client, deadline).await;
            self.keep(fetched)
        });
        fetched.await.unwrap_or_else(|_| Err(fault("it did not answer in time")))
    }

    /// Forgets a token that the endpoint did not take, unless another one has come in its place.
    pub(crate) fn discard(&self, authorization: &HeaderValue) {
        let mut state = self.state();
        state.token.take_if(|token| token.authorization == *authorization);
    }

    fn current(&self, now: Instant) -> Option<HeaderValue> {
        let state = self.state();
        let token = state.token.as_ref().filter(|token| now < token.renew_at);
        token.map(|token| token.authorization.clone())
    }

    /// What somebody else's fetch brought since we began to wait, if there was one.
    fn settled_since(&self, asked_at: Instant) -> Option<Result<HeaderValue, Fault>> {
        let failed = self.state().failed.clone().filter(|(at, _)| *at >= asked_at);
        let current = self.current(Instant::now());
        current.map(Ok).or_else(|| failed.map(|(_, fault)| Err(fault)))
    }

    fn keep(&self, fetched: Result<Token, Fault>) -> Result<HeaderValue, Fault> {
        let mut state = self.state();
        match fetched {
            Ok(token) => Ok(state.token.insert(token).authorization.clone()),
            Err(fault) => {
                state.failed = Some((Instant::now(), fault.clone()));
                Err(fault)
            }
        }
    }

    async fn fetch(&self, client: &Client, deadline: Instant) -> Result<Token, Fault> {
        let mut request = Request::new(Method::POST, self.target.url()?);
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        *request.body_mut() = Some(Body::from(self.form.clone()));
        let response = client.execute(request).await.map_err(|error| match Fault::from(&error) {
            refused @ Fault { failure: Failure::AddressRefused, .. } => refused,
            Fault { detail, .. } => fault(&detail),
        })?;
        read_token(response, deadline).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fault(detail: &str) -> Fault {
    Fault::new(Failure::TokenFailed, format!("the token endpoint: {detail}"))
}

/// A successful token answer (RFC 6749, 5.1).
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Secret,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
}

/// Some servers write the number as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

async fn read_token(response: Response, deadline: Instant) -> Result<Token, Fault> {
    let status = response.status();
    if !status.is_success() {
        return Err(fault(&format!("it answered {}", status.as_u16())));
    }
    let answered_at = Instant::now();
    let body = first_bytes(response, MAX_ANSWER, deadline).await;
    if !body.complete {
        return Err(fault("its answer is too long or broke off"));
    }
    // The parser's message is left out, since it may quote the token.
    let answer: TokenAnswer =
        serde_json::from_slice(&body.bytes).map_err(|_| fault("its answer is not a token answer"))?;
    let bearer = answer.token_type.as_deref().unwrap_or("bearer").eq_ignore_ascii_case("bearer");
    if !bearer {
        return Err(fault("its token is not a bearer token"));
    }
    let authorization = sensitive(&format!("Bearer {}", answer.access_token.expose()))
        .map_err(|_| fault("its token is not legal in a header"))?;
    let life = life(answer.expires_in);
    Ok(Token { authorization, renew_at: answered_at + life - MARGIN.min(life / 2) })
}

fn life(expires_in: Option<Seconds>) -> Duration {
    let seconds = match expires_in {
        Some(Seconds::Number(seconds)) => Some(seconds),
        Some(Seconds::Text(text)) => text.parse().ok(),
        None => None,
    };
    let life = seconds.and_then(|seconds: f64| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
    life.unwrap_or(DEFAULT_LIFE).min(MAX_LIFE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_as_long_as_its_answer_says_within_reason() {
        for (answer, seconds) in [
            (r#"{"access_token": "x"}"#, 300),
            (r#"{"access_token": "x", "expires_in": 3600}"#, 3_600),
            (r#"{"access_token": "x", "expires_in": "3600"}"#, 3_600),
            (r#"{"access_token": "x", "expires_in": "soon"}"#, 300),
            (r#"{"access_token": "x", "expires_in": -5}"#, 0),
            (r#"{"access_token": "x", "expires_in": 1e300}"#, 300),
            (r#"{"access_token": "x", "expires_in": 1e9}"#, 86_400),
            (r#"{"access_token": "x", "expires_in": null}"#, 300),
        ] {
            let answer: TokenAnswer = serde_json::from_str(answer).unwrap();
            assert_eq!(life(answer.expires_in).as_secs(), seconds);
        }
    }
}
