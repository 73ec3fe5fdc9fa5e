//! SIGKILL at random moments under load: what was promised is kept.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tests::{Caller, Market, PartyServer, ServerProcess, aws::AwsClient, eventually};
use tokio::task::JoinSet;

use crate::load::{self, Bell, Promises};

/// How often the process is killed.
const KILLS: u32 = 22;

/// The secret access key for events.
const EVENTS_SECRET: &str = "the secret of the kill test";

/// Everybody who is at work while the process is killed.
struct Crowd {
    endpoints: Vec<Arc<PartyServer>>,
    polled: Arc<Mutex<Vec<Value>>>,
    promises: Arc<Promises>,
    bell: Bell,
    placing: JoinSet<()>,
    answering: JoinSet<()>,
}

impl Crowd {
    async fn gather(server: &ServerProcess) -> Self {
        let market = server.market();
        let mut crowd = Self {
            endpoints: Vec::new(),
            polled: Arc::default(),
            promises: Arc::default(),
            bell: Bell::default(),
            placing: JoinSet::new(),
            answering: JoinSet::new(),
        };
        for (transport, status) in [("managed", "accepted"), ("direct", "completed")] {
            crowd.join_pushed(&market, transport, status).await;
        }
        // Never comes for what it is offered; a second later its time is over.
        let absent = market.join("absent").await;
        let clock = serde_json::json!({ "acceptance": [{ "expire_after_seconds": 1 }] });
        market.operator.patch("/v1/third-parties/absent", clock).await.must_be(200);
        absent.wants_everything().await;
        let party = market.join("polling").await;
        party.wants_everything().await;
        let (promises, seen) = (crowd.promises.clone(), crowd.polled.clone());
        crowd.answering.spawn(load::answer_polls(party.api, promises, "declined", seen));
        for _ in 0..4 {
            let user = market.register().await.api;
            crowd.placing.spawn(load::place_requests(user, crowd.promises.clone(), crowd.bell.clone()));
        }
        let aws = AwsClient::new(&server.url(), EVENTS_SECRET);
        crowd.placing.spawn(load::put_events(aws, crowd.promises.clone(), crowd.bell.clone()));
        crowd
    }

    async fn join_pushed(&mut self, market: &Market, transport: &str, status: &'static str) {
        let endpoint = Arc::new(load::moody_endpoint().await);
        let party = market.join(&format!("pushed-{transport}")).await;
        party.wants_everything().await;
        party.takes_pushes(serde_json::json!({ "url": endpoint.url("/offers"), "transport": transport })).await;
        self.answering.spawn(load::answer_pushes(party.api, endpoint.clone(), self.promises.clone(), status));
        self.endpoints.push(endpoint);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_promised_is_kept_through_kills_at_random_moments() {
    let mut server = ServerProcess::start_with(&[("MARKETPLACE_EVENTS_SECRET", EVENTS_SECRET)]).await;
    let mut crowd = Crowd::gather(&server).await;
    let mut moment = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..KILLS {
        moment ^= moment << 13;
        moment ^= moment >> 7;
        moment ^= moment << 17;
        // The moment is the test's matter: somewhere in the first half second of a life.
        tokio::time::sleep(Duration::from_millis(50 + moment % 450)).await;
        server.kill().await;
        server.spawn().await;
    }
    crowd.bell.ring();
    while let Some(ended) = crowd.placing.join_next().await {
        ended.expect("nobody who places requests fails");
    }
    every_request_reaches_its_end(&server.market().operator, &crowd).await;
    every_status_is_in_the_timeline(&server.market().operator, &crowd).await;
    every_release_is_in_the_timeline(&server.market().operator, &crowd).await;
    every_repeat_has_the_same_id(&crowd);
}

async fn every_request_reaches_its_end(operator: &Caller, crowd: &Crowd) {
    let requests = crowd.promises.requests();
    assert!(requests.len() > KILLS as usize, "hardly any load: {}", requests.len());
    for id in &requests {
        eventually(format!("{id} reaches its end"), async || {
            let request = operator.get(&format!("/v1/requests/{id}")).await.must_be(200);
            let offers = request["offers"].as_array().expect("a list");
            let waiting = |offer: &Value| matches!(offer["status"].as_str(), Some("pending" | "sent" | "delivered"));
            // More are offered it when somebody gives it back; all that came back is dealt with.
            let is_over = request["status"] != "offered" && !offers.iter().any(waiting);
            (offers.len() >= 4 && is_over).then(|| clock_was_kept(&request))
        })
        .await;
    }
}

/// Whoever never came is told of as expired, once, unless somebody else had won before.
fn clock_was_kept(request: &Value) {
    let timeline = request["timeline"].as_array().expect("a list");
    let expired = timeline.iter().filter(|entry| entry["type"] == "offer.expired").collect::<Vec<_>>();
    let of_absent = request["offers"].as_array().expect("a list").iter().filter(|it| it["third_party"] == "absent");
    let states: Vec<_> = of_absent.map(|offer| offer["status"].as_str().expect("a word")).collect();
    assert_eq!(expired.len(), states.iter().filter(|state| **state == "expired").count(), "{request:#}");
    assert!(states.iter().all(|state| ["expired", "withdrawn"].contains(state)), "{states:?}");
}

async fn every_release_is_in_the_timeline(operator: &Caller, crowd: &Crowd) {
    let releases = crowd.promises.releases();
    assert!(!releases.is_empty());
    for request in crowd.promises.requests() {
        let request = operator.get(&format!("/v1/requests/{request}")).await.must_be(200);
        let timeline = request["timeline"].as_array().expect("a list");
        for offer in request["offers"].as_array().expect("a list") {
            let delivery = offer["delivery_id"].as_str().expect("an id");
            let told = |entry: &&Value| entry["type"] == "offer.released" && entry["delivery_id"] == delivery;
            let promised = releases.iter().any(|released| released == delivery);
            // A release whose answer was lost is asked for again, and answered then.
            assert_eq!(timeline.iter().filter(told).count(), usize::from(promised), "{delivery} in {request:#}");
        }
    }
}

async fn every_status_is_in_the_timeline(operator: &Caller, crowd: &Crowd) {
    let statuses = crowd.promises.statuses();
    assert!(!statuses.is_empty());
    for request in crowd.promises.requests() {
        let request = operator.get(&format!("/v1/requests/{request}")).await.must_be(200);
        let timeline = request["timeline"].as_array().expect("a list");
        let offers = request["offers"].as_array().expect("a list");
        let mine = |delivery: &str| offers.iter().any(|offer| offer["delivery_id"] == delivery);
        for (delivery, status) in statuses.iter().filter(|(delivery, _)| mine(delivery)) {
            let told = timeline
                .iter()
                .filter(|entry| entry["delivery_id"] == delivery.as_str() && entry["status"] == status.as_str())
                .count();
            assert_eq!(told, 1, "{status} of {delivery} in {timeline:#?}");
        }
    }
}

fn every_repeat_has_the_same_id(crowd: &Crowd) {
    let mut repeated = 0;
    for endpoint in &crowd.endpoints {
        let received = endpoint.received();
        let ids = load::ids_by_message(received.clone());
        repeated += received.len() - ids.len();
        for (message, ids) in ids {
            assert_eq!(ids.len(), 1, "{message:?} had several ids: {ids:?}");
        }
    }
    assert!(repeated > 0, "nothing was ever sent twice, so nothing was shown");
}
