//! The gateway as a stranger sees it: its public REST API, and nothing else.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

/// Longer than the longest wait for an inbox that the demo asks for.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Who calls.
#[derive(Clone, Debug)]
pub(super) enum Credential {
    /// Somebody without a credential yet.
    Nobody,
    /// A user or an operator.
    Bearer(SecretString),
    /// A third party.
    Key(SecretString),
}

/// Calls the gateway. Cloning is cheap.
#[derive(Clone, Debug)]
pub(super) struct Api {
    client: reqwest::Client,
    base: Url,
}

/// What the gateway answered.
#[derive(Debug)]
pub(super) struct Reply {
    /// The status code.
    pub(super) status: StatusCode,
    /// The body; null when it is empty.
    pub(super) body: Value,
}

impl Api {
    /// The gateway at this address.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub(super) fn new(base: Url) -> anyhow::Result<Self> {
        // The gateway is on this machine, whatever proxy the environment names.
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        Ok(Self { client, base })
    }

    /// Where the gateway is, without a slash at the end.
    pub(super) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The HTTP client, for what is not REST.
    pub(super) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Reads.
    pub(super) async fn get(&self, who: &Credential, path: &str) -> anyhow::Result<Reply> {
        answer(self.call(Method::GET, who, path)).await
    }

    /// Replaces a setting.
    pub(super) async fn put(&self, who: &Credential, path: &str, body: &Value) -> anyhow::Result<Reply> {
        answer(self.call(Method::PUT, who, path).json(body)).await
    }

    /// Does something.
    pub(super) async fn post(&self, who: &Credential, path: &str, body: &Value) -> anyhow::Result<Reply> {
        answer(self.call(Method::POST, who, path).json(body)).await
    }

    /// Does something that happens once, however often it is sent with the same key.
    pub(super) async fn post_once(
        &self,
        who: &Credential,
        path: &str,
        body: &Value,
        key: &str,
    ) -> anyhow::Result<Reply> {
        answer(self.call(Method::POST, who, path).header("idempotency-key", key).json(body)).await
    }

    fn call(&self, method: Method, who: &Credential, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base()));
        match who {
            Credential::Nobody => request,
            Credential::Bearer(token) => request.bearer_auth(token.expose_secret()),
            Credential::Key(key) => request.header("x-api-key", key.expose_secret()),
        }
    }
}

async fn answer(request: RequestBuilder) -> anyhow::Result<Reply> {
    let response = request.send().await.context("the gateway cannot be reached")?;
    let status = response.status();
    let bytes = response.bytes().await?;
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).context("not JSON")? };
    Ok(Reply { status, body })
}

impl Reply {
    /// The body of an answer with this status.
    ///
    /// # Errors
    /// When the status is another one; the error says what the gateway said.
    pub(super) fn expect(self, status: StatusCode) -> anyhow::Result<Value> {
        if self.status == status {
            return Ok(self.body);
        }
        anyhow::bail!("the gateway answered {} instead of {status}: {}", self.status, self.detail())
    }

    /// What a problem says of itself (RFC 9457).
    pub(super) fn detail(&self) -> String {
        let detail = self.body.get("detail").or_else(|| self.body.get("title"));
        let detail = detail.and_then(Value::as_str).map(str::to_owned);
        let errors = self.body.get("errors").map(Value::to_string).unwrap_or_default();
        format!("{}{errors}", detail.unwrap_or_else(|| self.body.to_string()))
    }
}

/// A text of an answer.
///
/// # Errors
/// When there is no such text.
pub(super) fn text(body: &Value, field: &str) -> anyhow::Result<String> {
    let text = body.get(field).and_then(Value::as_str);
    text.map(str::to_owned).with_context(|| format!("an answer without `{field}`"))
}
