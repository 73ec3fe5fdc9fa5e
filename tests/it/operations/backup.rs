//! `marketplace backup`: a copy of a database at work, and a gateway that goes on from it.

use std::fs;

use futures::future::join_all;
use serde_json::json;
use tempfile::TempDir;
use tests::{PartyServer, Reply, ServerProcess, market::entries, process};
use tokio::sync::watch;

const KEY: (&str, &str) = ("MARKETPLACE_SECRET_KEY", "backups are of no use without this key");

#[tokio::test]
async fn a_backup_of_a_gateway_at_work_holds_everything_that_was_accepted_before() {
    let server = ServerProcess::start_with(&[KEY]).await;
    let market = server.market();
    let endpoint = PartyServer::always(Reply::status(200)).await;
    let party = market.join("shop").await;
    let basic = json!({ "type": "basic", "username": "marketplace", "password": "hush hush" });
    party.takes_pushes(json!({ "url": endpoint.url("/hook"), "auth": basic })).await;
    let polling = market.join("polling").await;
    let user = market.register().await;
    let mut before = Vec::new();
    for _ in 0..20 {
        before.push(user.place(json!({ "third_party": "shop" })).await);
    }
    let waiting = user.place(json!({ "third_party": "polling", "note": "a wish" })).await;
    market.routed(&waiting).await;
    for id in &before {
        market.until_offer(id, "shop", "delivered").await;
    }

    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("copy.db");
    let (stop, stopped) = watch::channel(false);
    let load = join_all((0..3).map(async |_| {
        let mut placed = 0;
        while !*stopped.borrow() {
            user.place(json!({ "third_party": "shop" })).await;
            placed += 1;
        }
        placed
    }));
    let backup = async || {
        let variables = [("MARKETPLACE_DATA_DIR", server.data_dir().to_str().unwrap()), KEY];
        process::run(&["backup", copy.to_str().unwrap()], &variables).await
    };
    let backing_up = async {
        let output = backup().await;
        stop.send_replace(true);
        output
    };
    let (placed, output) = futures::join!(load, backing_up);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(placed.iter().all(|placed| *placed > 0), "callers do not wait for a backup: {placed:?}");

    let bytes = fs::read(&copy).unwrap();
    let again = backup().await;
    assert!(!again.status.success(), "a backup overwrites nothing");
    assert_eq!(fs::read(&copy).unwrap(), bytes);

    let nothing = folder.path().join("nothing.db");
    let elsewhere = [("MARKETPLACE_DATA_DIR", folder.path().to_str().unwrap()), KEY];
    let output = process::run(&["backup", nothing.to_str().unwrap()], &elsewhere).await;
    assert!(!output.status.success() && !nothing.exists(), "there is nothing to copy");

    // Another machine goes on from the copy.
    let restored_dir = folder.path().join("restored");
    process::restore(&copy, &restored_dir);
    let mut restored = ServerProcess::stopped(&restored_dir, &[KEY]);
    restored.spawn().await;
    let market = restored.market();
    for id in &before {
        let view = market.request(id).await;
        assert_eq!(view["offers"][0]["status"], "delivered");
        assert_eq!(entries(&view, "message.delivered").len(), 1);
    }
    let session = json!({ "email": user.email, "password": user.password });
    market.anyone.post("/v1/sessions", session).await.must_be(200);
    let polling = market.anyone.with_key(&polling.key);
    let leased = polling.post("/v1/inbox/lease", json!({})).await.must_be(200);
    assert_eq!(leased["offers"][0]["message"]["data"]["request"]["id"], waiting.as_str());

    let received = endpoint.received().len();
    let fresh = market.operator.post("/v1/requests", json!({ "third_party": "shop" })).await.must_be(201);
    let id = tests::market::text(&fresh["id"]);
    market.until_offer(&id, "shop", "delivered").await;
    let message = endpoint.received().into_iter().skip(received).find(|message| message.request_id() == id).unwrap();
    assert_eq!(message.header("authorization"), Some("Basic bWFya2V0cGxhY2U6aHVzaCBodXNo"));
}

#[tokio::test]
async fn a_backup_copied_back_over_a_crashed_database_is_what_counts() {
    let mut server = ServerProcess::start().await;
    let market = server.market();
    let place = async || {
        let placed = market.operator.post("/v1/requests", json!({})).await.must_be(201);
        tests::market::text(&placed["id"])
    };
    let mut before = Vec::new();
    for _ in 0..10 {
        before.push(place().await);
    }
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("copy.db");
    let variables = [("MARKETPLACE_DATA_DIR", server.data_dir().to_str().unwrap())];
    assert!(process::run(&["backup", copy.to_str().unwrap()], &variables).await.status.success());
    let mut after = Vec::new();
    for _ in 0..10 {
        after.push(place().await);
    }
    // What was written last is not in the database's own file yet, and must not get into the copy.
    server.kill().await;
    process::restore(&copy, server.data_dir());
    server.spawn().await;
    for id in &before {
        assert_eq!(&market.request(id).await["id"], id.as_str());
    }
    for id in &after {
        market.operator.get(&format!("/v1/requests/{id}")).await.refused(404);
    }
    let next = place().await;
    assert!(!before.contains(&next));
}
