//! An endpoint that does not work: its breaker opens, what waits is kept in its order, and one message finds out when it
//! works again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use event_schema::id::{DeliveryId, Environment};
use jiff::SignedDuration;
use marketplace_core::{
    health::HealthState,
    lifecycle::OfferState,
    party::{PartyCommand, PartyPatch, PartyState},
    ports::{EndpointHealth, Inbox},
};
use platform_embedded::{Embedded, push::PushWorkers};
use serde_json::{Value, json};
use tests::eventually;

use super::{
    OneMachine,
    push::{nudge, pushed_to},
    script::{Script, status, status_after},
};
use crate::fixture::{at, change, offered, party_id, push_settings, the_offer};

const LONG: Duration = Duration::from_secs(10);

/// An endpoint that answers this status to everything.
struct Endpoint {
    machine: OneMachine,
    script: Script,
    answers: Arc<AtomicU16>,
    workers: PushWorkers,
}

impl Endpoint {
    /// Ten offers of it have failed: its breaker is open.
    async fn broken(more: &Value) -> (Self, Vec<DeliveryId>) {
        let machine = OneMachine::new();
        pushed_to(&machine.store, "books", more).await;
        let answers = Arc::new(AtomicU16::new(503));
        let script = Script::at_once({
            let answers = answers.clone();
            move |_| status(answers.load(Ordering::SeqCst))
        });
        let workers = script.start(&machine.store).await;
        let mut offers = vec![];
        for number in 0..10 {
            offers.push(offered(&machine.store, "books", at(90 + number)).await);
            script.sent_at_least(offers.len()).await;
        }
        let endpoint = Self { machine, script, answers, workers };
        endpoint.until(HealthState::Open).await;
        (endpoint, offers)
    }

    fn store(&self) -> &Embedded {
        &self.machine.store
    }

    async fn state(&self) -> HealthState {
        self.store().health(&party_id("books"), Environment::Prod).await.unwrap().view().state
    }

    async fn until(&self, state: HealthState) {
        eventually(format!("{state:?}"), async || (self.state().await == state).then_some(())).await;
    }

    async fn until_delivered(&self, offers: &[DeliveryId]) {
        for offer in offers {
            eventually("it is delivered", async || {
                (the_offer(self.store(), *offer).await.state == OfferState::Delivered).then_some(())
            })
            .await;
        }
    }

