//! POSTs that are sent again.

use serde_json::{Value, json};

use crate::server::{Answer, Credential, Server};

async fn post(server: &Server, path: &str, credential: &Credential, key: &str, body: &Value) -> Answer {
    server.call_with("POST", path, credential, &[("idempotency-key", key)], &body.to_string()).await
}

#[tokio::test]
async fn the_same_again_is_answered_the_same_and_done_once() {
    let server = Server::start();
    let (_, user) = server.user("ann", false).await;
    let body = json!({ "category": "books" });
    let first = post(&server, "/v1/requests", &user, "k-1", &body).await;
    let second = post(&server, "/v1/requests", &user, "k-1", &body).await;
    assert_eq!((first.status, &first.text), (second.status, &second.text));
    assert_eq!(second.headers["idempotency-replayed"], "true");
    let third = post(&server, "/v1/requests", &user, "k-2", &body).await;
    assert_ne!(first.text, third.text);
    assert_eq!(server.get("/v1/requests", &user).await.body()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn another_body_is_refused_and_another_caller_is_not() {
    let server = Server::start();
    let (_, ann) = server.user("ann", false).await;
    let (_, bob) = server.user("bob", false).await;
    let first = post(&server, "/v1/requests", &ann, "k", &json!({})).await;
    assert_eq!(first.status, 201);
    assert_eq!(post(&server, "/v1/requests", &ann, "k", &json!({ "note": "x" })).await.status, 422);
    let others = post(&server, "/v1/requests", &bob, "k", &json!({})).await;
    assert_eq!(others.status, 201);
    assert_ne!(first.text, others.text);
}

#[tokio::test]
async fn many_at_once_are_one() {
    let server = std::sync::Arc::new(Server::start());
    let (_, user) = server.user("ann", false).await;
    let calls: Vec<_> = (0..32)
        .map(|_| {
            let (server, user) = (server.clone(), user.clone());
            tokio::spawn(async move { post(&server, "/v1/requests", &user, "k", &json!({})).await })
        })
        .collect();
    let mut created = Vec::new();
    for call in calls {
        let answer = call.await.unwrap();
        match answer.status.as_u16() {
            201 => created.push(answer.text),
            status => assert_eq!(status, 409),
        }
    }
    created.dedup();
    assert_eq!(created.len(), 1);
    assert_eq!(server.get("/v1/requests", &user).await.body()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_caller_that_hangs_up_and_tries_again_is_served_once() {
    let server = Server::start();
    let (_, user) = server.user("ann", false).await;
    let body = json!({});
    let mut expected = std::collections::BTreeSet::new();
    for round in 0..40 {
        let key = format!("k-{round}");
        let mut first = Box::pin(post(&server, "/v1/requests", &user, &key, &body));
        // Until the first is known to be running, it goes on; then its caller is gone.
        loop {
            tokio::select! {
                _ = &mut first => break,
                second = post(&server, "/v1/requests", &user, &key, &body) => if second.status == 409 { break },
            }
        }
        drop(first);
        let answer = loop {
            let answer = post(&server, "/v1/requests", &user, &key, &body).await;
            if answer.status != 409 {
                break answer;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(answer.status, 201);
        expected.insert(answer.body()["id"].as_str().unwrap().to_owned());
    }
    let list = server.get("/v1/requests?limit=100", &user).await.body();
    let items = list["items"].as_array().unwrap();
    let placed: std::collections::BTreeSet<_> =
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(placed, expected);
}

#[tokio::test]
async fn a_repeated_creation_is_answered_without_its_secret() {
    let server = Server::start();
    let body = json!({ "id": "books", "name": "Books", "contact_email": "a@example.com" });
    let first = post(&server, "/v1/third-parties", &Credential::Operator, "k", &body).await;
    let second = post(&server, "/v1/third-parties", &Credential::Operator, "k", &body).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201));
    let mut without = first.body();
    without.as_object_mut().unwrap().remove("api_key").expect("it was shown once");
    assert_eq!(second.body(), without);

    let path = "/v1/third-parties/books/keys";
    let first = post(&server, path, &Credential::Operator, "k", &json!({ "environment": "test" })).await.body();
    let second = post(&server, path, &Credential::Operator, "k", &json!({ "environment": "test" })).await.body();
    assert_eq!((&first["key_id"], second.get("api_key")), (&second["key_id"], None));
}

#[tokio::test]
async fn a_refusal_is_decided_anew() {
    let server = Server::start();
    let path = "/v1/third-parties/books/keys";
    let body = json!({ "environment": "test" });
    assert_eq!(post(&server, path, &Credential::Operator, "k", &body).await.status, 404);
    server.party("books").await;
    assert_eq!(post(&server, path, &Credential::Operator, "k", &body).await.status, 201);
}

#[tokio::test]
async fn cancelling_and_replaying_are_kept_too() {
    let server = Server::start();
    let (_, user) = server.user("ann", false).await;
    let request = server.request(&user, &json!({})).await;
    for (path, status, caller) in [
        (format!("/v1/requests/{request}/cancel"), 200, &user),
        ("/v1/dead-letters/replay".to_owned(), 202, &Credential::Operator),
    ] {
        for repeat in [false, true] {
            let answer = post(&server, &path, caller, "k", &json!({})).await;
            assert_eq!(answer.status, status, "{path}");
            assert_eq!(answer.headers.contains_key("idempotency-replayed"), repeat, "{path}");
        }
        assert_eq!(post(&server, &path, caller, "k", &json!({ "dry_run": true })).await.status, 422);
    }
    let bad = post(&server, "/v1/requests", &user, "two words", &json!({})).await;
    assert_eq!(bad.status, 400);
}
