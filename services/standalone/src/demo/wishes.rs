//! What users of the demo ask for.

use serde_json::{Value, json};

use super::chance::Chance;

/// Categories in the order in which they are asked for, over and over; slow and broken parties get few.
const CATEGORIES: [&str; 12] = [
    "books",
    "pens",
    "garden/plants",
    "furniture",
    "books",
    "toys",
    "pens",
    "books",
    "garden/tools",
    "art",
    "books",
    "garden/plants",
];

/// One of many requests, the same ones in every run.
pub(super) fn wish(count: usize, chance: &mut Chance) -> Value {
    let category = CATEGORIES[count % CATEGORIES.len()];
    let dear = category == "art" || chance.one_in(6);
    let amount = if dear { chance.within(500..2_000) } else { chance.within(5..500) };
    let mut wish = json!({
        "category": category,
        "region": chance.pick(["eu", "uk", "us"]),
        "amount": amount,
        "items": [{"name": category, "quantity": chance.within(1..4)}],
    });
    if category != "toys" && chance.one_in(4) {
        wish["mode"] = "first-accept".into();
    } else if chance.one_in(8) {
        wish["third_party"] = chance.pick(["prompt-books", "polling-garden", "3rdparty1"]).into();
    }
    wish
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_come_up_and_in_every_run_the_same() {
        let (mut one, mut other) = (Chance::new(42), Chance::new(42));
        let wishes: Vec<_> = (0..60).map(|count| wish(count, &mut one)).collect();
        assert!(wishes.iter().enumerate().all(|(count, placed)| *placed == wish(count, &mut other)));
        assert_eq!(wishes.iter().filter(|wish| wish["category"] == "toys").count(), 5);
        assert!(wishes.iter().any(|wish| wish["mode"] == "first-accept"));
        assert!(wishes.iter().any(|wish| wish["third_party"].is_string()));
    }
}
