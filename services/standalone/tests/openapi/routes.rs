//! Every route is described, every described route is there, and each opens to the credentials that it names.

use std::collections::BTreeSet;

use tests::{Answer, Caller};

use crate::{
    document::{Operation, operations},
    market::{CREDENTIALS, Market},
    sources,
};

/// Calls an operation with the ids of its examples and without a body.
async fn call(caller: &Caller, operation: &Operation) -> Answer {
    Answer::to(caller.request(operation.http_method(), &operation.example_path())).await
}

#[test]
fn the_code_has_these_routes_and_no_others() {
    let described = operations().into_iter().map(|one| (one.method.to_owned(), one.path.to_owned()));
    let (described, mounted) = (described.collect::<BTreeSet<_>>(), sources::routes());
    let only_mounted: Vec<_> = mounted.difference(&described).collect();
    let only_described: Vec<_> = described.difference(&mounted).collect();
    assert!(only_mounted.is_empty(), "not described: {only_mounted:?}");
    assert!(only_described.is_empty(), "not mounted: {only_described:?}");
}

#[tokio::test]
async fn every_operation_is_answered_and_asks_for_a_credential_if_it_says_so() {
    let market = Market::start().await;
    for operation in operations() {
        let answer = call(&market.gateway.anyone, &operation).await;
        let name = operation.name();
        assert!(!matches!(answer.status, 404 | 405), "{name}: {}", answer.text);
        if operation.path == "/" {
            assert_eq!(answer.status, 400, "AWS refuses what is not signed so");
            continue;
        }
        assert_eq!(answer.status == 401, !operation.credentials().is_empty(), "{name}: {}", answer.text);
        assert!(answer.header("x-request-id").is_some(), "{name}");
    }
    let nowhere = market.gateway.anyone.get("/v1/nowhere").await;
    nowhere.refused(404);
    market.gateway.anyone.delete("/v1/requests").await.refused(405);
    let root = market.gateway.anyone.delete("/").await;
    root.refused(405);
    assert_eq!(root.header("allow"), Some("POST"), "the AWS wire is there");
    market.gateway.stop().await;
}

#[tokio::test]
async fn an_operation_opens_to_the_credentials_that_it_names_and_to_no_others() {
    let market = Market::start().await;
    for operation in operations().iter().filter(|one| one.path != "/" && !one.credentials().is_empty()) {
        for credential in CREDENTIALS {
            let answer = call(market.caller(credential), operation).await;
            let (name, opens) = (operation.name(), operation.credentials().contains(&credential));
            assert_ne!(answer.status, 401, "{name}, {credential}");
            assert_eq!(answer.status != 403, opens, "{name}, {credential}: {}", answer.text);
        }
    }
    market.gateway.stop().await;
}

#[tokio::test]
async fn an_operation_looks_at_an_idempotency_key_if_it_says_so() {
    let market = Market::start().await.with_the_examples_parties().await;
    for operation in operations().iter().filter(|one| one.path != "/") {
        let caller = market.entitled(&operation.credentials());
        let mut request = caller.request(operation.http_method(), &operation.example_path());
        if let Some((_, body)) = operation.body_examples().first() {
            request = request.json(body);
        }
        let answer = Answer::to(request.header("idempotency-key", "not visible")).await;
        let refused = answer.status == 400 && answer.text.contains("idempotency-key");
        assert_eq!(refused, operation.takes_an_idempotency_key(), "{}: {}", operation.name(), answer.text);
    }
    market.gateway.stop().await;
}
