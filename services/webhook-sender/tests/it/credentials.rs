//! What a request looks like on the wire, with each kind of credential.

use marketplace_core::delivery::{Auth, Secret};
use serde_json::{Value, json};
use webhook_sender::EndpointError;

use crate::stub::{BODY, Received, Stub, send, sender, settings};

/// The request that an endpoint with this `auth` gets.
async fn sent(auth: Value) -> Received {
    let stub = Stub::always(200).await;
    let sender = sender(true, 5_000);
    let endpoint = sender.endpoint(&settings(&stub.url("/hook?a=1"), auth)).unwrap();
    assert_eq!(send(&sender, &endpoint).await.status_code(), Some(200));
    stub.received().remove(0)
}

#[tokio::test]
async fn a_message_is_posted_as_it_is_with_its_id_and_time() {
    let request = sent(json!({"type": "none"})).await;
    assert_eq!(request.line, "POST /hook?a=1 HTTP/1.1");
    assert_eq!(request.body, BODY);
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("content-length"), Some(BODY.len().to_string().as_str()));
    assert_eq!(request.header("transfer-encoding"), None);
    let id = format!("msg_{}", "ab".repeat(16));
    assert_eq!(request.header("webhook-id"), Some(id.as_str()));
    assert_eq!(request.header("webhook-timestamp"), Some("1800000000"));
    assert!(request.header("user-agent").unwrap().starts_with("marketplace-gateway/"));
    assert_eq!(request.header("authorization"), None);
}

#[tokio::test]
async fn an_api_key_travels_in_the_header_of_the_partys_choice() {
    let auth = json!({"type": "api-key", "name": "X-Books-Key", "value": "k3y with spaces"});
    let request = sent(auth).await;
    assert_eq!(request.header("x-books-key"), Some("k3y with spaces"));
    assert_eq!(request.header("authorization"), None);
}

#[tokio::test]
async fn an_api_key_may_be_an_authorization_header() {
    let auth = json!({"type": "api-key", "name": "Authorization", "value": "Bearer abc"});
    assert_eq!(sent(auth).await.header("authorization"), Some("Bearer abc"));
}

/// The example of RFC 7617, section 2, and the one of 2.1 (UTF-8).
#[tokio::test]
async fn basic_is_encoded_as_the_rfc_says() {
    for (username, password, expected) in
        [("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), ("test", "123£", "Basic dGVzdDoxMjPCow==")]
    {
        let auth = json!({"type": "basic", "username": username, "password": password});
        assert_eq!(sent(auth).await.header("authorization"), Some(expected));
    }
}

/// Stored settings may be damaged, or written by an older version with weaker rules.
#[tokio::test]
async fn a_value_that_would_inject_a_header_makes_no_endpoint() {
    let api_key = json!({"type": "api-key", "name": "x-key", "value": "k"});
    let mut settings = settings("http://127.0.0.1:9/", api_key);
    for injected in ["k\r\nx-admin: yes", "k\nx-admin: yes", "k\0"] {
        match &mut settings.auth {
            Auth::ApiKey { value, .. } => *value = Secret::new(injected),
            other => panic!("{other:?}"),
        }
        let refused = sender(true, 5_000).endpoint(&settings);
        assert!(matches!(refused, Err(EndpointError::HeaderValue(_))), "{injected:?}");
    }
}

#[tokio::test]
async fn secrets_are_not_in_debug_text() {
    for auth in [
        json!({"type": "api-key", "name": "x-key", "value": "s3cret"}),
        json!({"type": "basic", "username": "market", "password": "s3cret"}),
        json!({
            "type": "oauth-client-credentials", "token_url": "http://127.0.0.1:9/",
            "client_id": "market", "client_secret": "s3cret",
        }),
    ] {
        let endpoint = sender(true, 5_000).endpoint(&settings("http://127.0.0.1:9/", auth)).unwrap();
        let text = format!("{endpoint:?}");
        assert!(!text.contains("s3cret") && !text.contains("Basic "), "{text}");
    }
}
