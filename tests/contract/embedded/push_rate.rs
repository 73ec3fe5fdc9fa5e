//! A party's rate, kept by the real worker on a clock that goes on only when it is told to.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use futures::future::join_all;
use jiff::SignedDuration;
use marketplace_core::{
    command::push::Claim,
    ports::{RequestStore, Urgency},
};
use serde_json::json;
use tokio::time::Instant;

use super::{
    OneMachine,
    push::pushed_to,
    script::{Script, status},
};
use crate::fixture::{START, join, offered, party};

const PER_SECOND: f64 = 40.0;

/// How much time passes at once; no more than a timer may be late.
const STEP: Duration = Duration::from_millis(5);

#[tokio::test(start_paused = true)]
async fn a_partys_rate_is_kept_within_five_per_cent_retries_included() {
    // Time passes by itself whenever a test waits for the writer's thread, but not beside a blocking task.
    let (done, until_done) = mpsc::channel::<()>();
    let blocking = tokio::task::spawn_blocking(move || until_done.recv());
    let machine = OneMachine::new();
    pushed_to(&machine.store, "books", &json!({ "rate_limit_per_second": PER_SECOND })).await;
    join(&machine.store, party("polls")).await;
    let other = offered(&machine.store, "polls", START).await;
    join_all((0..200).map(|_| offered(&machine.store, "books", START))).await;

    let arrived = Arc::new(Mutex::new(vec![]));
    let script = Script::at_once({
        let arrived = arrived.clone();
        move |_| {
            let mut arrived = arrived.lock().expect("no panic");
            arrived.push(Instant::now());
            status(if arrived.len() % 5 == 0 { 503 } else { 200 })
        }
    });
    let workers = script.start(&machine.store).await;
    let mut steps = 0;
    while arrived.lock().expect("no panic").len() < 200 {
        steps += 1;
        assert!(steps < 4_000, "too slow by far");
        tokio::time::advance(STEP).await;
        script.clock.pass(SignedDuration::try_from(STEP).expect("short"));
        // Whatever the worker has asked of the store is done when this is, and what it asked for then, and so on.
        for _ in 0..4 {
            let nothing = Claim { delivery_id: other, at: START - SignedDuration::from_secs(1) };
            assert_eq!(machine.store.apply(nothing, Urgency::Ours, None).await.expect("asked"), None);
        }
    }
    workers.stop(Duration::from_secs(10)).await;
    drop(done);
    blocking.await.expect("it ends").expect_err("nothing was sent");

    let arrived = arrived.lock().expect("no panic").clone();
    let share = |arrived: &[Instant]| {
        let took = arrived[arrived.len() - 1] - arrived[0];
        (arrived.len() - 1) as f64 / PER_SECOND / took.as_secs_f64()
    };
    let total = share(&arrived[..200]);
    assert!((0.95..=1.05).contains(&total), "{total}");
    // Over any second and a half, too: two or three may go ahead.
    for window in arrived[..200].windows(60) {
        let share = share(window);
        assert!((0.95..=1.06).contains(&share), "{share}");
    }
}
