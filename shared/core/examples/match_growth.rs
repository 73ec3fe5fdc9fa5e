//! Measures how the cost of matching an event grows with the number of filters: 10,000 against 10,
//! with five matches each time, for a mix of equality filters and for a hostile one.
//!
//! `cargo run --release -p marketplace-core --example match_growth`. Seeds are fixed, so that two runs
//! match the same events against the same filters.
#![expect(
    clippy::print_stdout,
    reason = "printing the figures is what it is for"
)]
#![expect(clippy::expect_used, reason = "filters are made here and parse")]

#[path = "match_growth/mixes.rs"]
mod mixes;

use std::hint::black_box;
use std::time::{Duration, Instant};

use marketplace_core::pattern::{Fields, Pattern, PatternIndex};
use mixes::{EVENTS, MANY, MATCHES, Mix, Random, events, filters};

const FEW: usize = 10;
const UPDATES: usize = 2_000;

fn main() {
    println!("mix        ns@{FEW}   ns@{MANY}   ratio   naive ns@{MANY}   us/update   KiB@{MANY}");
    for mix in [Mix::Equality, Mix::Hostile, Mix::Ranges] {
        let growth = measure(mix);
        println!(
            "{:<9} {:>6.0} {:>10.0} {:>7.2} {:>16.0} {:>11.2} {:>11}",
            mix.name(),
            growth.few,
            growth.many,
            growth.many / growth.few,
            growth.naive,
            growth.update,
            growth.bytes / 1_024,
        );
    }
    let events = events();
    let flatten = nanoseconds(EVENTS, || {
        for event in &events {
            black_box(Fields::new(black_box(event)));
        }
    });
    println!("flattening an event, once for any number of filters: {flatten:.0} ns");
}

/// What one mix costs.
struct Growth {
    /// Nanoseconds to match an event against few filters.
    few: f64,
    /// Nanoseconds to match an event against many filters.
    many: f64,
    /// The same without an index.
    naive: f64,
    /// Microseconds to replace one of many filters.
    update: f64,
    /// What the index of many filters takes, apart from the patterns.
    bytes: usize,
}

fn measure(mix: Mix) -> Growth {
    let events = events();
    let events: Vec<Fields<'_>> = events.iter().map(Fields::new).collect();
    let filters = filters(mix, &events);
    let few = index_of(&filters[..FEW]);
    let mut many = index_of(&filters);
    let naive = || {
        for event in &events {
            black_box(
                filters
                    .iter()
                    .filter(|filter| filter.matches(event))
                    .count(),
            );
        }
    };
    Growth {
        few: matching(&few, &events),
        many: matching(&many, &events),
        naive: nanoseconds(EVENTS, naive),
        update: updating(&mut many, &filters),
        bytes: many.heap_bytes(),
    }
}

fn index_of(filters: &[Pattern]) -> PatternIndex<usize> {
    let mut index = PatternIndex::default();
    for (key, filter) in filters.iter().enumerate() {
        index.insert(key, &[filter]);
    }
    index
}

/// Nanoseconds to match one event, after a check that five filters match each.
fn matching(index: &PatternIndex<usize>, events: &[Fields<'_>]) -> f64 {
    let mut keys = Vec::new();
    for event in events {
        keys.clear();
        index.matches(event, &mut keys);
        assert_eq!(keys.len(), MATCHES);
    }
    nanoseconds(EVENTS, || {
        for event in events {
            keys.clear();
            index.matches(black_box(event), &mut keys);
        }
    })
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

/// The best of several rounds, in nanoseconds for each of the `count` things that one call does.
fn nanoseconds(count: usize, mut call: impl FnMut()) -> f64 {
    let round = |call: &mut dyn FnMut()| {
        let started = Instant::now();
        let mut calls = 0_u32;
        while started.elapsed() < Duration::from_millis(100) {
            call();
            calls += 1;
        }
        started.elapsed().as_nanos() as f64 / f64::from(calls) / count as f64
    };
    (0..5)
        .map(|_| round(&mut call))
        .fold(f64::INFINITY, f64::min)
}
