//! A client that a public generator makes of the description plays a whole flow.

use serde_json::Value;
use tempfile::TempDir;
use tests::{
    TestGateway,
    interface::{generate_client, play_with_client},
    market::{entries, offer_of},
};

#[tokio::test]
async fn a_generated_client_asks_polls_and_answers() {
    let gateway = TestGateway::start().await;
    let folder = TempDir::new().unwrap();
    let output = generate_client(&gateway.url(), folder.path()).await;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("WARNING") && !said.contains("Unable"), "everything can be generated: {said}");

    let output = play_with_client(folder.path(), &gateway.url(), &gateway.operator_token()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(seen["status"], "completed");
    assert_eq!(offer_of(&seen, "books").unwrap()["status"], "completed");
    assert_eq!(entries(&seen, "offer.answered").len(), 2);
    gateway.stop().await;
}
