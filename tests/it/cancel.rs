//! A user takes a request back (DESIGN section 5).

use serde_json::{Value, json};
use tests::{
    PartyServer, Reply,
    market::{delivery_of, entries, offer_of},
};

use crate::place::in_both_modes;

#[tokio::test]
async fn cancelling_withdraws_what_is_open_and_tells_those_who_knew() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let mut parties = Vec::new();
        for name in ["quiet", "working", "accepting", "declining"] {
            let party = market.join_pushed(name, &server.url(&format!("/{name}"))).await;
            party.wants_everything().await;
            parties.push(party);
        }
        let untold = market.join("untold").await;
        untold.wants_everything().await;
        let user = market.register().await;
        let id = user.place(json!({})).await;
        for (party, answer) in parties.iter().zip(["", "in-progress", "accepted", "declined"]) {
            let view = market.until_offer(&id, &party.id, "delivered").await;
            if !answer.is_empty() {
                party.answer(&delivery_of(&view, &party.id), answer).await.must_be(200);
            }
        }

        assert_eq!(user.cancel(&id).await.must_be(200)["status"], "cancelled");
        // In force at once, for the user and for everybody who answers.
        let view = user.request(&id).await;
        assert_eq!(view["status"], "cancelled");
        for party in &parties[..3] {
            assert_eq!(offer_of(&view, &party.id).unwrap()["status"], "withdrawn");
            let late = party.answer(&delivery_of(&view, &party.id), "completed").await;
            assert_eq!(late.refused(409)["current_status"], "withdrawn");
        }
        assert_eq!(offer_of(&view, "declining").unwrap()["status"], "declined");
        parties[3].answer(&delivery_of(&view, "declining"), "accepted").await.refused(409);

        for party in &parties[..3] {
            let view = market.until(&id, format!("{} is told", party.id), |_| {
                server.received_at(&format!("/{}", party.id)).len() == 2
            });
            view.await;
            let told = server.received_at(&format!("/{}", party.id)).pop().unwrap();
            assert_eq!(told.kind(), "offer.withdrawn");
        }
        market.until(&id, "the rows follow", |view| entries(view, "offer.withdrawn").len() == 4).await;
        assert_eq!(untold.lease(json!({})).await.len(), 0);
        assert_eq!(server.received_at("/declining").len(), 1);
        assert_eq!(server.received().len(), 7);
    })
    .await;
}

#[tokio::test]
async fn cancelling_twice_is_once_and_what_is_completed_stays() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let (user, stranger) = (market.register().await, market.register().await);
        let id = user.place(json!({ "third_party": "shop" })).await;
        market.routed(&id).await;
        stranger.cancel(&id).await.refused(404);
        assert_eq!(user.request(&id).await["status"], "offered");
        for _ in 0..2 {
            user.cancel(&id).await.must_be(200);
        }
        assert_eq!(entries(&user.request(&id).await, "request.cancelled").len(), 1);

        let done = user.place(json!({ "third_party": "shop" })).await;
        let view = market.routed(&done).await;
        party.answer(&delivery_of(&view, "shop"), "completed").await.must_be(200);
        assert_eq!(user.cancel(&done).await.refused(409)["current_status"], "completed");
        assert_eq!(user.request(&done).await["status"], "completed");
    })
    .await;
}

#[tokio::test]
async fn what_is_cancelled_before_anybody_heard_of_it_reaches_nobody() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let user = market.register().await;
        let mut cancelled = Vec::new();
        for _ in 0..20 {
            let id = user.place(json!({ "third_party": "shop" })).await;
            user.cancel(&id).await.must_be(200);
            assert_eq!(user.request(&id).await["status"], "cancelled");
            cancelled.push(id);
        }
        // Some were offered before; those offers are taken back, and no other can be made any more.
        for id in &cancelled {
            let taken_back =
                |view: &Value| entries(view, "offer.withdrawn").len() == view["offers"].as_array().unwrap().len();
            let view = market.until(id, "its offers are taken back", taken_back).await;
            assert_eq!(view["status"], "cancelled");
        }
        let id = user.place(json!({ "third_party": "shop" })).await;
        market.routed(&id).await;
        let [only] = &party.lease(json!({ "max": 100 })).await[..] else { panic!("one offer is open") };
        assert_eq!(only["message"]["data"]["request"]["id"], id.as_str());
    })
    .await;
}
