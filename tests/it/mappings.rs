//! Parties that have names of their own for what messages say and for how they answer.

use serde_json::{Value, json};
use tests::{
    Party, PartyServer, Reply, eventually,
    market::{delivery_of, text},
};

use crate::place::in_both_modes;

fn order_system() -> Value {
    json!({
        "fields": [
            { "to": "/event", "from": "/type" },
            { "to": "/order/reference", "from": "/data/delivery_id" },
            { "to": "/order/price", "from": "/data/request/amount" },
            { "to": "/order/kind", "from": "/data/request/category", "default": "other" },
            { "to": "/version", "default": 2 },
        ],
        "statuses": { "shipped": "completed", "refused": "declined" },
    })
}

async fn map(party: &Party, mapping: Value) {
    let setting = json!({ "mapping": mapping });
    assert_eq!(party.api.put("/v1/me/mapping", setting.clone()).await.must_be(200), setting);
    assert_eq!(party.api.get("/v1/me").await.must_be(200)["mapping"], mapping);
}

#[tokio::test]
async fn a_pushed_party_gets_its_own_fields_and_answers_in_its_own_words() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await.that_maps();
        let shop = market.join_pushed("shop", &server.url("/orders")).await;
        map(&shop, order_system()).await;
        shop.wants_everything().await;
        let user = market.register().await;
        let id = user.place(json!({ "category": "books", "amount": 12.5 })).await;
        let delivery = delivery_of(&market.until_offer(&id, "shop", "delivered").await, "shop");
        let received = server.received();
        let [push] = &received[..] else { panic!("one push: {received:#?}") };
        let expected = json!({
            "event": "offer.created",
            "order": { "reference": delivery, "price": 12.5, "kind": "books" },
            "version": 2,
        });
        assert_eq!(push.json(), expected);
        let problem = shop.answer(&delivery, "lost").await.refused(422);
        assert_eq!(problem["errors"][0]["pointer"], "/status");
        assert_eq!(shop.answer(&delivery, "accepted").await.must_be(200)["status"], "accepted");
        assert_eq!(shop.answer(&delivery, "shipped").await.must_be(200)["status"], "completed");
        market.until_status(&id, "completed").await;
        // Without it, the words mean nothing again, and messages are ours.
        shop.api.put("/v1/me/mapping", json!({ "mapping": null })).await.must_be(200);
        assert_eq!(shop.api.get("/v1/me").await.must_be(200).get("mapping"), None);
        let next = user.place(json!({ "category": "books" })).await;
        market.until_offer(&next, "shop", "delivered").await;
        let message = server.received().pop().unwrap();
        assert_eq!((message.kind().as_str(), message.request_id()), ("offer.created", next));
        shop.answer(&message.delivery_id(), "shipped").await.refused(422);
    })
    .await;
}

#[tokio::test]
async fn a_lease_has_the_partys_own_fields_in_its_environment_only() {
    in_both_modes(async |market| {
        let shop = market.join("shop").await;
        let in_test = market.key_for("shop", "test").await;
        map(&shop, order_system()).await;
        shop.wants_everything().await;
        in_test.put("/v1/me/filter", json!({ "pattern": { "source": [{ "exists": true }] } })).await.must_be(200);
        let user = market.register().await;
        user.place(json!({ "category": "books" })).await;
        let [leased] = &shop.lease_some().await[..] else { panic!("one message") };
        let (delivery, message) = (text(&leased["delivery_id"]), &leased["message"]);
        let expected = json!({
            "event": "offer.created",
            "order": { "reference": delivery, "kind": "books" },
            "version": 2,
        });
        assert_eq!(*message, expected);
        shop.answer(&delivery, "refused").await.must_be(200);
        assert_eq!(in_test.get("/v1/me").await.must_be(200).get("mapping"), None);
    })
    .await;
}

#[tokio::test]
async fn a_mapping_that_would_leave_a_party_without_an_answer_is_refused() {
    in_both_modes(async |market| {
        let shop = market.join("shop").await;
        map(&shop, order_system()).await;
        let wrong = [
            (json!({}), "/mapping"),
            (json!({ "fields": [{ "to": "/a", "from": "/type" }] }), "/mapping/fields"),
            (json!({ "fields": [{ "to": "/a", "from": "/data" }] }), "/mapping/fields"),
            (json!({ "fields": [{ "to": "a", "from": "" }] }), "/mapping/fields/0/to"),
            (json!({ "fields": [{ "to": "/a", "from": "" }, { "to": "/a/b", "default": 1 }] }), "/mapping/fields/1/to"),
            (json!({ "statuses": { "declined": "accepted" } }), "/mapping/statuses/declined"),
            (json!({ "statuses": { "gone": "withdrawn" } }), "/mapping/statuses/gone"),
            (json!({ "words": {} }), "/mapping/words"),
        ];
        for (mapping, pointer) in wrong {
            let problem = shop.api.put("/v1/me/mapping", json!({ "mapping": mapping })).await.refused(422);
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{mapping}");
        }
        assert_eq!(shop.api.get("/v1/me").await.must_be(200)["mapping"], order_system());
    })
    .await;
}

#[tokio::test]
async fn a_mapping_is_tried_on_past_offers_before_it_is_set() {
    in_both_modes(async |market| {
        let (shop, other) = (market.join("shop").await, market.join("other").await);
        let preview = async |party: &Party, samples: u8| {
            let trial = json!({ "mapping": order_system(), "samples": samples });
            party.api.post("/v1/me/mapping/preview", trial).await.must_be(200)["samples"].as_array().unwrap().clone()
        };
        assert_eq!(preview(&shop, 10).await, [Value::Null; 0]);
        shop.wants_everything().await;
        let user = market.register().await;
        let mut placed = vec![];
        for amount in [1, 2, 3] {
            let id = user.place(json!({ "amount": amount })).await;
            placed.push((delivery_of(&market.routed(&id).await, "shop"), id));
        }
        // What lists answer may be a little behind.
        let samples =
            eventually("three samples", async || Some(preview(&shop, 10).await).filter(|samples| samples.len() == 3))
                .await;
        for (sample, (amount, (delivery, id))) in samples.iter().zip(placed.iter().enumerate().rev()) {
            let message = json!({
                "event": "offer.created",
                "order": { "reference": delivery, "price": amount + 1, "kind": "other" },
                "version": 2,
            });
            let expected = json!({ "delivery_id": delivery, "request_id": id, "message": message, "missing": [] });
            assert_eq!(*sample, expected);
        }
        assert_eq!(preview(&shop, 2).await, samples[..2]);
        // Others see nothing of it, and it has set nothing.
        assert_eq!(preview(&other, 10).await, [Value::Null; 0]);
        assert_eq!(shop.api.get("/v1/me").await.must_be(200).get("mapping"), None);
    })
    .await;
}
