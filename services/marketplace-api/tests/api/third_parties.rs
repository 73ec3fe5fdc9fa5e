//! Third parties from the operator's side.

use serde_json::{Value, json};

use crate::server::{Credential, Server};

const OPERATOR: Credential = Credential::Operator;

#[tokio::test]
async fn a_party_is_made_and_its_key_works_at_once() {
    let server = Server::start();
    let scope = json!({ "detail": { "category": ["books"] } });
    let body = json!({ "id": "3rdparty1", "name": "Books", "contact_email": "a@example.com", "scope": scope });
    let answer = server.post("/v1/third-parties", &OPERATOR, &body).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.headers["location"], "/v1/third-parties/3rdparty1");
    let made = answer.body();
    assert_eq!((&made["id"], &made["name"], &made["state"]), (&json!("3rdparty1"), &json!("Books"), &json!("active")));
    let key = made["api_key"].as_str().unwrap();
    assert!(key.starts_with("mk_prod_"));

    let me = server.get("/v1/me", &Credential::Key(key.to_owned())).await.body();
    assert_eq!(
        me,
        json!({
            "id": "3rdparty1", "name": "Books", "environment": "prod", "open": true, "state": "active",
            "scope": scope, "filter": null, "delivery": { "mode": "poll" }, "acceptance": [],
        })
    );
    let seen = server.get("/v1/third-parties/3rdparty1", &OPERATOR).await;
    assert!(!seen.text.contains(key));
    assert_eq!(seen.body()["scope"], scope);
    assert_eq!(seen.body()["environments"]["dev"]["open"], true);
}

#[tokio::test]
async fn an_id_is_taken_for_good() {
    let server = Server::start();
    server.party("books").await;
    let body = json!({ "id": "books", "name": "Others", "contact_email": "b@example.com" });
    assert_eq!(server.post("/v1/third-parties", &OPERATOR, &body).await.status, 409);
    for _ in 0..2 {
        assert_eq!(server.call("DELETE", "/v1/third-parties/books", &OPERATOR, &Value::Null).await.status, 204);
    }
    assert_eq!(server.post("/v1/third-parties", &OPERATOR, &body).await.status, 409);
    let seen = server.get("/v1/third-parties/books", &OPERATOR).await.body();
    assert_eq!((&seen["state"], &seen["name"]), (&json!("disabled"), &json!("books")));
    let revive = server.call("PATCH", "/v1/third-parties/books", &OPERATOR, &json!({ "state": "active" })).await;
    assert_eq!((revive.status.as_u16(), &revive.body()["current_status"]), (409, &json!("disabled")));
    let key = server.post("/v1/third-parties/books/keys", &OPERATOR, &json!({ "environment": "prod" })).await;
    assert_eq!(key.status, 409);
}

#[tokio::test]
async fn reserved_ids_and_other_faults_are_named() {
    let server = Server::start();
    for (body, pointer) in [
        (json!({ "id": "market", "name": "a", "contact_email": "a@b" }), "/id"),
        (json!({ "id": "Books", "name": "a", "contact_email": "a@b" }), "/id"),
        (json!({ "id": "books", "name": "", "contact_email": "a@b" }), "/name"),
        (json!({ "id": "books", "name": "a", "contact_email": "nobody" }), "/contact_email"),
        (json!({ "id": "books", "name": "a" }), "/contact_email"),
        (json!({ "id": "books", "name": "a", "contact_email": "a@b", "state": "active" }), "/state"),
        (json!({ "id": "books", "name": "a", "contact_email": "a@b", "scope": { "detail": 7 } }), "/scope/detail"),
    ] {
        assert_eq!(server.post("/v1/third-parties", &OPERATOR, &body).await.pointers(), [pointer], "{body}");
    }
    assert_eq!(server.get("/v1/third-parties", &OPERATOR).await.body()["items"], json!([]));
}

#[tokio::test]
async fn a_change_changes_what_it_names() {
    let server = Server::start();
    let key = server.party("books").await;
    let scope = json!({ "detail": { "region": ["eu"] } });
    let path = "/v1/third-parties/books";
    let changed = server.call("PATCH", path, &OPERATOR, &json!({ "scope": scope, "name": "More books" })).await.body();
    assert_eq!((&changed["scope"], &changed["name"]), (&scope, &json!("More books")));
    server.call("PATCH", path, &OPERATOR, &json!({ "state": "paused", "environment": "test" })).await;
    assert_eq!(server.get("/v1/me", &key).await.body()["state"], "active");
    let in_test = server.key("books", "test").await;
    assert_eq!(server.get("/v1/me", &in_test).await.body()["state"], "paused");
    let lifted = server.call("PATCH", path, &OPERATOR, &json!({ "scope": null })).await.body();
    assert_eq!((&lifted["scope"], &lifted["name"]), (&Value::Null, &json!("More books")));
    assert_eq!(server.call("PATCH", "/v1/third-parties/pens", &OPERATOR, &json!({ "name": "a" })).await.status, 404);
}

#[tokio::test]
async fn the_list_has_pages() {
    let server = Server::start();
    for party in ["aa", "bb", "cc"] {
        server.party(party).await;
    }
    let first = server.get("/v1/third-parties?limit=2", &OPERATOR).await.body();
    assert_eq!(first["items"][0]["id"], "cc");
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let next = first["next_cursor"].as_str().unwrap();
    let second = server.get(&format!("/v1/third-parties?limit=2&cursor={next}"), &OPERATOR).await.body();
    assert_eq!((&second["items"][0]["id"], &second["next_cursor"]), (&json!("aa"), &Value::Null));
    assert_eq!(server.get("/v1/third-parties?limit=0", &OPERATOR).await.pointers(), ["/limit"]);
}

#[tokio::test]
async fn what_cannot_be_removed_is_named() {
    let server = Server::start();
    server.party("books").await;
    for field in ["name", "contact_email", "state", "environment"] {
        let answer = server.call("PATCH", "/v1/third-parties/books", &OPERATOR, &json!({ field: null })).await;
        assert_eq!(answer.pointers(), [format!("/{field}")]);
    }
}
