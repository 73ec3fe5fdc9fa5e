//! That a rate is kept, by senders that are woken late, and through retries.

use std::{cmp::Reverse, collections::BinaryHeap};

use proptest::prelude::*;

use super::*;

/// How far a rate may be from the one that the party set.
const TOLERANCE: f64 = 0.05;

fn spacing(per_second: f64, ahead_ms: u64) -> Spacing {
    Spacing::of(RateLimit::try_from(per_second).unwrap(), Duration::from_millis(ahead_ms))
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn who_was_idle_has_saved_nothing_up() {
    let spacing = spacing(10.0, 0);
    let first = spacing.take(Duration::ZERO, ms(5_000), Duration::ZERO, 9);
    assert_eq!(first, Turns { granted: 1, next: ms(5_100), free_at: ms(5_100) });
    assert_eq!(spacing.take(first.next, ms(5_099), Duration::ZERO, 1).granted, 0);
    assert_eq!(spacing.take(first.next, ms(5_100), Duration::ZERO, 1).granted, 1);
}

#[test]
fn attempts_run_ahead_by_so_much() {
    let spacing = spacing(10.0, 900);
    let burst = spacing.take(Duration::ZERO, ms(5_000), Duration::ZERO, 99);
    assert_eq!(burst, Turns { granted: 10, next: ms(6_000), free_at: ms(5_100) });
    assert_eq!(spacing.take(burst.next, ms(5_350), Duration::ZERO, 99).granted, 3);
}

#[test]
fn time_that_was_lost_is_made_up_for_within_the_credit() {
    let spacing = spacing(10.0, 0);
    let late = |credit| spacing.take(ms(5_000), ms(5_950), credit, 99).granted;
    assert_eq!([Duration::ZERO, ms(500), ms(1_000), ms(9_000)].map(late), [1, 6, 10, 10]);
}

#[test]
fn asking_for_nothing_takes_nothing() {
    let spacing = spacing(10.0, 0);
    assert_eq!(spacing.take(ms(7_000), ms(5_000), Duration::ZERO, 0).next, ms(7_000));
}

/// Whoever makes a party's attempts: when it is woken, and how many attempts it can make then.
#[derive(Clone, Copy, Debug)]
struct Sender {
    spacing: Spacing,
    credit: Duration,
    /// It is woken at whole ones of these.
    tick: Duration,
    at_once: u64,
}

impl Sender {
    /// A worker with a timer of its own.
    fn worker(per_second: f64) -> Self {
        Self { spacing: spacing(per_second, 40), credit: Duration::ZERO, tick: Duration::from_nanos(1), at_once: 1 }
    }

    /// One that is woken by a queue that knows nothing less than a second.
    fn woken_by_seconds(per_second: f64) -> Self {
        let interval = spacing(per_second, 0).interval;
        let ahead = ms(1_000).saturating_sub(interval);
        let spacing = Spacing { interval, ahead };
        Self { spacing, credit: ms(2_000), tick: ms(1_000), at_once: 64 }
    }

    /// When attempts were made, of so many messages each of which fails a few times and comes again, while every
    /// timer is late by what `late` says in turn; for as long as some message was due all the time.
    fn plays(self, messages: usize, failures: &[u8], late: &[Duration]) -> Vec<Duration> {
        let start = ms(1_000_000);
        let mut due: BinaryHeap<_> =
            (0..messages).map(|message| Reverse((start, failures[message % failures.len()]))).collect();
        let (mut now, mut next, mut made) = (start, Duration::ZERO, vec![]);
        let mut late = late.iter().cycle();
        loop {
            let ready = due.iter().filter(|Reverse((at, _))| *at <= now).count() as u64;
            if ready == 0 {
                return made;
            }
            // Whoever only begins has not been late.
            let credit = if made.is_empty() { Duration::ZERO } else { self.credit };
            let turns = self.spacing.take(next, now, credit, ready.min(self.at_once));
            next = turns.next;
            for _ in 0..turns.granted {
                let Some(Reverse((_, failures))) = due.pop() else { break };
                made.push(now);
                if failures > 0 {
                    due.push(Reverse((now + ms(750), failures - 1)));
                }
            }
            if turns.granted < ready.min(self.at_once) {
                let wait = turns.free_at - now;
                let ticks = wait.as_nanos().div_ceil(self.tick.as_nanos()).max(1);
                now += times(self.tick, u64::try_from(ticks).unwrap()) + *late.next().unwrap();
            }
        }
    }
}

/// The rate that was had, as a share of the one that was set.
fn share(made: &[Duration], spacing: Spacing) -> f64 {
    let took = made[made.len() - 1] - made[0];
    (made.len() - 1) as f64 * spacing.interval.as_secs_f64() / took.as_secs_f64()
}

/// Never more than the rate allows in any stretch of time, but for what may run ahead or be made up for.
fn never_more(made: &[Duration], spacing: Spacing, credit: Duration) -> Result<(), TestCaseError> {
    let slack = spacing.ahead + credit + Duration::from_micros(1);
    for (first, from) in made.iter().enumerate() {
        for (last, to) in made.iter().enumerate().skip(first + 1).step_by(7) {
            let allowed = (*to - *from + slack).as_secs_f64() / spacing.interval.as_secs_f64() + 1.0;
            prop_assert!((last - first + 1) as f64 <= allowed, "{} within {:?}", last - first + 1, *to - *from);
        }
    }
    Ok(())
}

fn rates() -> impl Strategy<Value = f64> {
    prop_oneof![0.01..1.0, 1.0..50.0, 50.0..1_000.0]
}

fn lateness(most_ms: u64) -> impl Strategy<Value = Vec<Duration>> {
    proptest::collection::vec((0..most_ms * 1_000).prop_map(Duration::from_micros), 1..50)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_worker_keeps_the_rate(
        per_second in rates(),
        failures in proptest::collection::vec(0_u8..4, 1..9),
        late in lateness(40),
    ) {
        let sender = Sender::worker(per_second);
        // As many as two seconds hold: less is over before forty milliseconds are no longer much.
        let messages = (per_second * 2.0).max(60.0) as usize;
        let made = sender.plays(messages, &failures, &late);
        never_more(&made, sender.spacing, sender.credit)?;
        let share = share(&made, sender.spacing);
        prop_assert!((share - 1.0).abs() <= TOLERANCE, "{share}");
    }

    #[test]
    fn senders_that_are_woken_by_the_second_keep_it_over_a_minute(
        per_second in 0.1_f64..40.0,
        failures in proptest::collection::vec(0_u8..4, 1..9),
        late in lateness(900),
    ) {
        let sender = Sender::woken_by_seconds(per_second);
        let messages = (per_second * 60.0).max(60.0) as usize;
        let made = sender.plays(messages, &failures, &late);
        never_more(&made, sender.spacing, sender.credit)?;
        let share = share(&made, sender.spacing);
        prop_assert!((share - 1.0).abs() <= TOLERANCE, "{share}");
    }
}
