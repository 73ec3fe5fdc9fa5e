//! Third parties that give back what they have accepted: others are asked, and the user is told.

use futures::future::join_all;
use serde_json::json;
use tests::{
    Party, PartyServer, Reply,
    market::{delivery_of, entries, offer_of, offered_to, states_of},
};

use crate::place::{TestGateway, in_both_modes};

/// Parties that want everything: the first is pushed to, the others poll.
async fn parties(market: &TestGateway, server: &PartyServer, names: &[&str]) -> Vec<Party> {
    let mut parties = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let party = market.join(name).await;
        if number == 0 {
            party.takes_pushes(json!({ "url": server.url("/offers") })).await;
        }
        party.wants_everything().await;
        parties.push(party);
    }
    parties
}

#[tokio::test]
async fn who_has_never_been_asked_is_asked_in_place_of_who_gave_it_back() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let first = market.join("first").await;
        let declining = market.join("declining").await;
        for party in [&first, &declining] {
            party.wants_everything().await;
        }
        let user = market.register_confirmed().await;
        let id = user.place(json!({ "category": "books" })).await;
        let view = market.routed(&id).await;
        let delivery = delivery_of(&view, "first");
        declining.answer(&delivery_of(&view, "declining"), "declined").await.must_be(200);
        first.answer(&delivery, "accepted").await.must_be(200);
        // These join when it is taken; whom routing would choose now is asked.
        parties(&market, &server, &["pushed", "polling"]).await;
        let elsewhere = market.join("elsewhere").await;
        elsewhere.wants(json!({ "detail": { "category": ["pens"] } })).await;
        assert_eq!(user.request(&id).await["status"], "accepted");

        let expected =
            json!({ "request_id": id, "delivery_id": delivery, "third_party": "first", "status": "released" });
        for _ in 0..2 {
            assert_eq!(first.release(&delivery).await.must_be(200), expected);
        }
        market.until_offer(&id, "pushed", "delivered").await;
        let view = market.until_offer(&id, "polling", "pending").await;
        assert_eq!(offered_to(&view), ["declining", "first", "polling", "pushed"]);
        assert_eq!((&view["status"], states_of(&view, "first")), (&json!("offered"), vec!["released".to_owned()]));
        let [pushed] = &server.received()[..] else { panic!("one push") };
        assert_eq!((pushed.kind().as_str(), pushed.delivery_id()), ("offer.created", delivery_of(&view, "pushed")));

        // The user sees it in the timeline, and has a letter that does not repeat the party's words.
        let view = user.request(&id).await;
        let [released] = &entries(&view, "offer.released")[..] else { panic!("one entry: {view:#}") };
        assert_eq!((&released["third_party"], &released["reason"]), (&json!("first"), &json!("out of stock")));
        let letters = market.mailbox.about(&id, &user.email, 3).await;
        let letter = letters.iter().find(|letter| letter.subject.contains("gave your request back")).expect("a letter");
        assert!(letter.subject.contains("The first") && !letter.body.contains("out of stock"), "{letter:?}");

        for status in ["in-progress", "accepted", "declined", "completed"] {
            assert_eq!(first.answer(&delivery, status).await.refused(409)["current_status"], "released");
        }
        let own = first.api.get(&format!("/v1/requests/{id}")).await.must_be(200);
        assert_eq!((offered_to(&own), &own["status"]), (vec!["first".to_owned()], &json!("declined")));
    })
    .await;
}

