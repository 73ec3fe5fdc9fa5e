//! People and programs that keep a gateway busy while it is killed, and remember every promise that it made.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Caller, PartyServer, Received, Reply, aws::AwsClient};

/// What the gateway has promised so far.
#[derive(Default)]
pub(crate) struct Promises {
    /// Requests answered 201, and events put.
    requests: Mutex<BTreeSet<String>>,
    /// Statuses answered 200: delivery and status.
    statuses: Mutex<BTreeSet<(String, String)>>,
    /// Deliveries that were given back with 200.
    releases: Mutex<BTreeSet<String>>,
}

impl Promises {
    /// Requests that were accepted.
    pub(crate) fn requests(&self) -> Vec<String> {
        lock(&self.requests).iter().cloned().collect()
    }

    /// Statuses that were accepted.
    pub(crate) fn statuses(&self) -> Vec<(String, String)> {
        lock(&self.statuses).iter().cloned().collect()
    }

    /// Deliveries that were given back.
    pub(crate) fn releases(&self) -> Vec<String> {
        lock(&self.releases).iter().cloned().collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics with it")
}

/// Ends the load.
#[derive(Clone, Default)]
pub(crate) struct Bell(Arc<AtomicBool>);

impl Bell {
    /// No new requests from now on.
    pub(crate) fn ring(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn rang(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Calls until there is an answer that is final: a server that is down, draining or busy is called again.
async fn insist(call: impl Fn() -> reqwest::RequestBuilder) -> Answer {
    loop {
        match Answer::try_to(call()).await {
            Ok(answer) if answer.status < 500 => return answer,
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// A user who places one request after the other, some to be won by one party, and never repeats one.
pub(crate) async fn place_requests(user: Caller, promises: Arc<Promises>, bell: Bell) {
    for number in 0.. {
        if bell.rang() {
            return;
        }
        let mode = if number % 3 == 0 { "first-accept" } else { "all" };
        let body = json!({ "category": "books", "amount": number, "mode": mode });
        let call = user.request(Method::POST, "/v1/requests").json(&body);
        match Answer::try_to(call).await {
            Ok(answer) if answer.status == 201 => {
                let id = answer.json()["id"].as_str().expect("an id").to_owned();
                lock(&promises.requests).insert(id);
            }
            Ok(_) | Err(_) => {}
        }
        // People pause; and a bounded load leaves a bounded amount to check.
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// A legacy system that puts events with the real `aws` client.
pub(crate) async fn put_events(aws: AwsClient, promises: Arc<Promises>, bell: Bell) {
    let detail = json!({ "user_id": "123456789", "request_status": "new", "category": "books" }).to_string();
    let entry = json!({
        "Source": "com.marketplace.market", "DetailType": "marketplace requests",
        "EventBusName": "marketplace", "Detail": detail,
    });
    let entries = Value::from(vec![entry; 5]).to_string();
    while !bell.rang() {
        let run = aws.events(&["put-events", "--entries", &entries]).await;
        let put = run.json["Entries"].as_array().cloned().unwrap_or_default();
        let ids = put.iter().filter_map(|entry| entry["EventId"].as_str());
        lock(&promises.requests).extend(ids.map(|id| format!("req_{id}")));
    }
}

/// A third party's endpoint that fails now and then, in one way or another.
pub(crate) async fn moody_endpoint() -> PartyServer {
    PartyServer::start(|number, _| match number % 11 {
        3 => Reply::status(500),
        7 => Reply::hang_up(),
        _ => Reply::status(200),
    })
    .await
}

/// The third party behind an endpoint: it answers every offer that it was sent, whatever the answer to that was.
pub(crate) async fn answer_pushes(party: Caller, endpoint: Arc<PartyServer>, promises: Arc<Promises>, status: &str) {
    let mut answered = BTreeSet::new();
    loop {
        for message in endpoint.received() {
            if message.kind() == "offer.created" && answered.insert(message.delivery_id()) {
                answer(&party, &message.delivery_id(), status, &promises).await;
                if status == "accepted" && answered.len().is_multiple_of(4) {
                    give_back(&party, &message.delivery_id(), &promises).await;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A third party that polls: leases, answers, and acknowledges what it was told.
pub(crate) async fn answer_polls(party: Caller, promises: Arc<Promises>, status: &str, seen: Arc<Mutex<Vec<Value>>>) {
    let body = json!({ "max": 20, "wait_seconds": 1, "lease_seconds": 10 });
    loop {
        let leased = insist(|| party.request(Method::POST, "/v1/inbox/lease").json(&body)).await.must_be(200);
        for offer in leased["offers"].as_array().expect("a list") {
            lock(&seen).push(offer["message"].clone());
            let delivery = offer["delivery_id"].as_str().expect("an id");
            if offer["message"]["type"] == "offer.created" {
                answer(&party, delivery, status, &promises).await;
            }
            let ids = json!({ "delivery_ids": [delivery] });
            insist(|| party.request(Method::POST, "/v1/inbox/ack").json(&ids)).await.must_be(200);
        }
    }
}

async fn answer(party: &Caller, delivery: &str, status: &str, promises: &Promises) {
    let path = format!("/v1/deliveries/{delivery}/status");
    let body = json!({ "status": status });
    let answer = insist(|| party.request(Method::POST, &path).json(&body)).await;
    match answer.status {
        200 => {
            lock(&promises.statuses).insert((delivery.to_owned(), status.to_owned()));
        }
        409 => assert_eq!(answer.json()["current_status"], "withdrawn", "only losers are refused: {answer:?}"),
        _ => panic!("{answer:?}"),
    }
}

/// What was accepted is given back, unless it was won by another.
async fn give_back(party: &Caller, delivery: &str, promises: &Promises) {
    let path = format!("/v1/deliveries/{delivery}/release");
    let body = json!({ "reason": "out of stock" });
    let answer = insist(|| party.request(Method::POST, &path).json(&body)).await;
    match answer.status {
        200 => {
            lock(&promises.releases).insert(delivery.to_owned());
        }
        409 => assert_eq!(answer.json()["current_status"], "withdrawn", "only losers are refused: {answer:?}"),
        _ => panic!("{answer:?}"),
    }
}

/// Ids of messages by what they tell: about which offer, of which kind. More than one is a broken promise.
pub(crate) fn ids_by_message(
    received: impl IntoIterator<Item = Received>,
) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut ids: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for message in received {
        let told = (message.delivery_id(), message.kind());
        ids.entry(told).or_default().insert(message.webhook_id().to_owned());
    }
    ids
}
