//! Fifty third parties, ten of which break in every way that there is: nothing is lost, and the others do not notice.
//!
//! There are two gateways: at one of them the ten take part, at the other they do not. They are busy in turns, a second
//! each, so that whatever else the machine does meets both alike; what is judged is the ratio of a turn to the one before.
//! Of the ten there is nothing but a few retries and probes in the other's turn. No other test runs meanwhile
//! (`.config/nextest.toml`).

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use marketplace_core::{health::HealthRules, transport::DeadReason};
use serde_json::{Value, json};
use tests::{
    ClosedDoor, PartyServer, Reply, TestGateway, User, eventually,
    gateway::Setup,
    market::{Party, entries, text},
};
use tokio::task::JoinSet;

const HEALTHY: usize = 40;
const FLAPPING: usize = 10;

/// Each request is for the five healthy ones of a category, and for one or two of those that flap.
const CATEGORIES: usize = 8;

/// How often each gateway is busy.
const ROUNDS: usize = 15;

/// Requests of a round, and the time from one to the next.
const REQUESTS: usize = 50;
const APART: Duration = Duration::from_millis(20);

/// How long an endpoint behaves in one way.
const MOOD: Duration = Duration::from_millis(800);

/// How much later than without the ten a message may arrive in the slowest of a hundred cases.
const MOST: f64 = 1.5;

/// In which ways an endpoint behaves; none: nobody is there.
const MOODS: [Option<fn() -> Reply>; 8] = [
    Some(|| Reply::status(200)),
    Some(|| Reply::status(500)),
    Some(Reply::silence),
    Some(Reply::reset),
    Some(Reply::slow_body),
    Some(Reply::half_close),
    None,
    Some(Reply::hang_up),
];

/// When each message first arrived at each path.
#[derive(Clone, Default)]
struct Arrivals(Arc<Mutex<HashMap<(String, String), Instant>>>);

