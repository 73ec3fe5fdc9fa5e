//! It is written down who changed what about a third party, and when.

use serde_json::json;

use crate::place::{Setup, on_a_good_day};

#[tokio::test]
async fn it_is_written_down_who_changed_what_and_when() {
    on_a_good_day(Setup::default(), async |market| {
        let party = market.join("shop").await;
        let path = "/v1/third-parties/shop";
        market.operator.patch(path, json!({ "name": "Another", "scope": null })).await.must_be(200);
        market.operator.patch(path, json!({ "state": "paused", "environment": "test" })).await.must_be(200);
        market.operator.patch(path, json!({ "state": "active", "environment": "test" })).await.must_be(200);
        party.wants_everything().await;
        market.operator.post(&format!("{path}/keys"), json!({ "environment": "dev" })).await.must_be(201);
        market.operator.delete(path).await.must_be(204);
        // Parties have no timeline that could be read over HTTP yet.
        let journal = rusqlite::Connection::open(market.file("marketplace.db")).unwrap();
        let mut statement = journal.prepare("SELECT fact FROM journal WHERE at > 0 ORDER BY sequence").unwrap();
        let facts = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let facts: Vec<serde_json::Value> = facts.map(|fact| serde_json::from_str(&fact.unwrap()).unwrap()).collect();
        let written: Vec<_> =
            facts.iter().map(|fact| json!([fact["change"], fact["fields"], fact["environment"]])).collect();
        let expected = json!([
            ["joined", [], null],
            ["changed", ["name", "scope"], null],
            ["paused", ["state"], "test"],
            ["resumed", ["state"], "test"],
            ["changed", ["filter"], "prod"],
            ["changed", ["keys"], "dev"],
            ["disabled", [], null],
        ]);
        assert_eq!(json!(written), expected);
        for (fact, by_operator) in facts.iter().zip([true, true, true, true, false, true, true]) {
            assert_eq!(fact["by"] == "operator", by_operator, "{fact}");
            assert!(fact["by"].as_str().is_some_and(|by| !by.is_empty()), "{fact}");
            assert!(!fact.to_string().contains("Another"), "names of settings, and never their values: {fact}");
        }
    })
    .await;
}
