//! What the gateway is told by its surroundings, and what it keeps for itself.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{PartyServer, Reply, ServerProcess, gateway::Setup, process};

#[tokio::test]
async fn every_problem_with_the_configuration_is_reported_at_once_and_nothing_is_opened() {
    let folder = TempDir::new().unwrap();
    let data_dir = folder.path().join("data");
    let output = process::run(
        &["serve"],
        &[
            ("MARKETPLACE_DATA_DIR", data_dir.to_str().unwrap()),
            ("MARKETPLACE_LISTEN", "nowhere"),
            ("MARKETPLACE_OPERATOR_TOKEN", "hush"),
            ("MARKETPLACE_EVENTS_SECRET", "hush too"),
            ("MARKETPLACE_SECRET_KEY", "hush three"),
            ("MARKETPLACE_SECRET_KEY_PREVIOUS", "hush four,hush five"),
            ("MARKETPLACE_PUBLIC_URL", "gopher://example.com"),
            ("MARKETPLACE_SMTP_URL", "http://mail.example.com"),
            ("MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS", "perhaps"),
            ("MARKETPLACE_MAX_WAIT_SECONDS", "21"),
            ("MARKETPLACE_RATE_LIMIT_PER_SECOND", "0"),
            ("MARKETPLACE_RETENTION_DAYS", "-1"),
            ("MARKETPLACE_ATTEMPT_RETENTION_DAYS", "some"),
        ],
    )
    .await;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    for variable in [
        "LISTEN",
        "OPERATOR_TOKEN",
        "EVENTS_SECRET",
        "SECRET_KEY",
        "SECRET_KEY_PREVIOUS",
        "PUBLIC_URL",
        "SMTP_URL",
        "ALLOW_PRIVATE_ENDPOINTS",
        "MAX_WAIT_SECONDS",
        "RATE_LIMIT_PER_SECOND",
        "RETENTION_DAYS",
        "ATTEMPT_RETENTION_DAYS",
    ] {
        assert!(said.contains(&format!("MARKETPLACE_{variable}:")), "{variable}: {said}");
    }
    assert!(!said.contains("hush"), "{said}");
    assert!(!data_dir.exists(), "nothing is opened before");
}

#[tokio::test]
async fn a_data_folder_belongs_to_one_process() {
    let server = ServerProcess::start().await;
    let user = server.market().register().await;
    let output = process::run(
        &["serve"],
        &[("MARKETPLACE_DATA_DIR", server.data_dir().to_str().unwrap()), ("MARKETPLACE_LISTEN", "127.0.0.1:0")],
    )
    .await;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("another process"), "{said}");
    user.place(json!({})).await;
}

#[tokio::test]
async fn what_is_not_given_is_made_kept_and_for_its_owner_only() {
    // An empty variable counts as unset.
    let mut server = ServerProcess::start_with(&[("MARKETPLACE_OPERATOR_TOKEN", "")]).await;
    let read = |server: &ServerProcess| {
        ["operator-token", "events-secret", "secret-key", "token-key"].map(|name| {
            let file = server.data_dir().join(name);
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
            fs::read(&file).unwrap()
        })
    };
    let made = read(&server);
    let token = String::from_utf8(made[0].clone()).unwrap();
    let operator = server.market().anyone.with_token(token.trim());
    operator.get("/v1/third-parties").await.must_be(200);
    server.market().operator.get("/v1/third-parties").await.refused(401);
    let user = server.market().register().await;

    server.terminate();
    assert!(server.ended().await.success());
    server.spawn().await;
    assert_eq!(read(&server), made);
    operator.get("/v1/third-parties").await.must_be(200);
    user.api.get("/v1/users/me").await.must_be(200);
    for secret in &made[..3] {
        let secret = String::from_utf8_lossy(secret);
        assert!(!server.log().contains(secret.trim()), "no secret is in the log");
    }
}

#[tokio::test]
async fn stored_credentials_need_their_key() {
    let key = ("MARKETPLACE_SECRET_KEY", "the first key has thirty-two characters or more");
    let mut server = ServerProcess::start_with(&[key]).await;
    let market = server.market();
    let party = market.join("shop").await;
    let basic = json!({ "type": "basic", "username": "marketplace", "password": "hush hush" });
    let endpoint = PartyServer::always(Reply::status(200)).await;
    party.takes_pushes(json!({ "url": endpoint.url("/hook"), "auth": basic })).await;
    server.terminate();
    assert!(server.ended().await.success());

    let other = process::run(
        &["serve"],
        &[
            ("MARKETPLACE_DATA_DIR", server.data_dir().to_str().unwrap()),
            ("MARKETPLACE_LISTEN", "127.0.0.1:0"),
            ("MARKETPLACE_SECRET_KEY", "another key that has thirty-two characters"),
        ],
    )
    .await;
    assert!(!other.status.success(), "it does not start with credentials that it cannot read");

    server.spawn().await;
    let user = market.register().await;
    let id = user.place(json!({ "third_party": "shop" })).await;
    market.until_offer(&id, "shop", "delivered").await;
    assert_eq!(endpoint.received()[0].header("authorization"), Some("Basic bWFya2V0cGxhY2U6aHVzaCBodXNo"));
}

#[tokio::test]
async fn links_begin_with_the_public_url() {
    let setup = Setup::default().variable("MARKETPLACE_PUBLIC_URL", "https://market.example.com/");
    let market = setup.start().await;
    let user = market.register_confirmed().await;
    let [letter] = &market.mailbox.to(&user.email).await[..] else { panic!("one letter") };
    assert!(letter.body.contains("https://market.example.com/confirm#token="), "{letter:?}");
}

#[tokio::test]
async fn the_log_tells_requests_by_their_ids_and_has_no_bodies_and_no_secrets() {
    // As talkative as can be: what is not said then is never said.
    let server = ServerProcess::start_with(&[("MARKETPLACE_LOG", "json"), ("RUST_LOG", "debug")]).await;
    let market = server.market();
    let user = market.register_confirmed().await;
    let endpoint = PartyServer::answers([Reply::status(500).body("party's answer"), Reply::status(200)]).await;
    let party = market.join("shop").await;
    let keyed = json!({ "type": "api-key", "name": "x-party-key", "value": "hush hush" });
    party.takes_pushes(json!({ "url": endpoint.url("/hook?token=hush-in-url"), "auth": keyed })).await;
    let id = user.place(json!({ "third_party": "shop", "note": "a secret wish" })).await;
    market.until_offer(&id, "shop", "delivered").await;
    let answer = json!({ "status": "accepted", "details": { "price": "party's price" } });
    party.api.post(&format!("/v1/requests/{id}/status"), answer).await.must_be(200);
    market.mailbox.about(&id, &user.email, 1).await;
    let wrong = json!({ "email": user.email, "password": "a wrong guess" });
    market.anyone.post("/v1/sessions", wrong).await.refused(401);

    let log = server.log();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    assert!(log.contains(&id), "what happens to a request can be found by its id:\n{log}");
    let token = market.operator.request(reqwest::Method::GET, "/").build().unwrap();
    let token = token.headers()["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    for secret in [
        &party.key,
        &user.password,
        &user.email,
        &token,
        "hush hush",
        "hush-in-url",
        "a secret wish",
        "a wrong guess",
        "party's answer",
        "party's price",
    ] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}
