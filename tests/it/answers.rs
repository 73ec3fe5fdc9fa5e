//! What third parties answer: every answer in every state, repeats and the wrong order (DESIGN section 5).

use serde_json::{Value, json};
use tests::{
    Party, PartyServer, Reply, User,
    market::{delivery_of, entries, offer_of},
};

use crate::place::{TestGateway, in_both_modes};

const ANSWERS: [&str; 4] = ["in-progress", "accepted", "declined", "completed"];

/// A user, a party that polls, and one whose endpoint refuses everything for good.
struct Scene {
    market: TestGateway,
    user: User,
    polling: Party,
    refusing: Party,
    _server: PartyServer,
}

impl Scene {
    async fn set(market: TestGateway) -> Self {
        let server = PartyServer::always(Reply::never_again()).await;
        let polling = market.join("polling").await;
        let refusing = market.join_refusing("refusing", &server, "/hook").await;
        Self { user: market.register().await, polling, refusing, market, _server: server }
    }

    /// A new offer in a state: its request, itself, and whose it is.
    async fn offer_in(&self, state: &str) -> (String, String, &Party) {
        let party = if state == "failed" { &self.refusing } else { &self.polling };
        let id = self.user.place(json!({ "third_party": party.id })).await;
        let delivery = delivery_of(&self.market.routed(&id).await, &party.id);
        match state {
            "pending" | "failed" => {}
            "delivered" => assert_eq!(party.acknowledge(&delivery).await, "acknowledged"),
            "withdrawn" => drop(self.user.cancel(&id).await.must_be(200)),
            answered => drop(party.answer(&delivery, answered).await.must_be(200)),
        }
        self.market.until_offer(&id, &party.id, state).await;
        (id, delivery, party)
    }
}

/// What an answer in a state comes to: the state after it, or none when it is refused.
fn outcome<'a>(state: &'a str, answer: &'a str) -> Option<&'a str> {
    match (state, answer) {
        ("pending" | "delivered" | "failed" | "in-progress", answer) => Some(answer),
        ("accepted", "in-progress" | "accepted") => Some("accepted"),
        ("accepted", "completed") | ("completed", "completed") => Some("completed"),
        ("declined", "declined") => Some("declined"),
        _ => None,
    }
}

