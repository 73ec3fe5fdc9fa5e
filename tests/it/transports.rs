//! The two transports: what is retried, what is given up, and what pauses a party (DESIGN section 6, "Push rules").

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tests::{
    Party, PartyServer, Reply,
    clock::http_date,
    eventually,
    market::{entries, offer_of, text},
};

use crate::place::{TestGateway, in_both_modes};

async fn join(market: &TestGateway, id: &str, url: &str, transport: &str) -> Party {
    let party = market.join(id).await;
    party.takes_pushes(json!({ "url": url, "transport": transport })).await;
    party
}

fn attempts(view: &Value, party: &str) -> usize {
    offer_of(view, party).unwrap()["attempts"].as_array().unwrap().len()
}

/// What a transport does with a first answer of each of these statuses, all at the same time: whether it tries again.
async fn tries_again(market: &TestGateway, transport: &str, statuses: &[u16]) -> Vec<bool> {
    let elsewhere = PartyServer::always(Reply::status(200)).await;
    let location = elsewhere.url("/elsewhere");
    let server = PartyServer::start(move |number, message| {
        let status = message.path.trim_start_matches('/').parse().unwrap();
        if number > 0 { Reply::status(200) } else { Reply::status(status).header("location", &location) }
    })
    .await;
    let user = market.register().await;
    let (server, user) = (&server, &user);
    let outcomes = join_all(statuses.iter().map(async |status| {
        let party = format!("answers-{status}");
        join(market, &party, &server.url(&format!("/{status}")), transport).await;
        let id = user.place(json!({ "third_party": party })).await;
        let ended = |view: &Value| {
            offer_of(view, &party).is_some_and(|offer| offer["status"] == "delivered" || offer["status"] == "failed")
        };
        let view = market.until(&id, format!("{transport}: {status} has an end"), ended).await;
        let delivered = offer_of(&view, &party).unwrap()["status"] == "delivered";
        assert_eq!(attempts(&view, &party), 1 + usize::from(delivered), "{status}");
        if !delivered {
            assert_eq!(user.request(&id).await["status"], "failed");
            let [failed] = &entries(&view, "message.failed")[..] else { panic!("it failed once") };
            assert_eq!(failed["reason"], "status_not_retried");
        }
        delivered
    }));
    let outcomes = outcomes.await;
    assert_eq!(elsewhere.received().len(), 0, "no redirect is followed");
    outcomes
}

const STATUSES: [u16; 16] = [301, 302, 307, 308, 400, 401, 403, 404, 407, 409, 418, 422, 429, 500, 502, 503];

#[tokio::test]
async fn managed_retries_what_eventbridge_retries() {
    in_both_modes(async |market| {
        let statuses = [&STATUSES[..], &[410]].concat();
        let again = tries_again(&market, "managed", &statuses).await;
        for (status, again) in statuses.into_iter().zip(again) {
            assert_eq!(again, matches!(status, 401 | 407 | 409 | 429 | 500..), "{status}");
        }
        let dead = market.operator.get("/v1/dead-letters?limit=100").await.must_be(200);
        assert_eq!(dead["items"].as_array().unwrap().len(), 10);
    })
    .await;
}

