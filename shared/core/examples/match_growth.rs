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

use std::hint::black_box;
use std::time::{Duration, Instant};

use marketplace_core::pattern::{Fields, Pattern, PatternIndex};
use serde_json::{Value, json};

const FEW: usize = 10;
const MANY: usize = 10_000;
const MATCHES: usize = 5;
const EVENTS: usize = 16;
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

/// A kind of filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mix {
    /// One to three fields that must equal one of a few values.
    Equality,
    /// `anything-but` in every form, `exists: false`, wildcards, rare field names, `$or`.
    Hostile,
    /// Ranges of numbers, prefixes, suffixes, networks.
    Ranges,
}

impl Mix {
    fn name(self) -> &'static str {
        match self {
            Self::Equality => "equality",
            Self::Hostile => "hostile",
            Self::Ranges => "ranges",
        }
    }

    fn filter(self, random: &mut Random) -> Value {
        match self {
            Self::Equality => equality(random),
            Self::Hostile => hostile(random),
            Self::Ranges => ranges(random),
        }
    }

    /// A filter that every event matches.
    fn matching(self, number: usize) -> Value {
        match (self, number % MATCHES) {
            (_, 0) => json!({"source": ["com.marketplace.market"], "detail": {"mode": ["all"]}}),
            (Self::Equality, 1) => json!({"detail-type": ["marketplace requests"]}),
            (Self::Equality, 2) => json!({"detail": {"currency": ["ZAR", "USD"]}}),
            (Self::Equality, 3) => json!({"detail": {"request_status": ["new"], "mode": ["all"]}}),
            (Self::Equality, _) => json!({"detail": {"urgent": [true], "currency": ["ZAR"]}}),
            (_, 1) => json!({"detail": {"mode": [{"anything-but": ["first-accept", "none"]}]}}),
            (_, 2) => json!({"detail": {"currency": [{"wildcard": "Z*R"}]}}),
            (_, 3) => json!({"detail": {"withdrawn": [{"exists": false}]}}),
            (_, _) => {
                json!({"detail": {"currency": [{"prefix": "Z"}], "amount": [{"numeric": [">", 0]}]}})
            }
        }
    }
}

