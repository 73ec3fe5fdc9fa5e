//! How long a party may take to answer an offer: when it is reminded, and when the offer expires.

use std::collections::BTreeSet;

use event_schema::{fault::Fault, request::limits};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::offer::INBOX_LIFETIME;

/// Most clocks of one environment.
pub const MOST_CLOCKS: usize = 100;

/// How long a party may take over requests of one category, or over all others. Set by an operator; what is set when an
/// offer is made holds for it. Counted from then on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptanceClock {
    /// Requests of this category; none is all that no other clock names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// When the party is reminded, if it is; before the offer expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_after_seconds: Option<u32>,
    /// When the offer expires, if the party has not accepted, declined or completed it.
    pub expire_after_seconds: u32,
}

impl AcceptanceClock {
    /// The one of these that runs for requests of this category.
    #[must_use]
    pub fn of<'a>(clocks: &'a [Self], category: Option<&str>) -> Option<&'a Self> {
        let named = category.and_then(|_| clocks.iter().find(|clock| clock.category.as_deref() == category));
        named.or_else(|| clocks.iter().find(|clock| clock.category.is_none()))
    }

    /// How long after the offer something is due first.
    #[must_use]
    pub fn first_after(&self) -> SignedDuration {
        SignedDuration::from_secs(self.remind_after_seconds.unwrap_or(self.expire_after_seconds).into())
    }

    /// What is wrong with these, by pointers below this one.
    #[must_use]
    pub fn faults(clocks: &[Self], pointer: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        if clocks.len() > MOST_CLOCKS {
            faults.push(Fault::new(pointer, format!("must have at most {MOST_CLOCKS} entries")));
        }
        let mut categories = BTreeSet::new();
        for (place, clock) in clocks.iter().enumerate() {
            let mut fault =
                |field: &str, rule: String| faults.push(Fault::new(format!("{pointer}/{place}/{field}"), rule));
            let sized = |category: &String| (1..=limits::WORD_CHARS).contains(&category.chars().count());
            if !clock.category.as_ref().is_none_or(sized) {
                fault("category", format!("must have 1 to {} characters", limits::WORD_CHARS));
            }
            if !categories.insert(&clock.category) {
                fault("category", "must be another than that of the entries before".to_owned());
            }
            if !(1..=INBOX_LIFETIME.as_secs()).contains(&i64::from(clock.expire_after_seconds)) {
                fault("expire_after_seconds", format!("must be 1 to {}", INBOX_LIFETIME.as_secs()));
            }
            if clock.remind_after_seconds.is_some_and(|remind| !(1..clock.expire_after_seconds).contains(&remind)) {
                fault("remind_after_seconds", "must be at least 1, and less than `expire_after_seconds`".to_owned());
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(category: Option<&str>, remind_after_seconds: Option<u32>, expire_after_seconds: u32) -> AcceptanceClock {
        AcceptanceClock { category: category.map(str::to_owned), remind_after_seconds, expire_after_seconds }
    }

    fn pointers(clocks: &[AcceptanceClock]) -> Vec<String> {
        AcceptanceClock::faults(clocks, "/acceptance").into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn the_clock_that_names_the_category_runs_before_the_one_for_all() {
        let clocks = [clock(None, None, 10), clock(Some("books"), None, 20), clock(Some("pens"), None, 30)];
        let expires = |category| AcceptanceClock::of(&clocks, category).map(|clock| clock.expire_after_seconds);
        assert_eq!((expires(Some("books")), expires(Some("inks")), expires(None)), (Some(20), Some(10), Some(10)));
        let named = &clocks[1..];
        assert_eq!(AcceptanceClock::of(named, Some("inks")), None);
        assert_eq!(AcceptanceClock::of(named, None), None);
    }

    #[test]
    fn every_fault_is_named() {
        let longest = u32::try_from(INBOX_LIFETIME.as_secs()).unwrap();
        let word = "x".repeat(limits::WORD_CHARS);
        assert!(pointers(&[]).is_empty());
        assert!(pointers(&[clock(None, Some(1), 2), clock(Some(&word), Some(longest - 1), longest)]).is_empty());
        let wrong = [
            clock(Some(""), None, 0),
            clock(Some(&(word + "x")), Some(0), longest + 1),
            clock(None, Some(5), 5),
            clock(None, None, 1),
        ];
        assert_eq!(
            pointers(&wrong),
            [
                "/acceptance/0/category",
                "/acceptance/0/expire_after_seconds",
                "/acceptance/1/category",
                "/acceptance/1/expire_after_seconds",
                "/acceptance/1/remind_after_seconds",
                "/acceptance/2/remind_after_seconds",
                "/acceptance/3/category",
            ]
        );
        let many: Vec<_> = (0..=MOST_CLOCKS).map(|number| clock(Some(&number.to_string()), None, 1)).collect();
        assert_eq!(pointers(&many), ["/acceptance"]);
    }
}
