//! Requests from their users' side, and what others may see of them.

use event_schema::id::Environment;
use serde_json::{Value, json};

use crate::server::{Credential, Server};

#[tokio::test]
async fn a_request_is_placed_read_and_listed() {
    let server = Server::start();
    let (id, user) = server.user("ann", false).await;
    let body = json!({ "category": "books", "amount": 12.5, "attributes": { "colour": "red" } });
    let answer = server.post("/v1/requests", &user, &body).await;
    assert_eq!(answer.status, 201);
    let request = answer.body()["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.body(), json!({ "id": request, "status": "new" }));
    assert_eq!(answer.headers["location"], format!("/v1/requests/{request}"));

    let seen = server.get(&format!("/v1/requests/{request}"), &user).await.body();
    assert_eq!(seen["id"], request);
    assert_eq!(seen["user_id"], id.to_string());
    assert_eq!(seen["status"], "new");
    assert_eq!(seen["offers"], json!([]));
    assert_eq!(seen["timeline"][0]["type"], "request.created");
    assert_eq!(seen["request"]["category"], "books");
    assert_eq!(seen["request"]["attributes"], json!({ "colour": "red" }));

    let list = server.get("/v1/requests", &user).await.body();
    assert_eq!(list["items"][0]["id"], request);
    assert_eq!(list["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_list_is_newest_first_in_pages() {
    let server = Server::start();
    let (_, user) = server.user("ann", false).await;
    let (_, other) = server.user("bob", false).await;
    let mut placed = Vec::new();
    for _ in 0..5 {
        placed.push(server.request(&user, &json!({})).await.to_string());
        server.request(&other, &json!({})).await;
    }
    placed.reverse();
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/v1/requests?limit=2&cursor={cursor}"), &user).await.body();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        listed.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(listed, placed);
}

#[tokio::test]
async fn anothers_request_is_not_there() {
    let server = Server::start();
    let (_, ann) = server.user("ann", false).await;
    let (_, bob) = server.user("bob", false).await;
    let request = server.request(&ann, &json!({})).await;
    let path = format!("/v1/requests/{request}");
    let missing = server.get("/v1/requests/req_00000000-0000-0000-0000-000000000000", &bob).await;
    let anothers = server.get(&path, &bob).await;
    assert_eq!((anothers.status.as_u16(), anothers.text), (404, missing.text));
    assert_eq!(server.post(&format!("{path}/cancel"), &bob, &Value::Null).await.status, 404);
    assert_eq!(server.get(&path, &ann).await.body()["status"], "new");
}

#[tokio::test]
async fn a_party_sees_its_own_offers_in_its_own_environment() {
    let server = Server::start();
    let (_, user) = server.user("ann", false).await;
    let (books, pens, ink) = (server.party("books").await, server.party("pens").await, server.party("ink").await);
    let books_in_test = server.key("books", "test").await;
    let request = server.request(&user, &json!({})).await;
    let ids = server.offer(request, &["books", "pens"], Environment::Prod).await;
    let path = format!("/v1/requests/{request}");

    let seen = server.get(&path, &books).await;
    assert_eq!(seen.status, 200);
    assert_eq!(seen.body()["offers"].as_array().unwrap().len(), 1);
    assert_eq!(seen.body()["offers"][0]["delivery_id"], ids[0].to_string());
    assert!(!seen.text.contains("pens") && !seen.text.contains(&ids[1].to_string()));
    assert_eq!(server.get(&path, &pens).await.body()["offers"][0]["delivery_id"], ids[1].to_string());
    for stranger in [&ink, &books_in_test] {
        assert_eq!(server.get(&path, stranger).await.status, 404);
    }

    let operators = server.get(&path, &Credential::Operator).await.body();
    assert_eq!(operators["offers"].as_array().unwrap().len(), 2);
    assert_eq!(operators["offers"][0]["attempts"], json!([]));
    let users = server.get(&path, &user).await.body();
    assert_eq!(users["status"], "offered");
    assert_eq!(users["offers"].as_array().unwrap().len(), 2);
    assert_eq!(users["offers"][0].get("attempts"), None);
}

#[tokio::test]
async fn cancelling_takes_it_back_once() {
    let server = Server::start();
    let (_, user) = server.user("ann", false).await;
    let request = server.request(&user, &json!({})).await;
    server.party("books").await;
    server.offer(request, &["books"], Environment::Prod).await;
    let path = format!("/v1/requests/{request}");
    for body in [Value::Null, json!({})] {
        let answer = server.post(&format!("{path}/cancel"), &user, &body).await;
        assert_eq!((answer.status.as_u16(), &answer.body()["status"]), (200, &json!("cancelled")));
    }
    let seen = server.get(&path, &user).await.body();
    assert_eq!((&seen["status"], &seen["offers"][0]["status"]), (&json!("cancelled"), &json!("withdrawn")));
    let cancelled = seen["timeline"].as_array().unwrap().iter().filter(|entry| entry["type"] == "request.cancelled");
    assert_eq!(cancelled.count(), 1);
}

#[tokio::test]
async fn an_operator_places_and_cancels_requests_in_any_environment() {
    let server = Server::start();
    let request = server.request(&Credential::Operator, &json!({ "environment": "dev" })).await;
    let path = format!("/v1/requests/{request}");
    let seen = server.get(&path, &Credential::Operator).await.body();
    assert_eq!((&seen["user_id"], &seen["environment"]), (&json!("operator"), &json!("dev")));
    let (_, user) = server.user("ann", false).await;
    let users = server.request(&user, &json!({})).await;
    let answer = server.post(&format!("/v1/requests/{users}/cancel"), &Credential::Operator, &Value::Null).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn only_test_accounts_leave_prod() {
    let server = Server::start();
    let (id, user) = server.user("ann", false).await;
    let elsewhere = json!({ "environment": "test" });
    let answer = server.post("/v1/requests", &user, &elsewhere).await;
    assert_eq!(answer.pointers(), ["/environment"]);
    server.request(&user, &json!({ "environment": "prod" })).await;

    let path = format!("/v1/users/{id}");
    let marked = server.call("PATCH", &path, &Credential::Operator, &json!({ "test_account": true })).await;
    assert_eq!(marked.body(), json!({ "id": id, "test_account": true }));
    server.request(&user, &elsewhere).await;

    server.call("PATCH", &path, &Credential::Operator, &json!({ "test_account": false })).await;
    assert_eq!(server.post("/v1/requests", &user, &elsewhere).await.pointers(), ["/environment"]);
    let unknown =
        server.call("PATCH", "/v1/users/usr_x", &Credential::Operator, &json!({ "test_account": true })).await;
    assert_eq!(unknown.status, 404);
}
