//! Measures how the cost of matching an event grows with the number of filters: 10,000 against 10,
//! with five matches each time, for a mix of equality filters and for a hostile one.
//!
//! `cargo run --release -p marketplace-core --example match_growth`. Seeds are fixed, so that two runs
//! match the same events against the same filters.
#![expect(clippy::print_stdout, reason = "printing the figures is what it is for")]
#![expect(clippy::expect_used, reason = "filters are made here and parse")]

#[path = "match_growth/mixes.rs"]
mod mixes;

use std::hint::black_box;
use std::time::{Duration, Instant};

use marketplace_core::pattern::{Fields, Pattern, PatternIndex};
use mixes::{EVENTS, MANY, MATCHES, Mix, Random, events, filters};

const FEW: usize = 10;
const ROUNDS: usize = 100;
const ROUND: Duration = Duration::from_millis(4);

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
    let [flatten] = fastest([&mut || {
        for event in &events {
            black_box(Fields::new(black_box(event)));
        }
    }]);
    let flatten = flatten / EVENTS as f64;
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
    check(&few, &events);
    check(&many, &events);
    let one_by_one = || {
        for event in &events {
            let matching = filters.iter().filter(|filter| filter.matches(event));
            black_box(matching.count());
        }
    };
    let (mut keys, mut more_keys) = (Vec::new(), Vec::new());
    let [at_few, at_many, naive] = fastest([
        &mut || match_all(&few, &events, &mut keys),
        &mut || match_all(&many, &events, &mut more_keys),
        &mut { one_by_one },
    ]);
    let of_one = |all: f64| all / EVENTS as f64;
    Growth {
        few: of_one(at_few),
        many: of_one(at_many),
        naive: of_one(naive),
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

/// Checks that five filters match each event.
fn check(index: &PatternIndex<usize>, events: &[Fields<'_>]) {
    for event in events {
        let mut keys = Vec::new();
        index.matches(event, &mut keys);
        assert_eq!(keys.len(), MATCHES);
    }
}

/// Matches every event once.
fn match_all(index: &PatternIndex<usize>, events: &[Fields<'_>], keys: &mut Vec<usize>) {
    for event in events {
        keys.clear();
        index.matches(black_box(event), keys);
    }
}

/// Microseconds to replace one filter by another.
fn updating(index: &mut PatternIndex<usize>, filters: &[Pattern]) -> f64 {
    let mut random = Random(7);
    let mut update = || {
        let key = random.below(filters.len());
        let other = random.below(filters.len());
        index.insert(key, &[&filters[other]]);
    };
    fastest([&mut update])[0] / 1e3
}

/// The fastest of many short rounds of each call, in nanoseconds for one call. The calls take turns, so
/// that whatever else the machine does slows them alike, and short rounds find its quiet moments.
fn fastest<const CALLS: usize>(mut calls: [&mut dyn FnMut(); CALLS]) -> [f64; CALLS] {
    let mut best = [f64::INFINITY; CALLS];
    for _ in 0..ROUNDS {
        for (call, best) in calls.iter_mut().zip(&mut best) {
            let started = Instant::now();
            let mut count = 0_u32;
            while started.elapsed() < ROUND {
                call();
                count += 1;
            }
            let each = started.elapsed().as_nanos() as f64 / f64::from(count);
            *best = best.min(each);
        }
    }
    best
}
