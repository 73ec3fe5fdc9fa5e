//! What users of the demo ask for.

use serde_json::{Value, json};

use super::chance::Chance;

/// A request of some kind, the same ones in every run.
pub(super) fn any(chance: &mut Chance) -> Value {
    // Weighted by repetition: slow and broken parties get few, so that the demo stays short.
    let category = chance.pick([
        "books", "books", "books", "pens", "pens", "garden/plants", "garden/tools", "toys", "furniture", "art",
    ]);
    let dear = category == "art" || chance.one_in(6);
    let amount = if dear { chance.within(500..2_000) } else { chance.within(5..500) };
    let mut wish = json!({
        "category": category,
        "region": chance.pick(["eu", "uk", "us"]),
        "amount": amount,
        "items": [{"name": category, "quantity": chance.within(1..4)}],
    });
    if chance.one_in(4) {
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
        let wishes: Vec<_> = (0..48).map(|_| any(&mut one)).collect();
        assert!(wishes.iter().all(|wish| *wish == any(&mut other)));
        for category in ["books", "pens", "garden/plants", "garden/tools", "toys", "furniture", "art"] {
            assert!(wishes.iter().any(|wish| wish["category"] == category), "{category}");
        }
        assert!(wishes.iter().any(|wish| wish["mode"] == "first-accept"));
        assert!(wishes.iter().any(|wish| wish["third_party"].is_string()));
    }
}
