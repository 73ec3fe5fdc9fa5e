//! AWS's services as a test calls them: by hand, so that no SDK is built only for a test.

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::emulator::REGION;
use crate::{Answer, clock};

/// A client of the emulator, as the account's own user.
#[derive(Clone, Debug)]
pub struct Services {
    endpoint: String,
    http: reqwest::Client,
    credentials: Credentials,
}

impl Services {
    /// A client of the emulator at this address.
    ///
    /// # Panics
    /// When there can be no client.
    #[must_use]
    pub fn at(endpoint: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let credentials = Credentials::new("test", "test", None, None, "a test");
        Self { endpoint: endpoint.to_owned(), http, credentials }
    }

    /// Calls an operation of a service that takes JSON, such as `DynamoDB_20120810.Scan`.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn json(&self, service: &str, operation: &str, body: &Value) -> Value {
        self.try_json(service, operation, body).await.must_be(200)
    }

    /// The same, where it may be refused.
    pub async fn try_json(&self, service: &str, operation: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", operation)];
        self.send(service, Method::POST, "/", &headers, body.to_string().into_bytes()).await
    }

    /// The URL of the queue whose name begins like this.
    ///
    /// # Panics
    /// When there is none, or more than one.
    pub async fn queue(&self, beginning: &str) -> String {
        let found = self.json("sqs", "AmazonSQS.ListQueues", &json!({ "QueueNamePrefix": beginning })).await;
        let urls = found["QueueUrls"].as_array().cloned().unwrap_or_default();
        let [url] = &urls[..] else { panic!("{beginning}: {urls:?}") };
        url.as_str().expect("a URL").to_owned()
    }

    /// Every message in the queue whose name begins like this, also those that are being handled; none is taken.
    ///
    /// # Panics
    /// When there is no such queue.
    pub async fn messages(&self, beginning: &str) -> Vec<Value> {
        let url = self.queue(beginning).await;
        let found = self.inside(&format!("sqs/messages?QueueUrl={url}")).await;
        let by_account = found["messages"].as_object().into_iter().flatten();
        let by_region = by_account.flat_map(|(_, regions)| regions.as_object().into_iter().flatten());
        let by_queue = by_region.flat_map(|(_, queues)| queues.as_object().into_iter().flatten());
        by_queue.flat_map(|(_, messages)| messages.as_array().cloned().unwrap_or_default()).collect()
    }

    /// Calls an operation of a service that takes a form and answers XML.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn form(&self, service: &str, fields: &[(&str, &str)]) -> String {
        let request = self.http.post(&self.endpoint).form(fields).build().expect("a form");
        let body = request.body().and_then(|body| body.as_bytes()).expect("a body").to_vec();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self.send(service, Method::POST, "/", &headers, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.text
    }

    /// Where a path of the emulator is.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.endpoint)
    }

    /// Calls a service by path.
    pub async fn rest(&self, service: &str, method: Method, path: &str, body: Vec<u8>) -> Answer {
        self.send(service, method, path, &[], body).await
    }

    /// Invokes a function with this event and answers what it answered.
    ///
    /// # Errors
    /// What it failed with.
    ///
    /// # Panics
    /// When it cannot be invoked.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, Value> {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let answer = self.rest("lambda", Method::POST, &path, event.to_string().into_bytes()).await;
        let failed = answer.header("x-amz-function-error").is_some();
        let said = answer.must_be(200);
        if failed { Err(said) } else { Ok(said) }
    }

    /// What the emulator tells of itself and AWS does not, such as the mails that it was asked to send.
    ///
    /// # Panics
    /// When it does not tell.
    pub async fn inside(&self, path: &str) -> Value {
        Answer::to(self.http.get(format!("{}/_ministack/{path}", self.endpoint))).await.must_be(200)
    }

    async fn send(&self, service: &str, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let url = format!("{}{path}", self.endpoint);
        let request = headers
            .iter()
            .fold(self.http.request(method.clone(), &url), |request, (name, value)| request.header(*name, *value));
        let signature = self.signature(service, method.as_str(), &url, headers, &body);
        let signed = |request: RequestBuilder, (name, value): &(String, String)| request.header(name, value);
        Answer::to(signature.iter().fold(request, signed).body(body)).await
    }

    /// The headers that sign a request (Signature Version 4).
    fn signature(
        &self,
        service: &str,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Vec<(String, String)> {
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(service)
            .time(clock::now())
            .settings(SigningSettings::default())
            .build()
            .expect("all that is needed")
            .into();
        // Zips are large, and to S3 a body need not be signed.
        let body = if service == "s3" { SignableBody::UnsignedPayload } else { SignableBody::Bytes(body) };
        let request = SignableRequest::new(method, url, headers.iter().copied(), body);
        let signed = sign(request.expect("a request"), &parameters).expect("a signature");
        let headers = signed.output().headers();
        headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}