#[tokio::test]
async fn every_answer_in_every_state() {
    in_both_modes(async |market| {
        let scene = Scene::set(market).await;
        for state in ["pending", "delivered", "failed", "in-progress", "accepted", "completed", "declined", "withdrawn"]
        {
            for (number, answer) in ANSWERS.into_iter().enumerate() {
                let (id, delivery, party) = scene.offer_in(state).await;
                let before = scene.market.request(&id).await;
                // Both ways of addressing an offer.
                let path = match number % 2 {
                    0 => format!("/v1/deliveries/{delivery}/status"),
                    _ => format!("/v1/requests/{id}/status"),
                };
                let answered = party.api.post(&path, json!({ "status": answer })).await;
                let after = scene.market.request(&id).await;
                let now = &offer_of(&after, &party.id).unwrap()["status"];
                let case = format!("{answer} when {state}");
                match outcome(state, answer) {
                    Some(next) => {
                        let expected = json!({
                            "request_id": id, "delivery_id": delivery, "third_party": party.id, "status": next,
                        });
                        assert_eq!(answered.must_be(200), expected, "{case}");
                        assert_eq!(now, next, "{case}");
                        let count = entries(&after, "offer.answered").len() - entries(&before, "offer.answered").len();
                        assert_eq!(count, usize::from(state != next), "{case}");
                        assert_eq!(entries(&after, "offer.noted").len(), 0, "{case}: nothing new was said");
                    }
                    None => {
                        assert_eq!(answered.refused(409)["current_status"], state, "{case}");
                        assert_eq!(now, state, "{case}");
                        assert_eq!(entries(&after, "offer.answered"), entries(&before, "offer.answered"), "{case}");
                    }
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_same_again_changes_nothing_and_new_details_are_noted() {
    in_both_modes(async |market| {
        let scene = Scene::set(market).await;
        let (id, delivery, party) = scene.offer_in("pending").await;
        let say = async |body: Value| {
            let answer = party.api.post(&format!("/v1/deliveries/{delivery}/status"), body).await;
            answer.must_be(200)["status"].clone()
        };
        let count = async |kind: &str| entries(&scene.market.request(&id).await, kind).len();

        let first = json!({ "status": "in-progress", "reason": "begun", "details": { "eta": "noon" } });
        for _ in 0..3 {
            assert_eq!(say(first.clone()).await, "in-progress");
        }
        assert_eq!((count("offer.answered").await, count("offer.noted").await), (1, 0));
        let news = json!({ "status": "in-progress", "details": { "eta": "one o'clock" } });
        for _ in 0..2 {
            assert_eq!(say(news.clone()).await, "in-progress");
        }
        assert_eq!((count("offer.answered").await, count("offer.noted").await), (1, 1));

        assert_eq!(say(json!({ "status": "accepted" })).await, "accepted");
        let late = json!({ "status": "in-progress", "details": { "eta": "two o'clock" } });
        assert_eq!(say(late).await, "accepted", "in progress after accepted is a note");
        assert_eq!((count("offer.answered").await, count("offer.noted").await), (2, 2));

        // The user reads all of it, in order.
        let view = scene.user.request(&id).await;
        let answered = entries(&view, "offer.answered");
        assert_eq!(answered[0]["reason"], "begun");
        assert_eq!(answered[0]["details"], json!({ "eta": "noon" }));
        assert_eq!(answered[0]["third_party"], "polling");
        assert_eq!(answered[1]["status"], "accepted");
        let noted = entries(&view, "offer.noted");
        let etas: Vec<_> = noted.iter().map(|note| note["details"]["eta"].clone()).collect();
        assert_eq!(json!(etas), json!(["one o'clock", "two o'clock"]));
    })
    .await;
}

#[tokio::test]
async fn notes_have_a_bound_and_answers_do_not_count() {
    in_both_modes(async |market| {
        let scene = Scene::set(market).await;
        let (id, delivery, party) = scene.offer_in("in-progress").await;
        let say = async |status: &str, number: u32| {
            let details = format!("{number:032000}");
            let body = json!({ "status": status, "details": details });
            party.api.post(&format!("/v1/deliveries/{delivery}/status"), body).await
        };
        // So many of them fit in a mebibyte, and no more.
        for number in 0..32 {
            say("in-progress", number).await.must_be(200);
        }
        assert_eq!(say("in-progress", 32).await.refused(409)["current_status"], "in-progress");
        say("in-progress", 31).await.must_be(200);
        let view = scene.market.request(&id).await;
        assert_eq!(entries(&view, "offer.noted").len(), 32);
        say("accepted", 32).await.must_be(200);
    })
    .await;
}

#[tokio::test]
async fn an_answer_by_request_is_about_the_partys_own_offer() {
    in_both_modes(async |market| {
        let (first, second) = (market.join("first").await, market.join("second").await);
        let outsider = market.join("outsider").await;
        for party in [&first, &second] {
            party.wants_everything().await;
        }
        let user = market.register().await;
        let id = user.place(json!({})).await;
        let view = market.routed(&id).await;
        let path = format!("/v1/requests/{id}/status");
        let answer = first.api.post(&path, json!({ "status": "accepted" })).await.must_be(200);
        assert_eq!(answer["delivery_id"], delivery_of(&view, "first").as_str());
        outsider.api.post(&path, json!({ "status": "accepted" })).await.refused(404);
        let view = market.request(&id).await;
        assert_eq!(offer_of(&view, "first").unwrap()["status"], "accepted");
        assert_eq!(offer_of(&view, "second").unwrap()["status"], "pending");
        second.api.post(&path, json!({ "status": "declined" })).await.must_be(200);
        assert_eq!(user.request(&id).await["status"], "accepted");
    })
    .await;
}

#[tokio::test]
async fn the_requests_status_is_derived_from_what_its_parties_say() {
    in_both_modes(async |market| {
        let parties = [market.join("one").await, market.join("two").await];
        for party in &parties {
            party.wants_everything().await;
        }
        let user = market.register().await;
        for (answers, expected) in [
            (["", ""], "offered"),
            (["declined", ""], "offered"),
            (["in-progress", ""], "in-progress"),
            (["in-progress", "accepted"], "accepted"),
            (["completed", ""], "accepted"),
            (["completed", "accepted"], "accepted"),
            (["completed", "declined"], "completed"),
            (["completed", "completed"], "completed"),
            (["declined", "declined"], "declined"),
        ] {
            let id = user.place(json!({})).await;
            let view = market.routed(&id).await;
            for (party, answer) in parties.iter().zip(answers) {
                if !answer.is_empty() {
                    party.answer(&delivery_of(&view, &party.id), answer).await.must_be(200);
                }
            }
            assert_eq!(user.request(&id).await["status"], expected, "{answers:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_counts_as_an_acknowledgement() {
    in_both_modes(async |market| {
        let scene = Scene::set(market).await;
        let (_, delivery, party) = scene.offer_in("pending").await;
        party.answer(&delivery, "in-progress").await.must_be(200);
        assert_eq!(party.lease(json!({})).await.len(), 0, "what was answered is not handed out any more");
        assert_eq!(party.acknowledge(&delivery).await, "already");
        // Nor is it pushed any more, or a dead letter.
        let (id, delivery, party) = scene.offer_in("failed").await;
        party.answer(&delivery, "accepted").await.must_be(200);
        let dead = scene.market.operator.get("/v1/dead-letters").await.must_be(200);
        assert_eq!(dead["items"], json!([]));
        assert_eq!(scene.market.request(&id).await["status"], "accepted");
    })
    .await;
}
