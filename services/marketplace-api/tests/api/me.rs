//! Third parties' own settings.

use serde_json::{Value, json};

use crate::server::{Answer, Credential, Server};

async fn set_filter(server: &Server, key: &Credential, pattern: Value) -> Answer {
    server.call("PUT", "/v1/me/filter", key, &json!({ "pattern": pattern })).await
}

async fn set_delivery(server: &Server, key: &Credential, body: Value) -> Answer {
    server.call("PUT", "/v1/me/delivery", key, &body).await
}

#[tokio::test]
async fn a_filter_is_set_and_lifted() {
    let server = Server::start();
    let key = server.party("books").await;
    let pattern = json!({ "detail": { "amount": [{ "numeric": [">=", 5] }], "category": ["books"] } });
    let answer = set_filter(&server, &key, pattern.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.body()), (200, json!({ "pattern": pattern })));
    assert_eq!(server.get("/v1/me", &key).await.body()["filter"], pattern);
    let in_test = server.key("books", "test").await;
    assert_eq!(server.get("/v1/me", &in_test).await.body()["filter"], Value::Null);
    assert_eq!(set_filter(&server, &key, Value::Null).await.body(), json!({ "pattern": null }));
    assert_eq!(server.get("/v1/me", &key).await.body()["filter"], Value::Null);
}

#[tokio::test]
async fn a_bad_filter_changes_nothing_and_its_fault_is_named() {
    let server = Server::start();
    let key = server.party("books").await;
    let good = json!({ "detail": { "category": ["books"] } });
    set_filter(&server, &key, good.clone()).await;
    let long = json!({ "detail": { "category": ["x".repeat(10_000)] } });
    for (pattern, pointer) in [
        (json!("books"), "/pattern"),
        (json!({ "detail": { "category": "books" } }), "/pattern/detail/category"),
        (json!({ "detail": { "category": [] } }), "/pattern/detail/category"),
        (long, "/pattern"),
    ] {
        assert_eq!(set_filter(&server, &key, pattern.clone()).await.pointers(), [pointer], "{pattern:.100}");
    }
    let deep = format!(r#"{{"pattern":{}1{}}}"#, r#"{"a":"#.repeat(1_000), "}".repeat(1_000));
    let answer = server.call_with("PUT", "/v1/me/filter", &key, &[], &deep).await;
    assert_eq!(answer.status, 422);
    assert_eq!(server.call("PUT", "/v1/me/filter", &key, &json!({})).await.pointers(), ["/pattern"]);
    assert_eq!(server.get("/v1/me", &key).await.body()["filter"], good);
}

#[tokio::test]
async fn secrets_go_in_and_never_come_out() {
    let server = Server::start();
    let key = server.party("books").await;
    let auth = json!({ "type": "api-key", "name": "x-their-key", "value": "s3cret" });
    let body = json!({ "mode": "push", "url": "https://books.example.com/hook", "auth": auth });
    let set = set_delivery(&server, &key, body).await;
    assert_eq!(set.status, 200, "{}", set.text);
    assert_eq!(set.body()["auth"]["value"], "********");
    for answer in
        [set, server.get("/v1/me", &key).await, server.get("/v1/third-parties/books", &Credential::Operator).await]
    {
        assert!(!answer.text.contains("s3cret") && answer.text.contains("x-their-key"), "{}", answer.text);
    }
    // Left out, the secret stays; for another server it has to be given again.
    let same = json!({
        "mode": "push", "url": "https://books.example.com/other", "auth": { "type": "api-key", "name": "x-their-key" },
    });
    assert_eq!(set_delivery(&server, &key, same).await.status, 200);
    let elsewhere = json!({
        "mode": "push", "url": "https://evil.example.com/", "auth": { "type": "api-key", "name": "x-their-key" },
    });
    assert_eq!(set_delivery(&server, &key, elsewhere).await.pointers(), ["/auth/value"]);
}

#[tokio::test]
async fn a_bad_delivery_changes_nothing_and_its_faults_are_named() {
    let server = Server::start();
    let key = server.party("books").await;
    for (body, pointers) in [
        (json!({}), &["/mode"][..]),
        (json!({ "mode": "fax" }), &["/mode"]),
        (json!({ "mode": "push" }), &["/url", "/auth"]),
        (json!({ "mode": "push", "url": "http://127.0.0.1/", "auth": { "type": "none" } }), &["/url"]),
        (
            json!({ "mode": "push", "url": "https://a.example/", "auth": { "type": "none", "extra": 1 } }),
            &["/auth/extra"],
        ),
        (json!({ "mode": "poll", "url": "https://a.example/" }), &["/url"]),
    ] {
        assert_eq!(set_delivery(&server, &key, body.clone()).await.pointers(), pointers, "{body}");
    }
    assert_eq!(server.get("/v1/me", &key).await.body()["delivery"], json!({ "mode": "poll" }));
}
