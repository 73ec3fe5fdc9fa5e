//! Requests that one party fulfils: the first acceptance wins, and everybody else is told (DESIGN section 5).

use futures::future::join_all;
use serde_json::json;
use tests::{
    Party, PartyServer, Reply, User,
    market::{delivery_of, entries, offer_of},
};

use crate::place::{TestGateway, in_both_modes};

/// Places a `first-accept` request and waits until these parties have been told.
async fn offered(market: &TestGateway, user: &User, parties: &[Party]) -> String {
    let id = user.place(json!({ "category": "books", "mode": "first-accept" })).await;
    for party in parties {
        market.until_offer(&id, &party.id, "delivered").await;
    }
    id
}

async fn pushed_parties(market: &TestGateway, server: &PartyServer, count: usize) -> Vec<Party> {
    let mut parties = Vec::new();
    for number in 0..count {
        let name = format!("party-{number}");
        let party = market.join_pushed(&name, &server.url(&format!("/{name}"))).await;
        party.wants_everything().await;
        parties.push(party);
    }
    parties
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_parties_that_accept_in_the_same_instant_one_wins() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let parties = pushed_parties(&market, &server, 2).await;
        let user = market.register().await;
        for _ in 0..8 {
            let id = offered(&market, &user, &parties).await;
            let view = market.request(&id).await;
            let deliveries: Vec<_> = parties.iter().map(|party| delivery_of(&view, &party.id)).collect();
            let answers = futures::join!(
                parties[0].answer(&deliveries[0], "accepted"),
                parties[1].answer(&deliveries[1], "accepted"),
            );
            let (winner, loser) = if answers.0.status == 200 { (0, 1) } else { (1, 0) };
            let (won, lost) = if winner == 0 { answers } else { (answers.1, answers.0) };
            assert_eq!(won.must_be(200)["status"], "accepted");
            assert_eq!(lost.refused(409)["current_status"], "withdrawn");

            let withdrawal = server.wait_for_message("offer.withdrawn", &id).await;
            assert_eq!(withdrawal.path, format!("/{}", parties[loser].id));
            assert_eq!(withdrawal.delivery_id(), deliveries[loser]);
            let view = market.until_status(&id, "accepted").await;
            assert_eq!(offer_of(&view, &parties[winner].id).unwrap()["status"], "accepted");
            assert_eq!(offer_of(&view, &parties[loser].id).unwrap()["status"], "withdrawn");
            assert_eq!(view["winner"], deliveries[winner].as_str());
            assert_eq!(entries(&view, "offer.answered").len(), 1);

            for status in ["in-progress", "accepted", "declined", "completed"] {
                let late = parties[loser].answer(&deliveries[loser], status).await;
                assert_eq!(late.refused(409)["current_status"], "withdrawn");
            }
            parties[winner].answer(&deliveries[winner], "completed").await.must_be(200);
            assert_eq!(user.request(&id).await["status"], "completed");
            let of_it: Vec<_> = server.received().into_iter().filter(|message| message.request_id() == id).collect();
            assert_eq!(of_it.len(), 3, "two offers and one withdrawal: {of_it:#?}");
            let original = of_it.iter().find(|message| message.path == withdrawal.path).unwrap();
            assert_ne!(original.webhook_id(), withdrawal.webhook_id(), "another message has another id");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_parties_that_accept_at_once_exactly_one_wins() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        // More than one change of a request can hold.
        let parties = pushed_parties(&market, &server, 30).await;
        let user = market.register().await;
        let id = offered(&market, &user, &parties).await;
        let view = market.request(&id).await;
        let answers = join_all(parties.iter().map(async |party| {
            let delivery = delivery_of(&view, &party.id);
            party.answer(&delivery, "accepted").await.status
        }));
        let mut statuses = answers.await;
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200);
        assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
        // Every loser is told once.
        let told = server.wait_for(30 + 29).await;
        let mut withdrawn: Vec<_> =
            told.iter().filter(|message| message.kind() == "offer.withdrawn").map(|message| &message.path).collect();
        withdrawn.sort();
        withdrawn.dedup();
        assert_eq!((told.len(), withdrawn.len()), (59, 29));
    })
    .await;
}

