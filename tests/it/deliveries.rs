//! What a party was offered and how it went; having it again; and catching up after an outage.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{
    Party, PartyServer, Reply, eventually,
    market::{delivery_of, entries, text},
};

use crate::place::{TestGateway, in_both_modes};

/// A page of a party's offers, once it has so many: an index may lag behind.
async fn listed(party: &Party, query: &str, count: usize) -> Vec<Value> {
    let path = format!("/v1/me/deliveries{query}");
    eventually(format!("{count} offers at {path}"), async || {
        let page = party.api.get(&path).await.must_be(200);
        page["items"].as_array().filter(|items| items.len() == count).cloned()
    })
    .await
}

fn ids(items: &[Value], name: &str) -> Vec<String> {
    items.iter().map(|item| text(&item[name])).collect()
}

/// Places requests that fail for good at this party; answers them.
async fn failing(market: &TestGateway, party: &Party, count: usize) -> Vec<String> {
    let (user, mut requests) = (market.register().await, Vec::new());
    for _ in 0..count {
        let id = user.place(json!({ "third_party": party.id })).await;
        market.until_offer(&id, &party.id, "failed").await;
        requests.push(id);
    }
    requests
}

#[tokio::test]
async fn a_party_lists_its_own_offers() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::never_again()).await;
        let party = market.join_refusing("shop", &server, "/shop").await;
        let other = market.join("other").await;
        let requests = failing(&market, &party, 3).await;
        let newest_first: Vec<_> = requests.iter().rev().cloned().collect();
        let all = listed(&party, "", 3).await;
        assert_eq!(ids(&all, "request_id"), newest_first);
        let item = &all[0];
        let delivery = text(&item["delivery_id"]);
        assert_eq!((&item["status"], &item["message"]), (&json!("failed"), &json!("offer.created")));
        assert_eq!(item["webhook_id"], server.wait_for_message("offer.created", &newest_first[0]).await.webhook_id());
        assert_eq!(item["attempts"].as_array().map(Vec::len), Some(1), "{item:#}");
        assert_eq!(item.get("next_attempt_at"), None);
        assert!(text(&item["changed_at"]) >= text(&item["created_at"]));

        assert_eq!(ids(&listed(&party, "?status=failed", 3).await, "request_id"), newest_first);
        assert_eq!(listed(&party, "?status=pending,delivered", 0).await.len(), 0);
        assert_eq!(ids(&listed(&party, &format!("?request={}", requests[1]), 1).await, "request_id"), requests[1..2]);
        let since = text(&all[1]["created_at"]);
        assert_eq!(ids(&listed(&party, &format!("?since={since}"), 2).await, "request_id"), newest_first[..2]);
        assert_eq!(ids(&listed(&party, &format!("?until={since}"), 1).await, "request_id"), newest_first[2..]);
        let first = party.api.get("/v1/me/deliveries?limit=2&status=failed").await.must_be(200);
        let rest = format!("/v1/me/deliveries?limit=2&status=failed&cursor={}", text(&first["next_cursor"]));
        let rest = party.api.get(&rest).await.must_be(200);
        assert_eq!(ids(rest["items"].as_array().unwrap(), "request_id"), newest_first[2..]);
        assert!(rest["next_cursor"].is_null());

        for query in ["status=lost", "since=yesterday", "until=", "request=dlv_1", "limit=0"] {
            let problem = party.api.get(&format!("/v1/me/deliveries?{query}")).await.refused(422);
            let field = query.split_once('=').unwrap().0;
            assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"), "{query}");
        }
        assert_eq!(listed(&other, "", 0).await.len(), 0);
        assert_eq!(listed(&other, &format!("?request={}", requests[0]), 0).await.len(), 0);
        other.api.post(&format!("/v1/me/deliveries/{delivery}/replay"), json!({})).await.refused(404);
    })
    .await;
}

