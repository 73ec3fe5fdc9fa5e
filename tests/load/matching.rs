//! How the cost of matching an event grows with the number of filters.

#[expect(clippy::expect_used, reason = "filters are made there and parse")]
#[path = "../../shared/core/examples/match_growth/mixes.rs"]
pub(crate) mod mixes;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use marketplace_core::pattern::{Fields, Pattern, PatternIndex};

use self::mixes::{EVENTS, MANY, MATCHES, Mix, Random, events, filters};
use crate::report::{Goal, Report, Unit, say};

/// How many filters there are at first.
const FEW: usize = 10;

/// How many filters are replaced.
const UPDATES: usize = 2_000;

/// How long one round of matching takes at least, and how many there are: the best counts.
const ROUND: Duration = Duration::from_millis(50);
const ROUNDS: usize = 7;

/// What one mix of filters costs.
struct Growth {
    /// Nanoseconds to match an event against few filters.
    few: f64,
    /// Nanoseconds to match an event against many.
    many: f64,
    /// Microseconds to replace one of many.
    update: f64,
    /// What the index of many takes, apart from the patterns.
    bytes: usize,
}

/// Measures each mix.
///
/// # Errors
/// The index does not find what matches.
pub(crate) fn run(report: &mut Report) -> anyhow::Result<()> {
    say(format_args!("\nmatching, {MATCHES} matches each:"));
    for (mix, must, aim) in [(Mix::Equality, 3.0, 1.5), (Mix::Hostile, 10.0, 5.0), (Mix::Ranges, 10.0, 5.0)] {
        let growth = measure(mix)?;
        say(format_args!(
            "  {:<9} {:>6.0} ns with {FEW} filters, {:>6.0} ns with {MANY}; {:>6.2} us an update, {} KiB",
            mix.name(),
            growth.few,
            growth.many,
            growth.update,
            growth.bytes / 1_024,
        ));
        let what = format!("matching, {MANY} filters against {FEW}: {}", mix.name());
        report.figure(what, growth.many / growth.few, Unit::Times, Goal::AtMost { must, aim: Some(aim) });
    }
    Ok(())
}

fn measure(mix: Mix) -> anyhow::Result<Growth> {
    let events = events();
    let events: Vec<Fields<'_>> = events.iter().map(Fields::new).collect();
    let filters = filters(mix, &events);
    let few = index_of(&filters[..FEW]);
    let mut many = index_of(&filters);
    // In turn, so that what else the machine does meets both.
    let (mut best_few, mut best_many) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        best_few = best_few.min(matching(&few, &events)?);
        best_many = best_many.min(matching(&many, &events)?);
    }
    Ok(Growth { few: best_few, many: best_many, update: updating(&mut many, &filters), bytes: many.heap_bytes() })
}

fn index_of(filters: &[Pattern]) -> PatternIndex<usize> {
    let mut index = PatternIndex::default();
    for (key, filter) in filters.iter().enumerate() {
        index.insert(key, &[filter]);
    }
    index
}

/// Nanoseconds to match one event, after a check that as many filters match each as should.
fn matching(index: &PatternIndex<usize>, events: &[Fields<'_>]) -> anyhow::Result<f64> {
    let mut keys = Vec::new();
    for event in events {
        keys.clear();
        index.matches(event, &mut keys);
        anyhow::ensure!(keys.len() == MATCHES, "{} filters match", keys.len());
    }
    let started = Instant::now();
    let mut calls = 0_u32;
    while started.elapsed() < ROUND {
        for event in events {
            keys.clear();
            index.matches(black_box(event), &mut keys);
        }
        calls += 1;
    }
    Ok(started.elapsed().as_nanos() as f64 / f64::from(calls) / EVENTS as f64)
}

/// Microseconds to replace one filter by another.
fn updating(index: &mut PatternIndex<usize>, filters: &[Pattern]) -> f64 {
    let mut random = Random(7);
    let started = Instant::now();
    for _ in 0..UPDATES {
        let key = random.below(filters.len());
        let other = random.below(filters.len());
        index.insert(key, &[&filters[other]]);
    }
    started.elapsed().as_secs_f64() * 1e6 / UPDATES as f64
}
