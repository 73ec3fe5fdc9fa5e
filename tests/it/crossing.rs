//! Things that happen at the same time: an answer, a cancellation, a lease or a change of settings while a message
//! is on its way.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    ClosedDoor, Party, PartyServer, Reply, User, eventually,
    market::{delivery_of, entries, offer_of, text},
    unique,
};

use crate::place::{TestGateway, in_both_modes};

/// A party whose endpoint takes a while, and the request that it has just received and not answered yet.
async fn on_its_way(market: &TestGateway, user: &User, answer: u16) -> (PartyServer, Party, String) {
    let server = PartyServer::start(move |_, message| match message.kind().as_str() {
        "offer.created" => Reply::status(answer).after(Duration::from_millis(1_200)),
        _ => Reply::status(200),
    })
    .await;
    let party = market.join_pushed(&unique("slow"), &server.url("/hook")).await;
    let id = user.place(json!({ "third_party": party.id })).await;
    server.wait_for_message("offer.created", &id).await;
    (server, party, id)
}

#[tokio::test]
async fn a_party_that_answers_before_its_endpoint_does_has_answered() {
    in_both_modes(async |market| {
        let user = market.register().await;
        let (server, party, id) = on_its_way(&market, &user, 200).await;
        let delivery = delivery_of(&market.request(&id).await, &party.id);
        party.answer(&delivery, "accepted").await.must_be(200);
        let recorded = |view: &Value| offer_of(view, &party.id).unwrap()["attempts"] != json!([]);
        let view = market.until(&id, "the attempt is recorded", recorded).await;
        assert_eq!(offer_of(&view, &party.id).unwrap()["status"], "accepted");
        assert_eq!(offer_of(&view, &party.id).unwrap()["attempts"][0]["outcome"], "delivered");
        assert_eq!(server.received().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_after_the_answer_is_not_tried_again() {
    in_both_modes(async |market| {
        let user = market.register().await;
        let (server, party, id) = on_its_way(&market, &user, 500).await;
        let delivery = delivery_of(&market.request(&id).await, &party.id);
        party.answer(&delivery, "completed").await.must_be(200);
        let recorded = |view: &Value| offer_of(view, &party.id).unwrap()["attempts"] != json!([]);
        let view = market.until(&id, "the attempt is recorded", recorded).await;
        assert_eq!(view["status"], "completed");
        // Another message comes through after the time at which the first would have come again.
        server.becomes(|number, _| if number < 2 { Reply::hang_up() } else { Reply::status(200) });
        let next = user.place(json!({ "third_party": party.id })).await;
        market.until_offer(&next, &party.id, "delivered").await;
        assert!(server.received()[1..].iter().all(|message| message.request_id() == next));
    })
    .await;
}

#[tokio::test]
async fn who_is_being_told_of_an_offer_is_told_of_its_end_as_well() {
    in_both_modes(async |market| {
        let user = market.register().await;
        for answer in [200, 500] {
            let (server, party, id) = on_its_way(&market, &user, answer).await;
            user.cancel(&id).await.must_be(200);
            let withdrawal = server.wait_for_message("offer.withdrawn", &id).await;
            let told = |view: &Value| {
                let delivered = entries(view, "message.delivered");
                delivered.iter().any(|entry| entry["message"] == "offer.withdrawn")
            };
            let view = market.until(&id, "the withdrawal arrived", told).await;
            assert_eq!(withdrawal.delivery_id(), delivery_of(&view, &party.id));
            assert_eq!(view["status"], "cancelled");
            assert_eq!(offer_of(&view, &party.id).unwrap()["status"], "withdrawn");
            let received = server.received();
            assert_eq!(received.len(), 2, "no offer comes after its withdrawal: {received:#?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_being_pushed_is_not_leased_meanwhile() {
    in_both_modes(async |market| {
        let user = market.register().await;
        let (server, party, id) = on_its_way(&market, &user, 200).await;
        assert_eq!(party.lease(json!({})).await.len(), 0);
        let view = market.until_offer(&id, &party.id, "delivered").await;
        assert_eq!(entries(&view, "message.delivered")[0]["via"], "push");
        assert_eq!(party.lease(json!({})).await.len(), 0);
        assert_eq!(server.received().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_waits_in_an_inbox_is_pushed_once_the_party_wants_that() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let user = market.register().await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            let id = user.place(json!({ "third_party": "shop" })).await;
            market.routed(&id).await;
            ids.push(id);
        }
        let server = PartyServer::always(Reply::status(200)).await;
        party.takes_pushes(json!({ "url": server.url("/hook") })).await;
        for id in &ids {
            market.until_offer(id, "shop", "delivered").await;
        }
        assert_eq!(server.received().len(), 3);
        assert_eq!(party.lease(json!({})).await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_pushed_waits_in_the_inbox_once_the_party_wants_that() {
    in_both_modes(async |market| {
        let door = ClosedDoor::new();
        let party = market.join_pushed("shop", &door.url("/hook")).await;
        let user = market.register().await;
        let id = user.place(json!({ "third_party": "shop" })).await;
        let tried = |view: &Value| offer_of(view, "shop").is_some_and(|offer| offer["attempts"] != json!([]));
        market.until(&id, "it was tried", tried).await;
        party.api.put("/v1/me/delivery", json!({ "mode": "poll" })).await.must_be(200);
        let [offer] = &party.lease_some().await[..] else { panic!("one offer") };
        assert_eq!(party.acknowledge(&text(&offer["delivery_id"])).await, "acknowledged");
        market.until_offer(&id, "shop", "delivered").await;
    })
    .await;
}

#[tokio::test]
async fn a_retry_goes_to_where_the_endpoint_has_moved() {
    in_both_modes(async |market| {
        let (old, new) = (PartyServer::always(Reply::status(500)).await, PartyServer::always(Reply::status(200)).await);
        let party = market.join_pushed("shop", &old.url("/hook")).await;
        let user = market.register().await;
        let id = user.place(json!({ "third_party": "shop" })).await;
        old.wait_for(1).await;
        party.takes_pushes(json!({ "url": new.url("/hook") })).await;
        market.until_offer(&id, "shop", "delivered").await;
        assert_eq!(new.received().len(), 1);
        assert_eq!(new.received()[0].webhook_id(), old.received()[0].webhook_id());
    })
    .await;
}

#[tokio::test]
async fn a_paused_party_gets_what_failed_before_when_it_is_resumed() {
    in_both_modes(async |market| {
        let server = PartyServer::answers([Reply::status(500), Reply::status(200)]).await;
        market.join_pushed("shop", &server.url("/hook")).await;
        let user = market.register().await;
        let id = user.place(json!({ "third_party": "shop" })).await;
        server.wait_for(1).await;
        let set = async |state: &str| {
            market.operator.patch("/v1/third-parties/shop", json!({ "state": state })).await.must_be(200);
        };
        set("paused").await;
        // The time of the retry passes while it is paused: another party's second attempt is after it.
        let other = PartyServer::answers([Reply::status(500), Reply::hang_up(), Reply::status(200)]).await;
        market.join_pushed("other", &other.url("/hook")).await;
        let fence = user.place(json!({ "third_party": "other" })).await;
        market.until_offer(&fence, "other", "delivered").await;
        assert_eq!(server.received().len(), 1);
        set("active").await;
        market.until_offer(&id, "shop", "delivered").await;
        eventually("it came again", async || (server.received().len() == 2).then_some(())).await;
    })
    .await;
}