#[tokio::test]
async fn a_party_has_an_offer_sent_again_under_the_same_id() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::never_again()).await;
        let party = market.join_refusing("shop", &server, "/shop").await;
        let [request] = &failing(&market, &party, 1).await[..] else { panic!("one request") };
        let delivery = delivery_of(&market.request(request).await, "shop");
        let path = format!("/v1/me/deliveries/{delivery}/replay");
        server.becomes(|_, _| Reply::status(200));
        let replayed = party.api.post_once("again", &path, &json!({})).await.must_be(202);
        assert_eq!(replayed, json!({ "delivery_id": delivery, "status": "pending" }));
        assert_eq!(party.api.post_once("again", &path, &json!({})).await.must_be(202), replayed, "done once");
        market.until_offer(request, "shop", "delivered").await;

        let replayed = party.api.post(&path, json!({})).await.must_be(202);
        assert_eq!(replayed["status"], "delivered");
        let is_third = |view: &Value| entries(view, "message.delivered").len() == 2;
        let view = market.until(request, "delivered twice", is_third).await;
        assert_eq!(entries(&view, "message.replayed").len(), 2);
        let received = server.received();
        let messages: BTreeSet<_> = received.iter().map(|message| message.webhook_id()).collect();
        assert_eq!((received.len(), messages.len()), (3, 1));
        assert_eq!(received[0].json(), received[2].json());

        party.answer(&delivery, "declined").await.must_be(200);
        assert_eq!(party.api.post(&path, json!({})).await.refused(409)["current_status"], "declined");
    })
    .await;
}

#[tokio::test]
async fn a_polling_party_finds_again_what_it_has_lost() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        party.wants_everything().await;
        let user = market.register().await;
        let request = user.place(json!({ "category": "books" })).await;
        let first = party.lease_some().await;
        let delivery = text(&first[0]["delivery_id"]);
        assert_eq!(party.acknowledge(&delivery).await, "acknowledged");
        let replayed = party.api.post(&format!("/v1/me/deliveries/{delivery}/replay"), json!({})).await.must_be(202);
        assert_eq!(replayed["status"], "delivered");
        let second = party.lease_some().await;
        assert_eq!(first[0]["message"], second[0]["message"]);
        assert_eq!(party.acknowledge(&delivery).await, "acknowledged");
        party.answer(&delivery, "accepted").await.must_be(200);
        let view = market.request(&request).await;
        let kinds = ["offer.created", "message.leased", "message.delivered", "offer.answered"];
        let told = kinds.map(|kind| entries(&view, kind).len());
        assert_eq!(told, [1, 2, 2, 1], "offered, read, delivered, answered: {view:#}");
        assert_eq!(entries(&user.request(&request).await, "message.leased").len(), 0);
    })
    .await;
}

#[tokio::test]
async fn after_an_outage_a_party_has_everything_sent_again_and_catches_up() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::never_again()).await;
        let party = market.join_refusing("shop", &server, "/shop").await;
        let requests = failing(&market, &party, 3).await;
        let since = text(&listed(&party, "", 3).await[2]["created_at"]);
        let start = async |more: Value, status: u16| {
            let mut body = json!({ "since": since });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            party.api.post("/v1/me/replay", body).await.must_be(status)
        };
        let counted = json!({ "matched": 3, "complete": true });
        assert_eq!(start(json!({ "dry_run": true, "status": ["failed"] }), 200).await, counted);
        let none = json!({ "matched": 0, "complete": true });
        assert_eq!(start(json!({ "dry_run": true, "status": ["accepted"] }), 200).await, none);
        start(json!({ "status": ["declined"] }), 422).await;

        server.becomes(|_, _| Reply::status(200));
        let started = start(json!({ "status": ["failed"] }), 202).await;
        assert_eq!(started["state"], "running");
        let path = format!("/v1/me/replays/{}", text(&started["replay_id"]));
        let done = eventually("the replay is done", async || {
            Some(party.api.get(&path).await.must_be(200)).filter(|replay| replay["state"] == "done")
        })
        .await;
        let figures = ["matched", "replayed", "refused"].map(|name| done[name].as_u64().unwrap());
        assert_eq!(figures, [3, 3, 0]);
        for id in &requests {
            market.until_offer(id, "shop", "delivered").await;
        }

        let mut wanted: BTreeSet<(String, &str)> = BTreeSet::new();
        for id in &requests {
            let kinds = ["offer.created", "message.failed", "message.replayed", "message.delivered"];
            wanted.extend(kinds.map(|kind| (id.clone(), kind)));
        }
        let (mut place, mut seen) = (String::new(), Vec::new());
        eventually("everything is told", async || {
            let page = party.api.get(&format!("/v1/me/changes?limit=2&since={place}")).await.must_be(200);
            place = text(&page["next_cursor"]);
            let items = page["items"].as_array().unwrap();
            seen.extend(items.iter().map(|item| (text(&item["request_id"]), text(&item["type"]))));
            (seen.len() >= wanted.len()).then_some(())
        })
        .await;
        let told: BTreeSet<_> = seen.iter().map(|(id, kind)| (id.clone(), kind.as_str())).collect();
        assert_eq!((&told, seen.len()), (&wanted, wanted.len()), "each once");
    })
    .await;
}
