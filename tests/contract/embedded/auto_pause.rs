//! An endpoint of which nothing but failures has come for days: its party's contact is warned, and in the end it is
//! paused.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use event_schema::{id::Environment, kind::EventKind};
use jiff::SignedDuration;
use marketplace_core::{
    health::{Failing, Warning},
    lifecycle::OfferState,
    party::{PartyCommand, PartyPatch, PartyState},
    ports::{Clock, EndpointHealth, PartyStore},
};
use platform_embedded::{Embedded, bus::Bus, push::PushWorkers};
use serde_json::json;
use tests::eventually;

use super::{
    OneMachine,
    push::{nudge, pushed_to},
    recorder,
    script::{Script, status},
};
use crate::fixture::{at, change, offered, party_id, the_offer};

const LONG: Duration = Duration::from_secs(10);

async fn failing(store: &Embedded) -> Option<Failing> {
    store.party(&party_id("books")).await.unwrap().unwrap().environment(Environment::Prod).failing
}

async fn state(store: &Embedded) -> PartyState {
    store.party(&party_id("books")).await.unwrap().unwrap().state_in(Environment::Prod)
}

/// An endpoint that answers with whatever status is asked for.
fn script() -> (Script, Arc<AtomicU16>) {
    let answers = Arc::new(AtomicU16::new(503));
    let answer = answers.clone();
    (Script::at_once(move |_| status(answer.load(Ordering::SeqCst))), answers)
}

/// Lets so many hours pass, and waits until the probe after that has been made.
async fn pass(script: &Script, store: &Embedded, hours: i64) {
    let before = script.sent().len();
    script.clock.pass(SignedDuration::from_hours(hours));
    nudge(store, "books").await;
    script.sent_at_least(before + 1).await;
    let told = async || {
        let health = store.health(&party_id("books"), Environment::Prod).await.unwrap();
        health.next_probe_at().is_none_or(|next| next > script.clock.now()).then_some(())
    };
    eventually("the probe has ended", told).await;
}

async fn restarted(machine: OneMachine, workers: PushWorkers, script: &Script) -> (OneMachine, PushWorkers) {
    workers.stop(LONG).await;
    let machine = machine.again();
    let workers = script.start(&machine.store).await;
    (machine, workers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_contact_is_warned_once_for_each_level_and_in_the_end_it_is_paused() {
    let machine = OneMachine::new();
    // No message is given up meanwhile, but by its age.
    pushed_to(&machine.store, "books", &json!({ "auto_pause_after_hours": 10 })).await;
    let (script, answers) = script();
    let workers = script.start(&machine.store).await;
    let mut offers = vec![];
    for number in 0..12 {
        offers.push(offered(&machine.store, "books", at(number)).await);
    }
    let since = at(100);
    let told = async |warning| {
        let expected = Some(Failing { since, warning });
        eventually(format!("{warning:?}"), async || (failing(&machine.store).await == expected).then_some(())).await;
    };
    script.sent_at_least(10).await;
    pass(&script, &machine.store, 1).await;
    told(Warning::First).await;
    pass(&script, &machine.store, 1).await;
    pass(&script, &machine.store, 3).await;
    told(Warning::Half).await;
    pass(&script, &machine.store, 4).await;
    assert_eq!(state(&machine.store).await, PartyState::Active);
    script.clock.pass(SignedDuration::from_hours(1));
    nudge(&machine.store, "books").await;
    eventually("it is paused", async || (state(&machine.store).await == PartyState::Paused).then_some(())).await;
    told(Warning::Pause).await;

    // What comes is kept, and goes out once it is resumed.
    offers.push(offered(&machine.store, "books", at(37_000)).await);
    let sent = script.sent().len();
    nudge(&machine.store, "books").await;
    assert_eq!(script.sent().len(), sent);
    answers.store(200, Ordering::SeqCst);
    let resume =
        PartyPatch { state: Some(PartyState::Active), environment: Some(Environment::Prod), ..PartyPatch::default() };
    change(&machine.store, "books", PartyCommand::Patch(resume)).await;
    assert_eq!(failing(&machine.store).await, None);
    script.clock.pass(SignedDuration::from_hours(1));
    nudge(&machine.store, "books").await;
    for offer in &offers {
        eventually("it is delivered", async || {
            (the_offer(&machine.store, *offer).await.state == OfferState::Delivered).then_some(())
        })
        .await;
    }
    workers.stop(LONG).await;

    let events = Arc::new(Mutex::new(vec![]));
    let bus = Bus::start(&machine.store, vec![recorder("parties", &[EventKind::ThirdParty], &events)], None);
    let bus = bus.await.unwrap();
    let resumed = |detail: &str| detail.contains(r#""change":"resumed""#);
    eventually("all are read", async || {
        events.lock().unwrap().iter().any(|event| resumed(event.detail.get())).then_some(())
    })
    .await;
    bus.stop(LONG).await;
    let events: Vec<String> = events.lock().unwrap().iter().map(|event| event.detail.get().to_owned()).collect();
    let of = |text: &str| events.iter().filter(|detail| detail.contains(text)).count();
    let told = [r#"["failing"]"#, r#"["still_failing"]"#, r#""change":"paused""#].map(of);
    assert_eq!(told, [1, 1, 1], "once for each level: {events:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_success_ends_it_and_a_restart_does_not() {
    let machine = OneMachine::new();
    pushed_to(&machine.store, "books", &json!({ "auto_pause_after_hours": 10 })).await;
    let (script, answers) = script();
    let workers = script.start(&machine.store).await;
    for number in 0..10 {
        offered(&machine.store, "books", at(number)).await;
    }
    script.sent_at_least(10).await;
    pass(&script, &machine.store, 2).await;
    let first = Some(Failing { since: at(100), warning: Warning::First });
    eventually("it is warned", async || (failing(&machine.store).await == first).then_some(())).await;

    let (machine, workers) = restarted(machine, workers, &script).await;
    let health = async || machine.store.health(&party_id("books"), Environment::Prod).await.unwrap();
    eventually("it is known again", async || (health().await.since() == Some(at(100))).then_some(())).await;
    script.clock.pass(SignedDuration::from_hours(3));
    nudge(&machine.store, "books").await;
    let half = Some(Failing { since: at(100), warning: Warning::Half });
    eventually("it is warned again", async || (failing(&machine.store).await == half).then_some(())).await;

    answers.store(200, Ordering::SeqCst);
    script.clock.pass(SignedDuration::from_hours(1));
    nudge(&machine.store, "books").await;
    eventually("all is well", async || failing(&machine.store).await.is_none().then_some(())).await;
    eventually("and known to be", async || health().await.since().is_none().then_some(())).await;
    workers.stop(LONG).await;
}
