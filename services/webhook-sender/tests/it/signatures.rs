//! What a signed message looks like on the wire.

use marketplace_core::{
    delivery::Secret,
    signing::{DEFAULT_GRACE, Scheme, Seed, Signer, SigningKey},
};
use serde_json::json;
use webhook_sender::EndpointError;

use crate::stub::{BODY, NOW, Reply, Stub, oauth, send, sender, settings, signed_settings};

#[tokio::test]
async fn a_signed_message_carries_a_signature_of_exactly_what_is_sent() {
    for signature in ["v1", "v1a"] {
        let stub = Stub::always(200).await;
        let (sender, settings) = (sender(true, 5_000), signed_settings(&stub.url("/hook"), signature));
        send(&sender, &sender.endpoint(&settings).unwrap()).await;
        let [request] = &stub.received()[..] else { panic!("one message") };
        let id = request.header("webhook-id").unwrap();
        let expected = Signer::new(&settings.signing).unwrap().sign(id, NOW, BODY.as_bytes()).unwrap();
        assert_eq!(request.header("webhook-signature"), Some(&*expected));
        assert!(expected.starts_with(&format!("{signature},")) && !expected.contains(' '), "{expected}");
        assert_eq!((request.header("webhook-timestamp"), &*request.body), (Some("1800000000"), BODY));
    }
}

#[tokio::test]
async fn after_a_rotation_it_carries_two() {
    let stub = Stub::always(200).await;
    let (sender, mut settings) = (sender(true, 5_000), signed_settings(&stub.url("/hook"), "v1"));
    let fresh = SigningKey::new(Scheme::V1, &Seed { bits: [1; 32], at: NOW });
    settings.signing = settings.signing.rotated(fresh, DEFAULT_GRACE);
    send(&sender, &sender.endpoint(&settings).unwrap()).await;
    let received = stub.received();
    let signatures: Vec<_> = received[0].header("webhook-signature").unwrap().split(' ').collect();
    assert!(signatures.len() == 2 && signatures[0] != signatures[1], "{signatures:?}");
}

#[tokio::test]
async fn what_is_not_to_be_signed_is_not() {
    let stub = Stub::always(200).await;
    let sender = sender(true, 5_000);
    send(&sender, &sender.endpoint(&settings(&stub.url("/hook"), json!({"type": "none"}))).unwrap()).await;
    assert_eq!(stub.received()[0].header("webhook-signature"), None);
}

#[tokio::test]
async fn a_token_that_is_replaced_within_an_attempt_leaves_the_signature_as_it_is() {
    let stub = Stub::start(|number, _| Reply::status(if number == 0 { 401 } else { 200 })).await;
    let tokens = Stub::start(|number, _| Reply::with(200, "", &format!(r#"{{"access_token": "t{number}"}}"#))).await;
    let (sender, mut settings) = (sender(true, 5_000), oauth(&stub, &tokens));
    settings.signing = signed_settings(&stub.url("/hook"), "v1").signing;
    send(&sender, &sender.endpoint(&settings).unwrap()).await;
    let [refused, taken] = &stub.received()[..] else { panic!("two requests") };
    assert_ne!(refused.header("authorization"), taken.header("authorization"));
    assert!(taken.header("webhook-signature").is_some());
    assert_eq!(refused.header("webhook-signature"), taken.header("webhook-signature"));
}

#[tokio::test]
async fn a_damaged_key_makes_no_endpoint_and_no_key_is_in_debug_text() {
    let mut settings = signed_settings("http://127.0.0.1:9/", "v1");
    let text = format!("{:?}", sender(true, 5_000).endpoint(&settings).unwrap());
    assert!(!text.contains("whsec_") && text.contains("sig_"), "{text}");
    let mut damaged = SigningKey::new(Scheme::V1, &Seed { bits: [1; 32], at: NOW });
    damaged.secret = Secret::new("whsec_?");
    settings.signing = damaged.into();
    let refused = sender(true, 5_000).endpoint(&settings);
    assert!(matches!(refused, Err(EndpointError::SigningKey(_))), "{refused:?}");
}
