//! Messages that were given up: found by operators, and sent again (DESIGN section 6).

use serde_json::{Value, json};
use tests::{
    PartyServer, Reply,
    market::{entries, text},
};

use crate::place::in_both_modes;

#[tokio::test]
async fn dead_letters_are_listed_and_sent_again_under_the_same_id() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::never_again()).await;
        for party in ["ann", "bob"] {
            market.join_refusing(party, &server, &format!("/{party}")).await;
        }
        let user = market.register().await;
        let mut requests = Vec::new();
        for party in ["ann", "ann", "ann", "bob"] {
            let id = user.place(json!({ "third_party": party })).await;
            market.until_offer(&id, party, "failed").await;
            requests.push(id);
        }
        let list = async |query: &str| {
            let page = market.operator.get(&format!("/v1/dead-letters{query}")).await.must_be(200);
            page["items"].as_array().unwrap().clone()
        };
        let of = |items: &[Value]| items.iter().map(|item| text(&item["request_id"])).collect::<Vec<_>>();
        let newest_first: Vec<_> = requests.iter().rev().cloned().collect();
        let all = list("").await;
        assert_eq!(of(&all), newest_first);
        assert_eq!(of(&list("?third_party=ann").await), newest_first[1..]);
        assert_eq!(list("?third_party=nobody").await.len(), 0);
        let since = text(&all[1]["at"]);
        assert_eq!(of(&list(&format!("?since={since}")).await), newest_first[..2]);
        let dead = &all[0];
        assert_eq!(dead["third_party"], "bob");
        assert_eq!(dead["environment"], "prod");
        assert_eq!(dead["reason"], "status_not_retried");

        let first = market.operator.get("/v1/dead-letters?limit=3").await.must_be(200);
        let cursor = text(&first["next_cursor"]);
        let rest = market.operator.get(&format!("/v1/dead-letters?limit=3&cursor={cursor}")).await.must_be(200);
        assert_eq!(of(rest["items"].as_array().unwrap()), newest_first[3..]);
        assert!(rest["next_cursor"].is_null());

        let replay = async |body: Value| {
            market.operator.post("/v1/dead-letters/replay", body).await.must_be(202)["count"].clone()
        };
        assert_eq!(replay(json!({ "dry_run": true })).await, 4);
        assert_eq!(replay(json!({ "third_party": "ann", "dry_run": true })).await, 3);
        assert_eq!(replay(json!({ "since": since, "dry_run": true })).await, 2);
        assert_eq!(replay(json!({ "third_party": "nobody" })).await, 0);
        assert_eq!(list("").await.len(), 4, "a dry run changes nothing");

        server.becomes(|_, _| Reply::status(200));
        let one = text(&all[3]["delivery_id"]);
        assert_eq!(replay(json!({ "ids": [one] })).await, 1);
        let view = market.until_offer(&requests[0], "ann", "delivered").await;
        assert_eq!(entries(&view, "message.replayed").len(), 1);
        assert_eq!(of(&list("").await), newest_first[..3]);
        assert_eq!(replay(json!({ "ids": [one] })).await, 0, "it is no dead letter any more");
        assert_eq!(replay(json!({ "third_party": "ann" })).await, 2);
        assert_eq!(replay(json!({})).await, 1);
        for (id, party) in requests.iter().zip(["ann", "ann", "ann", "bob"]) {
            market.until_offer(id, party, "delivered").await;
            let of_it: Vec<_> = server.received().into_iter().filter(|message| message.request_id() == *id).collect();
            assert_eq!(of_it.len(), 2);
            assert_eq!(of_it[0].webhook_id(), of_it[1].webhook_id());
            assert_eq!(of_it[0].json(), of_it[1].json());
        }
        assert_eq!(list("").await.len(), 0);
    })
    .await;
}
