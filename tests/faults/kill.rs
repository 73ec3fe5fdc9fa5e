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
            (offers.len() == 3 && !offers.iter().any(waiting)).then_some(())
        })
        .await;
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
