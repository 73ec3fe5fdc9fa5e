//! Conditions on one field, found from a value: the rows of every condition that it satisfies.

use core::net::IpAddr;
use std::collections::BTreeMap;

use foldhash::HashMap;

use super::super::condition::{Bound, Condition, Interval, Network};
use super::super::value::{Literal, Number, Scalar};
use super::change::{Change, change_at, sets_bytes};
use super::rows::{Row, RowSet};
use super::texts::Texts;
use super::thresholds::Thresholds;

/// The rows of conditions. What few fields need is apart, to keep the many small.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    texts: HashMap<Box<str>, RowSet>,
    numbers: HashMap<Number, RowSet>,
    rest: Option<Box<Rest>>,
}

#[derive(Debug, Default)]
struct Rest {
    null: RowSet,
    no: RowSet,
    yes: RowSet,
    texts: Texts,
    networks: Networks,
    ranges: Ranges,
}

impl Conditions {
    /// Changes the row of some conditions; `anything-but` and `exists` are not for here.
    pub(super) fn change(&mut self, conditions: &[Condition], change: Change, row: Row) {
        for condition in conditions {
            match condition {
                Condition::Equals(literal) => self.literal(literal, change, row),
                Condition::InNetwork(network) => self.rest().networks.change(*network, change, row),
                Condition::Wildcard(wildcard) => match wildcard.parts() {
                    [only] => change_at(&mut self.texts, only.clone(), change, row),
                    _ => self.rest().texts.change(condition, change, row),
                },
                Condition::Within(_) | Condition::Present | Condition::NoneOf(_) => {}
                text => self.rest().texts.change(text, change, row),
            }
        }
        if let Some(hull) = hull(conditions) {
            self.rest().ranges.change(hull, change, row);
        }
    }

    fn literal(&mut self, literal: &Literal, change: Change, row: Row) {
        match literal {
            Literal::Text(text) => change_at(&mut self.texts, text.clone(), change, row),
            Literal::Number(number) => change_at(&mut self.numbers, *number, change, row),
            Literal::Null => change.apply(&mut self.rest().null, row),
            Literal::Bool(false) => change.apply(&mut self.rest().no, row),
            Literal::Bool(true) => change.apply(&mut self.rest().yes, row),
        }
    }

    fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    /// Visits the rows of every condition that a value satisfies, but for ranges of numbers.
    pub(super) fn each<'s>(&'s self, value: Scalar<'_>, visit: &mut impl FnMut(&'s RowSet)) {
        let rest = self.rest.as_deref();
        match value {
            Scalar::Text(text) => {
                self.texts.get(text).into_iter().for_each(&mut *visit);
                if let Some(rest) = rest {
                    rest.texts.each(text, visit);
                    rest.networks.each(text, visit);
                }
            }
            Scalar::Number(number) => self.numbers.get(&number).into_iter().for_each(visit),
            Scalar::Null => rest.into_iter().for_each(|rest| visit(&rest.null)),
            Scalar::Bool(false) => rest.into_iter().for_each(|rest| visit(&rest.no)),
            Scalar::Bool(true) => rest.into_iter().for_each(|rest| visit(&rest.yes)),
        }
    }

    /// Whether there are any ranges of numbers.
    pub(super) fn has_ranges(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| !rest.ranges.is_empty())
    }

    /// Adds to bits the rows of every range that a value might lie in. `spare` is for passing use.
    pub(super) fn add_ranges(&self, value: Scalar<'_>, bits: &mut [u64], spare: &mut Vec<u64>) {
        if let (Scalar::Number(number), Some(rest)) = (value, &self.rest) {
            rest.ranges.add_to(number, bits, spare);
        }
    }

    /// Roughly the memory behind it, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |rest| {
            size_of::<Rest>()
                + rest.texts.heap_bytes()
                + sets_bytes(&rest.networks.rows, |_| 0)
                + rest.ranges.low.heap_bytes()
                + rest.ranges.high.heap_bytes()
        });
        rest + sets_bytes(&self.texts, |text| text.len()) + sets_bytes(&self.numbers, |_| 0)
    }
}

/// Blocks of addresses, found by the block of an address under each mask in use.
#[derive(Debug, Default)]
struct Networks {
    rows: HashMap<Network, RowSet>,
    /// How many blocks there are under each mask; a mask is its block around the zero address.
    masks: BTreeMap<Network, usize>,
}

impl Networks {
    fn change(&mut self, network: Network, change: Change, row: Row) {
        let before = self.rows.len();
        change_at(&mut self.rows, network, change, row);
        let mask = network.around_zero();
        let count = self.masks.entry(mask).or_default();
        *count = (*count + self.rows.len()).saturating_sub(before);
        if *count == 0 {
            self.masks.remove(&mask);
        }
    }

    fn each<'s>(&'s self, text: &str, visit: &mut impl FnMut(&'s RowSet)) {
        if self.rows.is_empty() {
            return;
        }
        let Ok(address) = text.parse::<IpAddr>() else {
            return;
        };
        let blocks = self.masks.keys().filter_map(|mask| mask.around(address));
        blocks.filter_map(|block| self.rows.get(&block)).for_each(visit);
    }
}

/// Ranges of numbers, one for each row: what is in between counts as within, since the patterns
/// themselves decide in the end.
#[derive(Debug, Default)]
struct Ranges {
    without_low: RowSet,
    low: Thresholds,
    high: Thresholds,
}

impl Ranges {
    fn change(&mut self, hull: Interval, change: Change, row: Row) {
        let apply = |thresholds: &mut Thresholds, bound: Bound| match change {
            Change::Insert => thresholds.insert(bound.at, row),
            Change::Remove => thresholds.remove(bound.at, row),
        };
        match hull.low {
            Some(bound) => apply(&mut self.low, bound),
            None => change.apply(&mut self.without_low, row),
        }
        if let Some(bound) = hull.high {
            apply(&mut self.high, bound);
        }
    }

    fn is_empty(&self) -> bool {
        self.without_low.is_empty() && self.low.is_empty()
    }

    fn add_to(&self, number: Number, bits: &mut [u64], spare: &mut Vec<u64>) {
        if self.is_empty() {
            return;
        }
        spare.clear();
        spare.resize(2 * bits.len(), 0);
        let (within, beyond) = spare.split_at_mut(bits.len());
        self.without_low.add_to(within);
        self.low.add_up_to(number, true, within);
        self.high.add_up_to(number, false, beyond);
        for (bits, (within, beyond)) in bits.iter_mut().zip(within.iter().zip(beyond)) {
            *bits |= within & !*beyond;
        }
    }
}

/// The smallest interval around all that conditions name.
fn hull(conditions: &[Condition]) -> Option<Interval> {
    let intervals = conditions.iter().filter_map(|condition| match condition {
        Condition::Within(interval) => Some(*interval),
        _ => None,
    });
    intervals.reduce(|a, b| Interval {
        low: a.low.zip(b.low).map(|(a, b)| if a.at.compare(b.at).is_le() { a } else { b }),
        high: a.high.zip(b.high).map(|(a, b)| if a.at.compare(b.at).is_ge() { a } else { b }),
    })
}
