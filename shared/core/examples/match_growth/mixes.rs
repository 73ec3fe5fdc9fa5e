//! The filters and events of the measurement, made the same in every run.

use marketplace_core::pattern::{Fields, Pattern};
use serde_json::{Value, json};

/// How many filters there are at most.
pub(crate) const MANY: usize = 10_000;
/// How many filters match each event: the first ones.
pub(crate) const MATCHES: usize = 5;
/// How many events there are.
pub(crate) const EVENTS: usize = 16;

/// A kind of filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mix {
    /// One to three fields that must equal one of a few values.
    Equality,
    /// `anything-but` in every form, `exists: false`, wildcards, rare field names, `$or`.
    Hostile,
    /// Ranges of numbers, prefixes, suffixes, networks.
    Ranges,
}

impl Mix {
    /// What the mix is called.
    pub(crate) fn name(self) -> &'static str {
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
pub(crate) fn filters(mix: Mix, events: &[Fields<'_>]) -> Vec<Pattern> {
    let mut random = Random(0x5eed);
    let pattern = |value: Value| Pattern::from_value(&value).expect("a pattern");
    let mut filters: Vec<Pattern> = (0..MATCHES).map(|number| pattern(mix.matching(number))).collect();
    while filters.len() < MANY {
        let filter = pattern(mix.filter(&mut random));
        if !events.iter().any(|event| filter.matches(event)) {
            filters.push(filter);
        }
    }
    filters
}

/// Requests as a marketplace has them.
pub(crate) fn events() -> Vec<Value> {
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
    format!("goods/{}/category-{number}", ["office", "garden", "kitchen"][number % 3])
}

fn region(number: usize) -> String {
    format!("za/{}/district-{number}", ["gp", "wc", "kzn"][number % 3])
}

fn colour(number: usize) -> String {
    format!("colour-{number}")
}

fn several(random: &mut Random, most: usize, value: impl Fn(usize) -> String, of: usize) -> Vec<String> {
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
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below a limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
