//! Offers that run against a clock: parties are reminded, and when their time is over others are asked.

use serde_json::{Value, json};
use tests::{
    Party, PartyServer, Reply,
    market::{delivery_of, entries, offer_of, offered_to, text},
};

use crate::place::{TestGateway, in_both_modes};

/// The operator says how long a party may take.
async fn may_take(market: &TestGateway, party: &Party, acceptance: Value) {
    let path = format!("/v1/third-parties/{}", party.id);
    let view = market.operator.patch(&path, json!({ "acceptance": acceptance })).await.must_be(200);
    for environment in ["prod", "test", "dev"] {
        assert_eq!(view["environments"][environment]["acceptance"], acceptance);
    }
    assert_eq!(party.api.get("/v1/me").await.must_be(200)["acceptance"], acceptance);
}

/// How many seconds after the offer its first entry of this type came.
fn seconds_until(view: &Value, kind: &str) -> f64 {
    let at = |kind: &str| text(&entries(view, kind)[0]["at"]).parse::<jiff::Timestamp>().unwrap();
    at(kind).duration_since(at("offer.created")).as_secs_f64()
}

#[tokio::test]
async fn a_pushed_party_is_reminded_and_then_others_are_asked() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let slow = market.join_pushed("slow", &server.url("/slow")).await;
        may_take(&market, &slow, json!([{ "remind_after_seconds": 4, "expire_after_seconds": 9 }])).await;
        slow.wants_everything().await;
        let next = market.join("next").await;
        let user = market.register_confirmed().await;
        let id = user.place(json!({ "category": "books" })).await;
        let view = market.until_offer(&id, "slow", "delivered").await;
        let delivery = delivery_of(&view, "slow");
        // Whom routing would choose now is asked, when the time is over.
        next.wants_everything().await;
        // Work on it does not stop the clock.
        slow.answer(&delivery, "in-progress").await.must_be(200);
        let reminder = server.wait_for_message("offer.reminder", &id).await;
        assert_eq!(reminder.delivery_id(), delivery);
        let end = server.wait_for_message("offer.expired", &id).await;
        assert_eq!(end.delivery_id(), delivery);
        let view = market.until_offer(&id, "next", "pending").await;
        assert_eq!(
            (offered_to(&view), &view["status"]),
            (vec!["next".to_owned(), "slow".to_owned()], &json!("offered"))
        );
        assert_eq!(offer_of(&view, "slow").unwrap()["status"], "expired");
        let of_it: Vec<_> = server.received().into_iter().filter(|message| message.request_id() == id).collect();
        let ids: std::collections::BTreeSet<_> = of_it.iter().map(|message| message.webhook_id()).collect();
        assert_eq!((of_it.len(), ids.len()), (3, 3), "an offer, a reminder and its end: {of_it:#?}");
        assert!(seconds_until(&view, "offer.reminded") >= 4.0 && seconds_until(&view, "offer.expired") >= 9.0);
        for status in ["accepted", "declined"] {
            assert_eq!(slow.answer(&delivery, status).await.refused(409)["current_status"], "expired");
        }
        let letters = market.mailbox.about(&id, &user.email, 2).await;
        assert!(letters.iter().any(|letter| letter.subject.contains("did not answer")), "{letters:#?}");
    })
    .await;
}

#[tokio::test]
async fn a_polling_party_finds_reminder_and_end_in_its_inbox() {
    in_both_modes(async |market| {
        let (slow, absent) = (market.join("slow").await, market.join("absent").await);
        for party in [&slow, &absent] {
            may_take(&market, party, json!([{ "remind_after_seconds": 4, "expire_after_seconds": 9 }])).await;
            party.wants_everything().await;
        }
        let user = market.register().await;
        let id = user.place(json!({ "category": "books" })).await;
        let next = async |kind: &str| {
            let [leased] = &slow.lease_some().await[..] else { panic!("one message") };
            assert_eq!(leased["message"]["type"], kind);
            let delivery = text(&leased["delivery_id"]);
            assert_eq!(slow.acknowledge(&delivery).await, "acknowledged");
            delivery
        };
        let delivery = next("offer.created").await;
        assert_eq!(next("offer.reminder").await, delivery);
        assert_eq!(next("offer.expired").await, delivery);
        // Nobody is left; who never came for the offer is told nothing of its end.
        let view = market.until_status(&id, "expired").await;
        assert_eq!(entries(&view, "offer.expired").len(), 2);
        assert_eq!(absent.lease(json!({})).await.len(), 0);
        let made: Vec<_> = entries(&view, "message.made").iter().map(|entry| entry["third_party"].clone()).collect();
        assert_eq!(made, ["slow"]);
        assert_eq!(user.request(&id).await["status"], "expired");
    })
    .await;
}

#[tokio::test]
async fn a_clock_runs_for_its_category_and_until_the_answer() {
    in_both_modes(async |market| {
        let shop = market.join("shop").await;
        let clocks = json!([{ "category": "books", "expire_after_seconds": 5 }, { "expire_after_seconds": 1_000_000 }]);
        may_take(&market, &shop, clocks).await;
        shop.wants_everything().await;
        let user = market.register().await;
        let place = async |category: &str| {
            let id = user.place(json!({ "category": category })).await;
            (delivery_of(&market.routed(&id).await, "shop"), id)
        };
        let (late, late_id) = place("books").await;
        let own = shop.api.get(&format!("/v1/requests/{late_id}")).await.must_be(200);
        assert!(offer_of(&own, "shop").unwrap()["expires_at"].is_string(), "{own:#}");
        let mut answered = vec![];
        for status in ["accepted", "completed", "declined"] {
            let (delivery, id) = place("books").await;
            shop.answer(&delivery, status).await.must_be(200);
            answered.push((id, status));
        }
        let (_, other_id) = place("pens").await;
        market.until_status(&late_id, "expired").await;
        assert_eq!(shop.answer(&late, "accepted").await.refused(409)["current_status"], "expired");
        for (id, status) in answered {
            assert_eq!(offer_of(&market.request(&id).await, "shop").unwrap()["status"], status);
        }
        assert_eq!(market.request(&other_id).await["status"], "offered");

        // What is set when an offer is made holds for it; without clocks none runs.
        may_take(&market, &shop, json!([])).await;
        let (delivery, _) = place("books").await;
        shop.answer(&delivery, "accepted").await.must_be(200);
    })
    .await;
}

#[tokio::test]
async fn of_a_race_whose_winner_is_late_the_others_go_on() {
    in_both_modes(async |market| {
        let (slow, quick) = (market.join("slow").await, market.join("quick").await);
        may_take(&market, &slow, json!([{ "expire_after_seconds": 1 }])).await;
        for party in [&slow, &quick] {
            party.wants_everything().await;
        }
        let user = market.register().await;
        let id = user.place(json!({ "category": "books", "mode": "first-accept" })).await;
        let view = market.until_offer(&id, "slow", "expired").await;
        let delivery = delivery_of(&view, "quick");
        quick.answer(&delivery, "accepted").await.must_be(200);
        quick.release(&delivery).await.must_be(200);
        let view = market.until_status(&id, "expired").await;
        assert_eq!(offered_to(&view), ["quick", "slow"], "nobody is asked again who let it expire or gave it back");
    })
    .await;
}