/// As many filters as are measured: the first five match every event, the others none.
fn filters(mix: Mix, events: &[Fields<'_>]) -> Vec<Pattern> {
    let mut random = Random(0x5eed);
    let pattern = |value: Value| Pattern::from_value(&value).expect("a pattern");
    let mut filters: Vec<Pattern> = (0..MATCHES)
        .map(|number| pattern(mix.matching(number)))
        .collect();
    while filters.len() < MANY {
        let filter = pattern(mix.filter(&mut random));
        if !events.iter().any(|event| filter.matches(event)) {
            filters.push(filter);
        }
    }
    filters
}

fn events() -> Vec<Value> {
    let mut random = Random(42);
    let event = |number: usize| {
        json!({
            "version": "0",
            "id": format!("6a7e8feb-b491-4cf7-a9f1-{number:012}"),
            "detail-type": "marketplace requests",
            "source": "com.marketplace.market",
            "account": "123456789012",
            "time": "2026-01-01T00:00:00Z",
            "region": "eu-west-1",
            "resources": [],
            "detail": {
                "metadata": {"event_id": format!("evt_{number}"), "version": 1, "sequence": 1, "environment": "prod"},
                "user_id": format!("usr_{}", random.below(1_000)),
                "request_status": "new",
                "mode": "all",
                "currency": "ZAR",
                "urgent": true,
                "category": category(random.below(CATEGORIES)),
                "region": region(random.below(REGIONS)),
                "amount": random.below(5_000) + 1,
                "note": format!("please deliver item {} to the back door", random.below(500)),
                "items": [format!("sku-{}", random.below(900)), format!("sku-{}", random.below(900))],
                "attributes": {"colour": colour(random.below(COLOURS)), "ip": format!("10.1.{}.9", random.below(200))},
            },
        })
    };
    (0..EVENTS).map(event).collect()
}

const CATEGORIES: usize = 60;
const REGIONS: usize = 40;
const COLOURS: usize = 12;

fn category(number: usize) -> String {
    format!(
        "goods/{}/category-{number}",
        ["office", "garden", "kitchen"][number % 3]
    )
}

fn region(number: usize) -> String {
    format!("za/{}/district-{number}", ["gp", "wc", "kzn"][number % 3])
}

fn colour(number: usize) -> String {
    format!("colour-{number}")
}

fn several(
    random: &mut Random,
    most: usize,
    value: impl Fn(usize) -> String,
    of: usize,
) -> Vec<String> {
    let count = random.below(most) + 1;
    (0..count).map(|_| value(random.below(of))).collect()
}

fn equality(random: &mut Random) -> Value {
    let categories = several(random, 5, category, CATEGORIES);
    let regions = several(random, 4, region, REGIONS);
    let colours = several(random, 3, colour, COLOURS);
    let amount = random.below(5_000) + 1;
    let user = format!("usr_{}", random.below(1_000));
    match random.below(6) {
        0 => {
            json!({"source": ["com.marketplace.market"], "detail": {"category": categories, "region": regions}})
        }
        1 => {
            json!({"detail": {"category": categories, "attributes": {"colour": colours}, "urgent": [true]}})
        }
        2 => {
            json!({"detail-type": ["marketplace requests"], "detail": {"region": regions, "amount": [amount]}})
        }
        3 => {
            json!({"detail": {"category": categories, "region": regions, "mode": ["first-accept", "all"]}})
        }
        4 => json!({"detail": {"user_id": [user], "currency": ["ZAR"]}}),
        _ => {
            json!({"detail": {"items": [format!("sku-{}", random.below(900))], "region": regions}})
        }
    }
}

fn hostile(random: &mut Random) -> Value {
    let number = random.below(1_000_000);
    let excluded: Vec<String> = (0..CATEGORIES).map(category).collect();
    let regions = several(random, 30, region, REGIONS);
    let colours = several(random, 6, colour, COLOURS);
    let rare = format!("field-{number}");
    match random.below(10) {
        0 => {
            json!({"detail": {"category": [{"anything-but": excluded}], "region": [{"anything-but": regions}]}})
        }
        1 => {
            json!({"detail": {"category": [{"anything-but": {"prefix": "goods/"}}], rare: [{"exists": false}]}})
        }
        2 => {
            json!({"detail": {"mode": [{"exists": false}], "category": [{"anything-but": format!("c-{number}")}]}})
        }
        3 => json!({"detail": {"category": [{"wildcard": format!("goods/*/category-{number}*")}]}}),
        4 => json!({"detail": {"note": [{"wildcard": format!("*deliver*item*{number}*door")}]}}),
        5 => {
            json!({"detail": {rare: [{"exists": true}], "category": [{"anything-but": format!("c-{number}")}]}})
        }
        6 => json!({"detail": {"category": [{"anything-but": {"wildcard": "*/category-*"}}],
            "attributes": {"colour": [{"anything-but": colours}]}}}),
        7 => {
            json!({"detail": {"currency": [{"anything-but": {"equals-ignore-case": ["zar", format!("c{number}")]}}]}})
        }
        8 => json!({"detail": {"$or": [
            {"category": [{"wildcard": format!("*x{number}*")}]},
            {"region": [{"anything-but": {"suffix": [format!("-{}", number % 10), "-1", "-2", "-3", "-4", "-5", "-6", "-7", "-8", "-9", "-0", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]}}]},
        ]}}),
        _ => {
            json!({"detail": {"user_id": [{"exists": false}, {"wildcard": format!("*_{number}*z")}],
            "region": [{"anything-but": regions}]}})
        }
    }
}

fn ranges(random: &mut Random) -> Value {
    let number = random.below(1_000_000);
    let low = random.below(6_000);
    let high = low + 1 + random.below(200);
    let regions = several(random, 2, region, REGIONS);
    match random.below(6) {
        0 => json!({"detail": {"amount": [{"numeric": [">=", low, "<", high]}]}}),
        1 => json!({"detail": {"amount": [{"numeric": [">", low]}], "region": regions}}),
        2 => {
            json!({"detail": {"category": [{"prefix": format!("goods/office/category-{number}")}]}})
        }
        3 => {
            json!({"detail": {"attributes": {"ip": [{"cidr": format!("10.{}.{}.0/24", number % 3, number % 251)}]}}})
        }
        4 => {
            json!({"detail": {"region": [{"suffix": format!("-{number}")}], "amount": [{"numeric": ["<", high]}]}})
        }
        _ => {
            json!({"detail": {"note": [{"prefix": {"equals-ignore-case": format!("PLEASE deliver item {number}")}}]}})
        }
    }
}

/// Marsaglia's xorshift, so that no crate is needed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