impl Arrivals {
    async fn endpoint(&self) -> PartyServer {
        let arrivals = self.clone();
        PartyServer::start(move |_, message| {
            arrivals.lock().entry((message.request_id(), message.path.clone())).or_insert(message.at);
            Reply::status(200)
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Instant>> {
        self.0.lock().expect("nobody panics with it")
    }
}

/// A gateway with its third parties.
struct Site {
    market: TestGateway,
    user: User,
    arrivals: Arrivals,
    _healthy: PartyServer,
    flapping: Vec<Party>,
    /// Ends the flapping, after which all is well.
    well: Arc<AtomicBool>,
    moods: JoinSet<PartyServer>,
    placed: Vec<String>,
}

impl Site {
    async fn open(flapping: usize) -> Self {
        let rules = HealthRules {
            least: 5,
            first_wait: SignedDuration::from_millis(200),
            longest_wait: SignedDuration::from_secs(1),
            ..HealthRules::default()
        };
        let market = Setup::default().attempt_timeout(Duration::from_millis(500)).health(rules).start().await;
        let arrivals = Arrivals::default();
        let healthy = arrivals.endpoint().await;
        for number in 0..HEALTHY {
            join(&market, &format!("healthy-{number}"), &healthy.url(&format!("/{number}")), number).await;
        }
        let (user, well) = (market.register().await, Arc::new(AtomicBool::new(false)));
        let mut site = Self {
            market,
            user,
            arrivals,
            _healthy: healthy,
            flapping: vec![],
            well,
            moods: JoinSet::new(),
            placed: vec![],
        };
        for number in 0..flapping {
            let door = ClosedDoor::new();
            let url = door.url("/hook");
            site.flapping.push(join(&site.market, &format!("flapping-{number}"), &url, number).await);
            site.moods.spawn(flap(door, number, site.well.clone()));
        }
        site
    }

    /// Places a round of requests; how long each message took to arrive at each healthy party.
    async fn round(&mut self) -> Vec<Duration> {
        let mut ticks = tokio::time::interval(APART);
        let mut placing = JoinSet::new();
        for number in 0..REQUESTS {
            ticks.tick().await;
            let user = self.user.clone();
            placing.spawn(async move {
                let began = Instant::now();
                (user.place(json!({ "category": format!("category-{}", number % CATEGORIES) })).await, began)
            });
        }
        let placed: HashMap<String, Instant> = placing.join_all().await.into_iter().collect();
        self.placed.extend(placed.keys().cloned());
        let everywhere = placed.len() * HEALTHY / CATEGORIES;
        eventually("every message of the round has arrived", async || {
            let arrivals = self.arrivals.lock();
            let of_round = arrivals.iter().filter_map(|((id, _), at)| Some(at.duration_since(*placed.get(id)?)));
            Some(of_round.collect::<Vec<_>>()).filter(|latencies| latencies.len() == everywhere)
        })
        .await
    }

    /// Whether some breaker is not closed.
    async fn has_an_open_breaker(&self) -> bool {
        for party in &self.flapping {
            if party.api.get("/v1/me").await.must_be(200)["health"]["state"] != "closed" {
                return true;
            }
        }
        false
    }
}

/// A third party to whom messages are pushed directly, and who wants one category.
async fn join(market: &TestGateway, id: &str, url: &str, number: usize) -> Party {
    let party = market.join(id).await;
    party.takes_pushes(json!({ "url": url, "transport": "direct" })).await;
    party.wants(json!({ "detail": { "category": [format!("category-{}", number % CATEGORIES)] } })).await;
    party
}

/// An endpoint that is in another mood every so often, each in another order, until all is well.
async fn flap(door: ClosedDoor, number: usize, well: Arc<AtomicBool>) -> PartyServer {
    let mut ticks = tokio::time::interval(MOOD);
    ticks.tick().await;
    for turn in number.. {
        if well.load(Ordering::Relaxed) {
            break;
        }
        // An odd step goes through all eight.
        let mood = MOODS[turn * (2 * number + 1) % MOODS.len()];
        let open = mood.map(|reply| door.open_for_now(move |_, _| reply()));
        ticks.tick().await;
        if let Some(open) = open {
            open.close().await;
        }
    }
    door.open_for_now(|_, _| Reply::status(200))
}

/// The slowest of a hundred.
fn p99(latencies: &mut [Duration]) -> f64 {
    latencies.sort_unstable();
    latencies[latencies.len() * 99 / 100].as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_parties_that_flap_lose_nothing_and_delay_nobody() {
    let (mut without, mut with) = (Site::open(0).await, Site::open(FLAPPING).await);
    // What is made for the first time is made before it counts.
    without.round().await;
    with.round().await;
    let (mut ratios, mut opened) = (vec![], false);
    for _ in 0..ROUNDS {
        let quiet = p99(&mut without.round().await);
        ratios.push(p99(&mut with.round().await) / quiet);
        opened = opened || with.has_an_open_breaker().await;
    }
    assert!(opened, "no breaker has opened, whatever happened");
    with.well.store(true, Ordering::Relaxed);
    let _open = std::mem::take(&mut with.moods).join_all().await;
    every_offer_has_a_documented_end(&with).await;

    // Whatever else the machine does for a second is in one turn or two.
    ratios.sort_unstable_by(f64::total_cmp);
    let ratio = ratios[ratios.len() / 2];
    #[expect(clippy::print_stdout, reason = "how much there was to spare is worth reading")]
    let () = println!("p99 with the ten, as a multiple of p99 without: {ratio:.2} of {ratios:.2?}");
    assert!(ratio <= MOST, "{ratio:.2} of {ratios:.2?}");
}

/// Delivered, or dead for one of the reasons that there are; and what happened on the way was all that can happen.
async fn every_offer_has_a_documented_end(site: &Site) {
    let reasons = DeadReason::ALL.map(DeadReason::as_str);
    let mut outcomes = HashSet::new();
    let mut flapped = 0;
    for id in &site.placed {
        let ended = |view: &Value| {
            let offers = view["offers"].as_array().expect("offers");
            offers.iter().all(|offer| offer["status"] == "delivered" || offer["status"] == "failed")
        };
        let view = site.market.until(id, "every offer has an end", ended).await;
        for failed in entries(&view, "message.failed") {
            assert!(reasons.contains(&text(&failed["reason"]).as_str()), "{failed}");
        }
        for offer in view["offers"].as_array().expect("offers") {
            if text(&offer["third_party"]).starts_with("flapping") {
                flapped += 1;
                let attempts = offer["attempts"].as_array().expect("attempts");
                outcomes.extend(attempts.iter().map(|attempt| text(&attempt["outcome"])));
            }
        }
    }
    assert!(flapped > site.placed.len(), "each request was offered to one of them at least");
    let expected = ["delivered", "refused_by_status", "timeout", "connection_lost", "connect_failed"];
    let expected: BTreeSet<String> = expected.map(str::to_owned).into();
    assert!(expected.iter().all(|outcome| outcomes.contains(outcome)), "{outcomes:?}");
}