#[tokio::test]
async fn who_lost_is_asked_again_and_one_wins_at_a_time() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let parties = parties(&market, &server, &["pushed", "polling", "declining"]).await;
        let [pushed, polling, declining] = &parties[..] else { unreachable!() };
        let user = market.register().await;
        let id = user.place(json!({ "category": "books", "mode": "first-accept" })).await;
        let view = market.until_offer(&id, "pushed", "delivered").await;
        let view = if offer_of(&view, "declining").is_some() { view } else { market.routed(&id).await };
        declining.answer(&delivery_of(&view, "declining"), "declined").await.must_be(200);
        let (first, second) = (delivery_of(&view, "polling"), delivery_of(&view, "pushed"));
        polling.answer(&first, "accepted").await.must_be(200);
        assert_eq!(pushed.answer(&second, "accepted").await.refused(409)["current_status"], "withdrawn");

        polling.release(&first).await.must_be(200);
        // The loser's end stays an end; the request comes to it anew.
        let withdrawal = server.wait_for_message("offer.withdrawn", &id).await;
        assert_eq!(withdrawal.delivery_id(), second);
        let asked_again = |view: &serde_json::Value| states_of(view, "pushed") == ["withdrawn", "delivered"];
        let view = market.until(&id, "the loser is asked again", asked_again).await;
        let again = delivery_of(&view, "pushed");
        assert_ne!(again, second);
        assert_eq!(
            (states_of(&view, "polling"), states_of(&view, "declining")),
            (vec!["released".to_owned()], vec!["declined".to_owned()])
        );
        assert_eq!((&view["status"], view.get("winner")), (&json!("offered"), None));
        assert_eq!(pushed.answer(&second, "accepted").await.refused(409)["current_status"], "withdrawn");

        pushed.answer(&again, "accepted").await.must_be(200);
        let view = market.request(&id).await;
        assert_eq!((&view["status"], &view["winner"]), (&json!("accepted"), &json!(again)));
        assert_eq!(entries(&view, "offer.answered").iter().filter(|entry| entry["won"] == true).count(), 2);
        pushed.answer(&again, "completed").await.must_be(200);
        assert_eq!(user.request(&id).await["status"], "completed");
        assert_eq!(pushed.release(&again).await.refused(409)["current_status"], "completed");
    })
    .await;
}

#[tokio::test]
async fn when_nobody_is_left_it_ends() {
    in_both_modes(async |market| {
        let only = market.join("only").await;
        let user = market.register().await;
        // Addressed, so that nobody else may have it, whoever wants it.
        market.join("eager").await.wants_everything().await;
        let id = user.place(json!({ "third_party": "only" })).await;
        let delivery = delivery_of(&market.routed(&id).await, "only");
        only.answer(&delivery, "accepted").await.must_be(200);
        only.release(&delivery).await.must_be(200);
        let view = market.until_status(&id, "declined").await;
        assert_eq!(offered_to(&view), ["only"]);
        user.cancel(&id).await.must_be(200);
        assert_eq!(only.release(&delivery).await.must_be(200)["status"], "released", "it is no less so");
    })
    .await;
}

#[tokio::test]
async fn what_was_not_accepted_is_not_given_back() {
    in_both_modes(async |market| {
        let (party, stranger) = (market.join("shop").await, market.join("stranger").await);
        let user = market.register().await;
        let offer = async || {
            let id = user.place(json!({ "third_party": "shop" })).await;
            (delivery_of(&market.routed(&id).await, "shop"), id)
        };
        let (delivery, id) = offer().await;
        assert_eq!(party.release(&delivery).await.refused(409)["current_status"], "pending");
        for status in ["in-progress", "declined"] {
            party.answer(&delivery, status).await.must_be(200);
            assert_eq!(party.release(&delivery).await.refused(409)["current_status"], status);
        }
        stranger.release(&delivery).await.refused(404);
        assert_eq!(entries(&market.request(&id).await, "offer.released").len(), 0);

        let (delivery, id) = offer().await;
        party.answer(&delivery, "accepted").await.must_be(200);
        stranger.release(&delivery).await.refused(404);
        user.cancel(&id).await.must_be(200);
        assert_eq!(party.release(&delivery).await.refused(409)["current_status"], "withdrawn");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_ends_an_accepted_offer_in_the_same_instant_one_counts() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let user = market.register().await;
        let stories = (0..6).map(async |number| {
            let id = user.place(json!({ "third_party": "shop" })).await;
            let delivery = delivery_of(&market.routed(&id).await, "shop");
            party.answer(&delivery, "accepted").await.must_be(200);
            let (released, other) = if number % 2 == 0 {
                futures::join!(party.release(&delivery), party.answer(&delivery, "completed"))
            } else {
                futures::join!(party.release(&delivery), user.cancel(&id))
            };
            let view = market.request(&id).await;
            let state = offer_of(&view, "shop").unwrap()["status"].clone();
            match (released.status, number % 2) {
                (200, 0) => assert_eq!(other.refused(409)["current_status"], "released"),
                // A request whose only taker has gone can be cancelled all the same.
                (200, _) => drop(other.must_be(200)),
                _ => assert_eq!(released.refused(409)["current_status"], state),
            }
            assert_eq!(state == "released", entries(&view, "offer.released").len() == 1);
        });
        join_all(stories).await;
    })
    .await;
}
