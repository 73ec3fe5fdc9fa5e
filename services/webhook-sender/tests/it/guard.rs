//! No attempt reaches an address that only we can reach, however the URL spells it.

use marketplace_core::{
    delivery::PushSettings,
    transport::{Failure, Outcome},
};
use serde_json::json;
use tokio::net::TcpListener;
use webhook_sender::AttemptReport;

use crate::stub::{Reply, Stub, attempt, oauth, send, sender, settings};

/// An attempt by a sender that calls public addresses only.
async fn guarded(settings: &PushSettings) -> AttemptReport {
    let sender = sender(false, 5_000);
    send(&sender, &sender.endpoint(settings).unwrap()).await
}

fn refused(report: &AttemptReport) -> bool {
    report.outcome == Outcome::Failed(Failure::AddressRefused)
        && report.detail.as_ref().is_some_and(|detail| !detail.is_empty())
}

/// The settings were stored when private endpoints were still allowed; a server listens there.
#[tokio::test]
async fn loopback_is_refused_in_every_spelling_though_a_server_listens() {
    let stub = Stub::always(200).await;
    let port = stub.address.port();
    for scheme in ["http", "https"] {
        for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0.0.0.0"] {
            let url = format!("{scheme}://{host}:{port}/");
            let report = guarded(&settings(&url, json!({"type": "none"}))).await;
            assert!(refused(&report), "{url} {report:?}");
        }
    }
    assert_eq!(stub.connections(), 0);
}

#[tokio::test]
async fn loopback_is_called_when_allowed() {
    let stub = Stub::always(200).await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let report = attempt(&format!("http://{host}:{}/", stub.address.port())).await;
        assert_eq!(report.status_code(), Some(200), "{host} {report:?}");
    }
}

#[tokio::test]
async fn metadata_is_refused_even_when_private_endpoints_are_allowed() {
    for allow_private in [false, true] {
        let sender = sender(allow_private, 5_000);
        for host in ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "100.100.100.200"] {
            // Nobody could store such settings today; these come from damaged or forged storage.
            let stored = json!({
                "url": format!("http://{host}/latest/meta-data/"), "transport": "direct",
                "signed": false, "auth": {"type": "none"}, "max_age_hours": 24,
            });
            let settings: PushSettings = serde_json::from_value(stored).unwrap();
            let report = send(&sender, &sender.endpoint(&settings).unwrap()).await;
            assert!(refused(&report), "{host} {report:?}");
        }
    }
}

#[tokio::test]
async fn http_is_refused_unless_private_endpoints_are_allowed() {
    let report = guarded(&settings("http://8.8.8.8/", json!({"type": "none"}))).await;
    assert!(refused(&report), "{report:?}");
}

#[tokio::test]
async fn a_token_endpoint_is_guarded_like_an_endpoint() {
    let tokens = Stub::start(|_, _| Reply::with(200, "", r#"{"access_token": "t"}"#)).await;
    let mut settings = oauth(&tokens, &tokens);
    settings.url = serde_json::from_value(json!("https://books.invalid/")).unwrap();
    let report = guarded(&settings).await;
    assert!(refused(&report), "{report:?}");
    assert_eq!(tokens.connections(), 0);
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_not_followed() {
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!("location: http://{}/\r\n", inside.local_addr().unwrap());
    let stub = Stub::start(move |_, _| Reply::with(307, &location, "")).await;
    assert_eq!(attempt(&stub.url("/")).await.status_code(), Some(307));
    let nobody_came = tokio::time::timeout(std::time::Duration::ZERO, inside.accept()).await.is_err();
    assert!(nobody_came);
}
