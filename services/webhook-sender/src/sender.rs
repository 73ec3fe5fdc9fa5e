//! Makes one attempt and reports what came of it.

use std::time::Duration;

use bytes::Bytes;
use event_schema::id::MessageId;
use jiff::Timestamp;
use marketplace_core::{
    delivery::PushSettings,
    retry::RetryAfter,
    transport::{Failure, Outcome},
};
use reqwest::{
    Body, Client, Method, Request, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect,
};
use tokio::time::{Instant, timeout_at};

use crate::{
    answer,
    endpoint::{Credential, Endpoint, EndpointError},
    fault::Fault,
    guard::Guard,
    oauth::TokenSource,
};

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Idle connections kept per host: many parties may share one, each with its attempts in flight; what is not used is
/// closed after [`IDLE_TIME`].
const IDLE_PER_HOST: usize = 1_024;

/// How long a connection is kept idle; most servers close theirs after a minute or more.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// What a [`Sender`] needs to know.
#[derive(Clone, Debug)]
pub struct SenderConfig {
    /// Admit http, loopback and private endpoints (`MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS`).
    pub allow_private: bool,
    /// How long one attempt may take in all: token, connection, request and answer.
    pub timeout: Duration,
    /// The `User-Agent` header.
    pub user_agent: String,
}

impl Default for SenderConfig {
    /// Public endpoints only, and the 5 s of DESIGN section 6 (EventBridge's limit too).
    fn default() -> Self {
        Self {
            allow_private: false,
            timeout: Duration::from_secs(5),
            user_agent: concat!("marketplace-gateway/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// The HTTP client could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be set up")]
pub struct SenderError(#[from] reqwest::Error);

/// One message, ready to be sent.
#[derive(Clone, Debug)]
pub struct OutgoingMessage {
    /// Sent as `webhook-id`: the same on every attempt, so that a receiver can drop repeats.
    pub id: MessageId,
    /// The JSON text, exactly as it is sent.
    pub body: Bytes,
}

/// What came of one attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AttemptReport {
    /// The outcome; [`marketplace_core::transport::verdict`] says what it means.
    pub outcome: Outcome,
    /// Time until the status line, or until it was clear that there would be none.
    pub latency: Duration,
    /// The first [`crate::ANSWER_LIMIT`] bytes of the answer's body; empty without an answer.
    pub answer: String,
    /// For people: why there was no answer. Never contains a secret.
    pub detail: Option<String>,
}

impl AttemptReport {
    /// The answer's status code, if there was an answer.
    #[must_use]
    pub fn status_code(&self) -> Option<u16> {
        self.outcome.status()
    }
}

/// Makes attempts. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Sender {
    client: Client,
    timeout: Duration,
    allow_private: bool,
}

impl Sender {
    /// A sender with connections of its own.
    ///
    /// # Errors
    /// The HTTP client cannot be set up, such as for a user agent that is not legal in a header.
    pub fn new(config: &SenderConfig) -> Result<Self, SenderError> {
        let client = Client::builder()
            .dns_resolver(Guard::new(config.allow_private))
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .user_agent(&config.user_agent)
            .connect_timeout(config.timeout)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .pool_idle_timeout(IDLE_TIME)
            .build()?;
        Ok(Self { client, timeout: config.timeout, allow_private: config.allow_private })
    }

    /// Makes an endpoint ready: once per version of its settings, not once per attempt.
    ///
    /// # Errors
    /// The settings cannot be put into a request.
    pub fn endpoint(&self, settings: &PushSettings) -> Result<Endpoint, EndpointError> {
        Endpoint::new(settings, self.allow_private)
    }

    /// Sends a message to an endpoint once. Takes no longer than the configured timeout.
    pub async fn attempt(&self, endpoint: &Endpoint, message: &OutgoingMessage, now: Timestamp) -> AttemptReport {
        let started = Instant::now();
        let deadline = started + self.timeout;
        let attempt = Attempt { client: &self.client, endpoint, message, now, deadline };
        let answered = attempt.run().await;
        let latency = started.elapsed();
        match answered {
            Ok(response) => {
                let outcome =
                    Outcome::Answered { status: response.status().as_u16(), retry_after: retry_after(&response) };
                let answer = answer::first_text(response, deadline).await;
                AttemptReport { outcome, latency, answer, detail: None }
            }
            Err(Fault { failure, detail }) => AttemptReport {
                outcome: Outcome::Failed(failure),
                latency,
                answer: String::new(),
                detail: Some(detail),
            },
        }
    }
}

/// One attempt while it is being made.
struct Attempt<'a> {
    client: &'a Client,
    endpoint: &'a Endpoint,
    message: &'a OutgoingMessage,
    now: Timestamp,
    deadline: Instant,
}

impl Attempt<'_> {
    async fn run(&self) -> Result<Response, Fault> {
        match &self.endpoint.credential {
            Credential::None => self.send(None).await,
            Credential::Header(name, value) => self.send(Some((name, value.clone()))).await,
            Credential::Token(source) => self.send_with_token(source).await,
        }
    }

    /// A token that is not taken is replaced, once, within the same attempt.
    async fn send_with_token(&self, source: &TokenSource) -> Result<Response, Fault> {
        let token = source.authorization(self.client, self.deadline).await?;
        let response = self.send(Some((&AUTHORIZATION, token.clone()))).await?;
        if !matches!(response.status().as_u16(), 401 | 407) {
            return Ok(response);
        }
        source.discard(&token);
        let token = source.authorization(self.client, self.deadline).await?;
        self.send(Some((&AUTHORIZATION, token))).await
    }

    /// Ends when the status line and the headers are there.
    async fn send(&self, credential: Option<(&HeaderName, HeaderValue)>) -> Result<Response, Fault> {
        let mut request = Request::new(Method::POST, self.endpoint.target.url()?);
        *request.headers_mut() = self.headers(credential)?;
        *request.body_mut() = Some(Body::from(self.message.body.clone()));
        match timeout_at(self.deadline, self.client.execute(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(Fault::from(&error)),
            Err(_) => Err(Fault::timeout()),
        }
    }

    fn headers(&self, credential: Option<(&HeaderName, HeaderValue)>) -> Result<HeaderMap, Fault> {
        // Ids and signatures are printable ASCII, so this cannot fail; if it ever does, it is not the party's fault.
        let value = |text: String| {
            HeaderValue::try_from(text).map_err(|fault| Fault::new(Failure::ConnectFailed, fault.to_string()))
        };
        let id = self.message.id.to_string();
        let signature = self.endpoint.signer.sign(&id, self.now, &self.message.body);
        let mut headers = HeaderMap::with_capacity(7);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(WEBHOOK_ID, value(id)?);
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(self.now.as_second()));
        if let Some(signature) = signature {
            headers.insert(WEBHOOK_SIGNATURE, value(signature)?);
        }
        if let Some((name, value)) = credential {
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

fn retry_after(response: &Response) -> Option<RetryAfter> {
    RetryAfter::parse(response.headers().get(RETRY_AFTER)?.to_str().ok()?)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Settings with such a name cannot be made while private endpoints are refused, so this asks the
    /// client itself: `localhost` stands for any name that resolves to an address of ours.
    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to_when_connecting() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        let sender = Sender::new(&SenderConfig::default()).unwrap();
        let error = sender.client.post(url).send().await.unwrap_err();
        let Fault { failure, detail } = Fault::from(&error);
        assert_eq!(failure, Failure::AddressRefused);
        assert!(detail.contains("loopback"), "{detail}");
        let accepted = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
        assert!(accepted.is_err(), "nobody may have connected");
    }
}