#[tokio::test]
async fn direct_retries_everything_but_410() {
    in_both_modes(async |market| {
        let again = tries_again(&market, "direct", &STATUSES).await;
        assert_eq!(again, [true; STATUSES.len()]);
        let dead = market.operator.get("/v1/dead-letters").await.must_be(200);
        assert_eq!(dead["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn any_2xx_is_delivered() {
    in_both_modes(async |market| {
        let server =
            PartyServer::start(|_, message| Reply::status(message.path.trim_start_matches('/').parse().unwrap())).await;
        let user = market.register().await;
        for status in [200, 201, 202, 203, 206, 226, 299] {
            let party = format!("answers-{status}");
            market.join_pushed(&party, &server.url(&format!("/{status}"))).await;
            let id = user.place(json!({ "third_party": party })).await;
            let view = market.until_offer(&id, &party, "delivered").await;
            assert_eq!(attempts(&view, &party), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn gone_on_direct_pauses_that_environment_until_somebody_resumes_it() {
    in_both_modes(async |market| {
        let server = PartyServer::start(|_, message| Reply::status(if message.path == "/gone" { 410 } else { 200 }));
        let server = server.await;
        let party = join(&market, "shop", &server.url("/gone"), "direct").await;
        let in_test = market.key_for("shop", "test").await;
        let url = server.url("/test");
        let delivery = json!({ "mode": "push", "url": url, "transport": "direct", "auth": { "type": "none" } });
        in_test.put("/v1/me/delivery", delivery).await.must_be(200);
        let user = market.register().await;

        let first = user.place(json!({ "third_party": "shop" })).await;
        tests::eventually("it is paused", async || {
            let me = party.api.get("/v1/me").await.must_be(200);
            (me["state"] == "paused").then_some(())
        })
        .await;
        let second = user.place(json!({ "third_party": "shop" })).await;
        let view = market.routed(&second).await;
        assert_eq!(offer_of(&view, "shop").unwrap()["status"], "pending");
        let view = market.until(&first, "the attempt is recorded", |view| attempts(view, "shop") == 1).await;
        assert_eq!(offer_of(&view, "shop").unwrap()["status"], "pending", "nothing is lost");
        let dead = market.operator.get("/v1/dead-letters").await.must_be(200);
        assert_eq!(dead["items"], json!([]));

        // Its other environments go on.
        assert_eq!(in_test.get("/v1/me").await.must_be(200)["state"], "active");
        let tried = json!({ "third_party": "shop", "environment": "test" });
        let tried = text(&market.operator.post("/v1/requests", tried).await.must_be(201)["id"]);
        market.until_offer(&tried, "shop", "delivered").await;
        assert_eq!(server.received_at("/gone").len(), 1);

        server.becomes(|_, _| Reply::status(200));
        let resume = json!({ "state": "active", "environment": "prod" });
        market.operator.patch("/v1/third-parties/shop", resume).await.must_be(200);
        for id in [&first, &second] {
            market.until_offer(id, "shop", "delivered").await;
        }
        assert_eq!(server.received_at("/gone").len(), 3);
        let ids: Vec<_> = server.received_at("/gone").iter().map(|message| message.webhook_id().to_owned()).collect();
        assert!(ids[1..].contains(&ids[0]), "the first one came again under the same id");
    })
    .await;
}

#[tokio::test]
async fn a_paused_party_can_still_poll() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(410)).await;
        let party = join(&market, "shop", &server.url("/gone"), "direct").await;
        let user = market.register().await;
        let id = user.place(json!({ "third_party": "shop" })).await;
        let [offer] = &party.lease_some().await[..] else { panic!("one offer") };
        assert_eq!(party.acknowledge(&text(&offer["delivery_id"])).await, "acknowledged");
        market.until_offer(&id, "shop", "delivered").await;
    })
    .await;
}

#[tokio::test]
async fn retry_after_is_respected() {
    in_both_modes(async |market| {
        let server = PartyServer::start(|number, message| {
            match (number, message.path.split('?').next().unwrap()) {
                (0, "/seconds") => Reply::status(429).header("retry-after", "3"),
                // In whole seconds, so up to one second less than this.
                (0, "/date") => Reply::status(503).header("retry-after", &http_date(Duration::from_secs(4))),
                // Sooner than the schedule: the later of the two counts.
                (0, "/now") => Reply::status(503).header("retry-after", "0"),
                (0, "/nonsense") => Reply::status(503).header("retry-after", "soon"),
                _ => Reply::status(200),
            }
        })
        .await;
        let user = market.register().await;
        let cases = ["managed", "direct"].into_iter().flat_map(|transport| {
            [("seconds", 3_000), ("date", 2_900), ("now", 700), ("nonsense", 700)]
                .map(|(kind, at_least)| (transport, kind, Duration::from_millis(at_least)))
        });
        let (market, server, user) = (&market, &server, &user);
        join_all(cases.map(async |(transport, kind, at_least)| {
            let (party, path) = (format!("{transport}-{kind}"), format!("/{kind}?{transport}"));
            join(market, &party, &server.url(&path), transport).await;
            let id = user.place(json!({ "third_party": party })).await;
            let view = market.until_offer(&id, &party, "delivered").await;
            assert_eq!(attempts(&view, &party), 2);
            let [first, second] = &server.received_at(&path)[..] else { panic!("two attempts") };
            let wait = second.at - first.at;
            assert!(wait >= at_least, "{party}: {wait:?}");
        }))
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_wants_to_be_called_too_late_is_called_at_the_last_moment() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(503).header("retry-after", "3700")).await;
        let party = market.join("shop").await;
        party.takes_pushes(json!({ "url": server.url("/hook"), "transport": "direct", "max_age_hours": 1 })).await;
        let user = market.register().await;
        let id = user.place(json!({ "third_party": "shop" })).await;
        server.wait_for(1).await;
        let attempts = async || {
            let view = market.request(&id).await;
            let offer = offer_of(&view, "shop").unwrap().clone();
            (offer["attempts"].as_array().unwrap().len() == 1).then_some(offer)
        };
        let offer = eventually("the attempt is recorded", attempts).await;
        assert_eq!(offer["status"], "pending", "there is time for one more, at the very end");
        // Meanwhile it can be fetched.
        assert_eq!(party.lease_some().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_negative_retry_after_ends_it_under_managed_only() {
    in_both_modes(async |market| {
        let server = PartyServer::answers([Reply::status(503).header("retry-after", "-1"), Reply::status(200)]).await;
        let user = market.register().await;
        join(&market, "managed", &server.url("/managed"), "managed").await;
        join(&market, "direct", &server.url("/direct"), "direct").await;
        let [managed, direct] = ["managed", "direct"].map(|party| user.place(json!({ "third_party": party })));
        let (managed, direct) = futures::join!(managed, direct);
        let view = market.until_offer(&managed, "managed", "failed").await;
        assert_eq!(attempts(&view, "managed"), 1);
        assert_eq!(entries(&view, "message.failed")[0]["reason"], "negative_retry_after");
        let view = market.until_offer(&direct, "direct", "delivered").await;
        assert_eq!(attempts(&view, "direct"), 2);
    })
    .await;
}