#[tokio::test]
async fn a_party_that_never_heard_of_the_offer_is_not_told_of_its_end() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let winner = pushed_parties(&market, &server, 1).await.remove(0);
        let (told, untold) = (market.join("told").await, market.join("untold").await);
        for party in [&told, &untold] {
            party.wants_everything().await;
        }
        let user = market.register().await;
        let id = offered(&market, &user, std::slice::from_ref(&winner)).await;
        let leased = told.lease_some().await;
        assert_eq!(leased.len(), 1);

        let delivery = delivery_of(&market.request(&id).await, &winner.id);
        winner.answer(&delivery, "accepted").await.must_be(200);
        for party in ["told", "untold"] {
            market.until_offer(&id, party, "withdrawn").await;
        }
        market.until(&id, "both rows follow", |view| entries(view, "offer.withdrawn").len() == 2).await;
        assert_eq!(untold.lease(json!({})).await, json!([]).as_array().unwrap()[..]);
        // Its lease ended with the offer, and the withdrawal is the next message.
        let [withdrawal] = &told.lease_some().await[..] else { panic!("one message") };
        assert_eq!(withdrawal["message"]["type"], "offer.withdrawn");
        assert_eq!(withdrawal["delivery_id"], leased[0]["delivery_id"]);
        assert_eq!(told.acknowledge(withdrawal["delivery_id"].as_str().unwrap()).await, "acknowledged");
        assert_eq!(told.lease(json!({})).await.len(), 0);
        assert_eq!(market.request(&id).await["status"], "accepted");
    })
    .await;
}

#[tokio::test]
async fn work_in_progress_wins_nothing_and_completing_at_once_does() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let parties = pushed_parties(&market, &server, 3).await;
        let user = market.register().await;
        let id = offered(&market, &user, &parties).await;
        let view = market.request(&id).await;
        let delivery = |party: &Party| delivery_of(&view, &party.id);
        parties[0].answer(&delivery(&parties[0]), "in-progress").await.must_be(200);
        parties[1].answer(&delivery(&parties[1]), "declined").await.must_be(200);
        assert_eq!(user.request(&id).await["status"], "in-progress");
        parties[2].answer(&delivery(&parties[2]), "completed").await.must_be(200);
        let late = parties[0].answer(&delivery(&parties[0]), "accepted").await;
        assert_eq!(late.refused(409)["current_status"], "withdrawn");
        // Who declined is no loser: that offer stays what it was.
        let late = parties[1].answer(&delivery(&parties[1]), "accepted").await;
        assert_eq!(late.refused(409)["current_status"], "declined");
        let view = market.until(&id, "the loser's row follows", |view| !entries(view, "offer.withdrawn").is_empty());
        let view = view.await;
        assert_eq!(view["status"], "completed");
        let states: Vec<_> =
            parties.iter().map(|party| offer_of(&view, &party.id).unwrap()["status"].clone()).collect();
        assert_eq!(json!(states), json!(["withdrawn", "declined", "completed"]));
    })
    .await;
}

#[tokio::test]
async fn everyone_may_accept_a_request_that_is_for_all() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        let parties = pushed_parties(&market, &server, 2).await;
        let user = market.register().await;
        let id = user.place(json!({ "category": "books" })).await;
        for party in &parties {
            let view = market.until_offer(&id, &party.id, "delivered").await;
            party.answer(&delivery_of(&view, &party.id), "accepted").await.must_be(200);
        }
        let view = market.request(&id).await;
        assert_eq!(view["status"], "accepted");
        assert!(view["offers"].as_array().unwrap().iter().all(|offer| offer["status"] == "accepted"));
        parties[0].answer(&delivery_of(&view, &parties[0].id), "completed").await.must_be(200);
        assert_eq!(user.request(&id).await["status"], "accepted", "one of two");
        parties[1].answer(&delivery_of(&view, &parties[1].id), "completed").await.must_be(200);
        assert_eq!(user.request(&id).await["status"], "completed", "both");
    })
    .await;
}
