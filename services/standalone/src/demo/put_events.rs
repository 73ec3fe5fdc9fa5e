//! The article's event, put the way AWS's own clients do: the JSON protocol of `EventBridge`, signed with SigV4.

use anyhow::Context as _;
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign},
    sign::v4,
};
use marketplace_core::ports::Clock as _;
use platform_base::clock::SystemClock;
use reqwest::{StatusCode, header::HOST};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::api::{Api, Reply};

/// The entries exactly as the article has them.
pub(super) const ARTICLE: &str = include_str!("../../../../schemas/examples/new-request.json");

/// The access key id of the marketplace (DESIGN section 7).
const ACCESS_KEY_ID: &str = "marketplace";

/// Puts events; answers the requests that they became.
///
/// # Errors
/// When the gateway refuses any of the entries.
pub(super) async fn put_events(api: &Api, secret: &SecretString, entries: &str) -> anyhow::Result<Vec<String>> {
    let entries: Value = serde_json::from_str(entries).context("the entries are not JSON")?;
    let request = signed(api, secret, json!({ "Entries": entries }).to_string())?;
    let response = api.client().execute(request).await.context("the gateway cannot be reached")?;
    let reply = Reply { status: response.status(), body: response.json().await? };
    let answer = reply.expect(StatusCode::OK)?;
    anyhow::ensure!(answer["FailedEntryCount"] == 0, "an entry was refused: {answer}");
    let results = answer["Entries"].as_array().context("an answer without `Entries`")?;
    results.iter().map(request_id).collect()
}

/// A request that came as an event has the event's id (DESIGN section 6).
fn request_id(result: &Value) -> anyhow::Result<String> {
    let id = result["EventId"].as_str().context("an entry without `EventId`")?;
    Ok(format!("req_{id}"))
}

fn signed(api: &Api, secret: &SecretString, body: String) -> anyhow::Result<reqwest::Request> {
    let uri = format!("{}/", api.base());
    let host = api.base().split_once("://").map_or("", |(_, host)| host);
    let headers = [
        (HOST.as_str(), host),
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "AWSEvents.PutEvents"),
    ];
    let identity = Credentials::new(ACCESS_KEY_ID, secret.expose_secret(), None, None, "demo").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("events")
        .time(SystemClock.now().into())
        .settings(SigningSettings::default())
        .build()?;
    let signable = SignableRequest::new("POST", &uri, headers.into_iter(), SignableBody::Bytes(body.as_bytes()))?;
    let (instructions, _) = sign(signable, &SigningParams::from(params))?.into_parts();
    let builder =
        headers.into_iter().fold(http::Request::post(&uri), |builder, (name, value)| builder.header(name, value));
    let mut request = builder.body(body)?;
    instructions.apply_to_request_http1x(&mut request);
    Ok(request.try_into()?)
}