    /// Lets time pass and has the worker look, twice, so that whatever it does then is done.
    async fn pass(&self, seconds: i64) {
        self.script.clock.pass(SignedDuration::from_secs(seconds));
        nudge(self.store(), "books").await;
        nudge(self.store(), "books").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_an_endpoint_goes_out_oldest_first_at_the_partys_rate() {
    // One at a time, so that the order is that of the worker.
    let (endpoint, mut offers) = Endpoint::broken(&json!({ "rate_limit_per_second": 20 })).await;
    endpoint.pass(2).await;
    for number in 10..15 {
        offers.push(offered(endpoint.store(), "books", at(92 + number)).await);
    }
    endpoint.pass(2).await;
    assert_eq!(endpoint.script.sent().len(), 10, "nothing while it is open");

    endpoint.pass(1).await;
    // By which it opened keeps its place; the others have that of their schedule.
    assert_eq!(endpoint.script.sent_at_least(11).await[10].delivery, offers[9], "the oldest that is due finds out");
    eventually("the probe has failed", async || {
        let view = endpoint.store().health(&party_id("books"), Environment::Prod).await.unwrap().view();
        (view.next_probe_at == Some(at(100 + 5 + 10))).then_some(())
    })
    .await;
    endpoint.pass(9).await;
    assert_eq!(endpoint.script.sent().len(), 11, "the wait has doubled");
    let (first, last) = (the_offer(endpoint.store(), offers[9]).await, the_offer(endpoint.store(), offers[14]).await);
    assert_eq!((first.attempts, first.message.unwrap().attempts), (2, 0), "neither used up one of its schedule's");
    assert_eq!((last.attempts, last.message.unwrap().attempts), (0, 0));

    endpoint.answers.store(200, Ordering::SeqCst);
    endpoint.pass(1).await;
    endpoint.until_delivered(&offers).await;
    let sent = endpoint.script.sent();
    let after: Vec<_> = sent[11..].iter().map(|sent| sent.delivery).collect();
    let expected = [&offers[9..10], &offers[..9], &offers[10..]].concat();
    assert_eq!(after, expected, "each once, in the order in which they fell due");
    let took = sent[sent.len() - 1].real - sent[12].real;
    assert!(took >= Duration::from_millis(500), "twenty a second: {took:?}");
    assert_eq!(endpoint.state().await, HealthState::Closed);
    endpoint.workers.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_can_be_leased_and_is_not_pushed_then() {
    let (endpoint, offers) = Endpoint::broken(&json!({})).await;
    let late = offered(endpoint.store(), "books", at(103)).await;
    let books = party_id("books");
    let lease = async |most| {
        let leased = endpoint.store().lease(&books, Environment::Prod, most, at(101), at(400)).await.unwrap();
        leased.iter().map(|leased| leased.offer.delivery_id).collect::<Vec<_>>()
    };
    let leased = lease(9).await;
    assert_eq!(leased, offers[..9]);
    endpoint.answers.store(200, Ordering::SeqCst);
    endpoint.pass(5).await;
    endpoint.until_delivered(&[offers[9], late]).await;
    endpoint.pass(100).await;
    assert_eq!(endpoint.script.sent().len(), 12, "what is leased is in nobody else's hands");
    // The party never says that it has them.
    endpoint.pass(300).await;
    endpoint.until_delivered(&offers).await;
    assert_eq!(endpoint.script.sent().len(), 21);
    endpoint.workers.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_any_length_uses_up_no_attempts_and_only_age_ends_a_message() {
    let (endpoint, offers) = Endpoint::broken(&json!({ "max_age_hours": 1 })).await;
    let store = endpoint.store();
    // What is recorded is in nobody's hands any more, and is the oldest again.
    let recorded = async |attempts| {
        let offer = async || Some(the_offer(store, offers[9]).await).filter(|offer| offer.attempts == attempts);
        eventually(format!("attempt {attempts} is recorded"), offer).await
    };
    let probed = async |attempts| {
        endpoint.pass(300).await;
        let oldest = recorded(attempts).await;
        endpoint.until(HealthState::Open).await;
        oldest
    };
    recorded(1).await;
    for attempts in 2..10 {
        probed(attempts).await;
    }
    let oldest = probed(10).await;
    assert_eq!((oldest.state, oldest.message.unwrap().attempts), (OfferState::Pending, 0));
    // An hour after its first attempt one more fails.
    for attempts in 11..15 {
        probed(attempts).await;
    }
    let dead = async || the_offer(endpoint.store(), offers[9]).await.message.unwrap().dead;
    assert_eq!(eventually("it is given up", dead).await.reason, "max_age_reached");
    let next = the_offer(endpoint.store(), offers[0]).await;
    assert_eq!(next.state, OfferState::Pending, "it waits its turn");
    endpoint.workers.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_endpoint_or_a_party_that_resumes_begins_anew() {
    let (endpoint, mut offers) = Endpoint::broken(&json!({})).await;
    endpoint.answers.store(200, Ordering::SeqCst);
    let moved = push_settings("https://elsewhere.example/hook", &json!({}));
    change(endpoint.store(), "books", PartyCommand::SetDelivery(Environment::Prod, Box::new(moved))).await;
    endpoint.until(HealthState::Closed).await;
    endpoint.pass(1).await;
    endpoint.until_delivered(&offers).await;

    endpoint.answers.store(503, Ordering::SeqCst);
    for number in 100..110 {
        offers.push(offered(endpoint.store(), "books", at(number)).await);
        endpoint.script.clock.pass(SignedDuration::from_secs(1));
    }
    endpoint.until(HealthState::Open).await;
    endpoint.answers.store(200, Ordering::SeqCst);
    let set = |state| {
        let environment = Some(Environment::Prod);
        PartyCommand::Patch(PartyPatch { state: Some(state), environment, ..PartyPatch::default() })
    };
    change(endpoint.store(), "books", set(PartyState::Paused)).await;
    endpoint.until(HealthState::Closed).await;
    let waiting = offered(endpoint.store(), "books", at(120)).await;
    assert_eq!(the_offer(endpoint.store(), waiting).await.state, OfferState::Pending);
    change(endpoint.store(), "books", set(PartyState::Active)).await;
    offers.push(waiting);
    endpoint.pass(10).await;
    endpoint.until_delivered(&offers).await;
    endpoint.workers.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_managed_transport_has_no_breaker_and_a_wish_is_respected() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "managed", &json!({ "transport": "managed" })).await;
    pushed_to(&machine.store, "asks", &json!({})).await;
    let script = Script::at_once(|sent| if sent.party == "asks" { status_after(503, 60) } else { status(503) });
    let workers = script.start(&machine.store).await;
    for number in 0..12 {
        for party in ["managed", "asks"] {
            offered(&machine.store, party, at(number)).await;
        }
    }
    let health = async |party| machine.store.health(&party_id(party), Environment::Prod).await.unwrap().view();
    eventually("its breaker opens", async || (health("asks").await.state == HealthState::Open).then_some(())).await;
    assert_eq!(health("asks").await.next_probe_at, Some(at(160)), "not after five seconds");
    assert_eq!(health("asks").await.failing_since, Some(at(100)));
    eventually("all are tried", async || {
        (script.sent().iter().filter(|sent| sent.party == "managed").count() == 12).then_some(())
    })
    .await;
    assert_eq!(health("managed").await.state, HealthState::Closed);
    assert_eq!(health("nobody").await.state, HealthState::Closed);
    workers.stop(LONG).await;
}
