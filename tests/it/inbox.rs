//! Third parties that poll: leases, their end, extension and release, acknowledgement, and the way round a push that
//! failed (DESIGN section 6).

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{
    ClosedDoor, Party, PartyServer, Reply, User, eventually,
    market::{delivery_of, entries, offer_of, text},
};

use crate::place::{TestGateway, in_both_modes};

/// A party that polls, with this many offers in its inbox; their requests and themselves, the oldest first.
async fn with_offers(market: &TestGateway, user: &User, count: usize) -> (Party, Vec<String>, Vec<String>) {
    let party = market.join("polling").await;
    let (mut requests, mut deliveries) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let id = user.place(json!({ "third_party": "polling" })).await;
        deliveries.push(delivery_of(&market.routed(&id).await, "polling"));
        requests.push(id);
    }
    (party, requests, deliveries)
}

fn ids(offers: &[Value]) -> Vec<String> {
    offers.iter().map(|offer| text(&offer["delivery_id"])).collect()
}

#[tokio::test]
async fn a_lease_hands_out_the_oldest_and_nobody_gets_it_meanwhile() {
    in_both_modes(async |market| {
        let user = market.register().await;
        let (party, _, deliveries) = with_offers(&market, &user, 5).await;
        let answer = party.api.post("/v1/inbox/lease", json!({ "max": 2, "lease_seconds": 3600 })).await.must_be(200);
        assert!(answer["next_poll_after_seconds"].as_u64().is_some(), "{answer}");
        let first = answer["offers"].as_array().unwrap();
        assert_eq!(ids(first), deliveries[..2]);
        let expires: jiff::Timestamp = text(&first[0]["lease_expires_at"]).parse().unwrap();
        let left = expires.as_second() - tests::clock::seconds_since_1970().cast_signed();
        assert!((3_500..=3_601).contains(&left), "{left}");

        assert_eq!(ids(&party.lease(json!({})).await), deliveries[2..]);
        assert_eq!(party.lease(json!({})).await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_was_acknowledged_is_delivered_and_never_comes_again() {
    in_both_modes(async |market| {
        let user = market.register().await;
        let (party, requests, deliveries) = with_offers(&market, &user, 2).await;
        let stranger = market.join("stranger").await;
        let [first, second] = [deliveries[0].as_str(), deliveries[1].as_str()];
        assert_eq!(party.lease(json!({})).await.len(), 2);

        // Nobody else can tell that they exist.
        for call in ["ack", "release"] {
            assert_eq!(stranger.inbox(call, json!({}), &[first]).await, ["unknown"]);
        }
        assert_eq!(stranger.inbox("extend", json!({ "lease_seconds": 10 }), &[first]).await, ["unknown"]);
        let unknown = first.replace("dlv_", "dlv_0");
        let results = party.inbox("ack", json!({}), &[first, &unknown, "nonsense", first]).await;
        assert_eq!(results[1..3], ["unknown", "unknown"]);
        let mut twice = [results[0].as_str(), results[3].as_str()];
        twice.sort_unstable();
        assert_eq!(twice, ["acknowledged", "already"]);
        for call in ["ack", "release"] {
            assert_eq!(party.inbox(call, json!({}), &[first]).await, ["already"]);
        }
        assert_eq!(party.inbox("extend", json!({ "lease_seconds": 10 }), &[first]).await, ["already"]);

        let view = market.request(&requests[0]).await;
        assert_eq!(offer_of(&view, "polling").unwrap()["status"], "delivered");
        let [delivered] = &entries(&view, "message.delivered")[..] else { panic!("it arrived once") };
        assert_eq!(delivered["via"], "inbox");

        // The one that was not acknowledged comes back when it is released; the other does not.
        assert_eq!(party.inbox("release", json!({}), &[second, first]).await, ["released", "already"]);
        assert_eq!(ids(&party.lease(json!({})).await), [second]);
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_ends_gives_the_offer_back_and_a_late_acknowledgement_counts() {
    in_both_modes(async |market| {
        let user = market.register().await;
        let (party, _, deliveries) = with_offers(&market, &user, 3).await;
        let [again, late, extended] = [0, 1, 2].map(|number| deliveries[number].as_str());
        let began = Instant::now();
        assert_eq!(party.lease(json!({ "lease_seconds": 10 })).await.len(), 3);
        assert_eq!(party.inbox("extend", json!({ "lease_seconds": 600 }), &[extended]).await, ["extended"]);
        assert_eq!(party.lease(json!({})).await.len(), 0);

        // Waits in the call itself; the lease of the first is over when it comes again.
        let lease = json!({ "max": 1, "wait_seconds": 20, "lease_seconds": 600 });
        let came = eventually("the lease ends", async || {
            Some(party.lease(lease.clone()).await).filter(|offers| !offers.is_empty())
        })
        .await;
        assert_eq!(ids(&came), [again]);
        assert!(began.elapsed() >= Duration::from_secs(10), "{:?}", began.elapsed());

        assert_eq!(party.acknowledge(late).await, "acknowledged");
        assert_eq!(party.inbox("extend", json!({ "lease_seconds": 600 }), &[late]).await, ["already"]);
        assert_eq!(party.lease(json!({})).await.len(), 0, "one is leased, one acknowledged, one extended");
        assert_eq!(party.inbox("release", json!({}), &[again, extended]).await, ["released", "released"]);
        assert_eq!(party.lease(json!({})).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn whoever_waits_is_answered_as_soon_as_something_comes() {
    in_both_modes(async |market| {
        let user = market.register().await;
        let (party, ..) = with_offers(&market, &user, 0).await;
        let began = Instant::now();
        let waiting = party.lease(json!({ "wait_seconds": 20 }));
        let placing = async {
            // Not before the other call is on its way.
            assert_eq!(market.anyone.get("/healthz").await.status, 200);
            user.place(json!({ "third_party": "polling" })).await
        };
        let (offers, id) = futures::join!(waiting, placing);
        assert_eq!(offers.len(), 1);
        assert_eq!(offers[0]["message"]["data"]["request"]["id"], id.as_str());
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());

        let began = Instant::now();
        assert_eq!(party.lease(json!({ "wait_seconds": 1 })).await.len(), 0);
        assert!(began.elapsed() < Duration::from_secs(10), "the wait has an upper bound: {:?}", began.elapsed());
    })
    .await;
}

#[tokio::test]
async fn two_programs_of_one_party_never_lease_the_same() {
    in_both_modes(async |market| {
        let user = market.register().await;
        let (party, _, deliveries) = with_offers(&market, &user, 40).await;
        let lease = || party.lease(json!({ "max": 7 }));
        let mut leased = Vec::new();
        loop {
            let (a, b, c) = futures::join!(lease(), lease(), lease());
            let found: Vec<_> = [a, b, c].concat();
            if found.is_empty() {
                break;
            }
            leased.extend(ids(&found));
        }
        leased.sort();
        let mut expected = deliveries.clone();
        expected.sort();
        assert_eq!(leased, expected);
    })
    .await;
}

#[tokio::test]
async fn a_push_that_failed_for_good_is_picked_up_by_polling() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::never_again()).await;
        let party = market.join_refusing("shop", &server, "/hook").await;
        let user = market.register().await;
        let id = user.place(json!({ "third_party": "shop" })).await;
        market.until_offer(&id, "shop", "failed").await;
        assert_eq!(user.request(&id).await["status"], "failed");

        let [offer] = &party.lease_some().await[..] else { panic!("one offer") };
        assert_eq!(offer["message"]["type"], "offer.created");
        assert_eq!(offer["message"], server.received()[0].json(), "the same message");
        assert_eq!(offer["message_id"], server.received()[0].webhook_id());
        assert_eq!(party.acknowledge(&text(&offer["delivery_id"])).await, "acknowledged");
        market.until_offer(&id, "shop", "delivered").await;
        assert_eq!(user.request(&id).await["status"], "offered");
        let dead = market.operator.get("/v1/dead-letters").await.must_be(200);
        assert_eq!(dead["items"], json!([]));
        assert_eq!(server.received().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_leased_is_not_pushed_meanwhile() {
    in_both_modes(async |market| {
        let door = ClosedDoor::new();
        let party = market.join_pushed("shop", &door.url("/hook")).await;
        let user = market.register().await;
        let id = user.place(json!({ "third_party": "shop" })).await;
        let [offer] = &party.lease_some().await[..] else { panic!("one offer") };
        let delivery = text(&offer["delivery_id"]);
        let server = door.open(|_, _| Reply::status(200));
        // A second one goes out by push while the first is with the party's program.
        let other = user.place(json!({ "third_party": "shop" })).await;
        market.until_offer(&other, "shop", "delivered").await;
        assert!(server.received().iter().all(|message| message.request_id() == other));
        // Given back, it is pushed.
        assert_eq!(party.inbox("release", json!({}), &[&delivery]).await, ["released"]);
        market.until_offer(&id, "shop", "delivered").await;
        let pushed = server.received();
        assert_eq!(pushed.iter().filter(|message| message.request_id() == id).count(), 1);
    })
    .await;
}
