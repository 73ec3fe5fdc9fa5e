//! The real `aws` client against this protocol alone: what it sends is understood, and it understands the answers.

use std::{net::SocketAddr, process::Output};

use tokio::net::TcpListener;

use super::*;

const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/venv/bin/aws");

struct Running;

impl Clock for Running {
    #[expect(clippy::disallowed_methods, reason = "the real client signs with the real time")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The client that `cargo xtask test` installs; when it has run once, other runners find it, too.
#[expect(clippy::disallowed_methods, reason = "the runner tells where it put the client")]
fn program() -> String {
    std::env::var("MARKETPLACE_TEST_AWS").unwrap_or_else(|_| INSTALLED.to_owned())
}

async fn serve(sink: &Sink) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let app = support::app_at(sink, Running);
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn aws(address: SocketAddr, secret: &'static str, arguments: Vec<String>) -> Output {
    let mut command = std::process::Command::new(program());
    command
        .args(["events", "--endpoint-url", &format!("http://{address}"), "--region", "eu-west-1"])
        .args(["--output", "json"])
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", secret)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_MAX_ATTEMPTS", "1");
    let run = tokio::task::spawn_blocking(move || command.output());
    run.await.expect("it does not panic").expect("the aws client is installed: run `cargo xtask test`")
}

fn arguments(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn json_of(output: &Output) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test]
async fn the_real_client_puts_events_and_reads_each_result() {
    let sink = Sink::default();
    let address = serve(&sink).await;
    let mut forged = entry("{}");
    forged["Source"] = json!("com.marketplace.router");
    let mut timed = entry(r#"{"name": "café – ☕"}"#);
    timed["Time"] = json!("2026-01-02T03:04:05Z");
    timed["EventBusName"] = json!("arn:aws:events:eu-west-1:123456789012:event-bus/marketplace");
    let entries = json!([timed, forged]).to_string();
    let output = aws(address, support::SECRET, arguments(&["put-events", "--entries", &entries])).await;
    let answer = json_of(&output);
    assert_eq!(answer["FailedEntryCount"], 1);
    assert_eq!(answer["Entries"][1]["ErrorCode"], "NotAuthorizedForSourceException");
    let [accepted] = sink.accepted().try_into().expect("one event");
    assert_eq!(answer["Entries"][0]["EventId"], json!(accepted.event_id));
    assert_eq!(accepted.detail, r#"{"name": "café – ☕"}"#);
    assert_eq!(accepted.time.to_string(), "2026-01-02T03:04:05Z");
}

#[tokio::test]
async fn the_real_client_shows_why_it_was_refused() {
    let sink = Sink::default();
    let address = serve(&sink).await;
    let entries = json!([entry("{}")]).to_string();
    let output = aws(address, "a wrong secret", arguments(&["put-events", "--entries", &entries])).await;
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("(InvalidSignatureException) when calling the PutEvents operation"), "{error}");
    assert_eq!(sink.accepted(), []);
}

#[tokio::test]
async fn the_real_client_tries_a_pattern() {
    let address = serve(&Sink::default()).await;
    let event = r#"{"id":"1","account":"1","source":"s","time":"2026-01-01T00:00:00Z","region":"r","detail-type":"t"}"#;
    let mut results = Vec::new();
    for pattern in [r#"{"source":["s"]}"#, r#"{"source":["other"]}"#] {
        let words = ["test-event-pattern", "--event-pattern", pattern, "--event", event];
        results.push(json_of(&aws(address, support::SECRET, arguments(&words)).await)["Result"].clone());
    }
    assert_eq!(results, [json!(true), json!(false)]);
    let words = ["test-event-pattern", "--event-pattern", r#"{"source":"s"}"#, "--event", event];
    let output = aws(address, support::SECRET, arguments(&words)).await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("(InvalidEventPatternException)"), "{error}");
}
