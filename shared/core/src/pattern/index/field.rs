//! One field of the index: which rows its values rule out.

use super::super::condition::Condition;
use super::super::fields::Placed;
use super::super::group::Leaf;
use super::change::Change;
use super::conditions::Conditions;
use super::rows::{Row, RowSet};

/// What the rows of the index ask of one field.
#[derive(Debug, Default)]
pub(super) struct FieldIndex {
    /// Rows that only hold for an event that has the field.
    required: RowSet,
    /// Of the required, those that are found through this field.
    anchored: RowSet,
    /// Rows that an event with the field fails unless a value satisfies one of their conditions.
    doubtful: RowSet,
    /// Rows that also hold for an event without the field.
    may_be_absent: RowSet,
    /// Conditions that satisfy rows.
    satisfying: Option<Box<Conditions>>,
    /// Conditions that rows exclude: a row is ruled out when each value satisfies one of its own.
    excluding: Option<Box<Conditions>>,
}

/// Bits over all rows, for passing use while a field is looked at.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) allowed: Vec<u64>,
    excluded: Vec<u64>,
    spare: Vec<u64>,
}

impl Scratch {
    pub(super) fn new(words: usize) -> Self {
        Self {
            allowed: vec![0; words],
            excluded: vec![0; words],
            spare: vec![0; words],
        }
    }
}

impl FieldIndex {
    /// Puts in or takes out what a row asks of the field.
    pub(super) fn change(&mut self, leaf: &Leaf, anchored: bool, change: Change, row: Row) {
        if leaf.may_be_absent {
            change.apply(&mut self.may_be_absent, row);
        } else {
            change.apply(&mut self.required, row);
        }
        if anchored {
            change.apply(&mut self.anchored, row);
        }
        let mut exclusions = leaf
            .conditions
            .iter()
            .filter_map(|condition| match condition {
                Condition::NoneOf(excluded) => Some(excluded),
                _ => None,
            });
        match (exclusions.next(), exclusions.next()) {
            // Any value satisfies, or two exclusions leave hardly a value that does not.
            _ if leaf.conditions.contains(&Condition::Present) => return,
            (Some(_), Some(_)) => return,
            (Some(excluded), None) => {
                let excluding = self.excluding.get_or_insert_default();
                excluding.change(excluded, change, row);
            }
            (None, _) => change.apply(&mut self.doubtful, row),
        }
        let satisfying = self.satisfying.get_or_insert_default();
        satisfying.change(&leaf.conditions, change, row);
    }

    /// Whether no row asks anything of the field.
    pub(super) fn is_empty(&self) -> bool {
        self.required.is_empty() && self.may_be_absent.is_empty()
    }

    /// The rows that only hold for an event that has the field.
    pub(super) fn required(&self) -> &RowSet {
        &self.required
    }

    /// The rows that are found through this field.
    pub(super) fn anchored(&self) -> &RowSet {
        &self.anchored
    }

    /// Leaves in `scratch.allowed` every row that the values of an event's field do not rule out.
    pub(super) fn allow(&self, values: &[Placed<'_>], scratch: &mut Scratch) {
        let allowed = &mut scratch.allowed;
        allowed.fill(u64::MAX);
        self.doubtful.remove_from(allowed);
        if let Some(excluding) = &self.excluding {
            match values {
                [only] => excluding.each(only.value, &mut |rows| rows.remove_from(allowed)),
                values => exclude_by_all(excluding, values, scratch),
            }
        }
        let Scratch { allowed, spare, .. } = scratch;
        if let Some(satisfying) = &self.satisfying {
            for placed in values {
                satisfying.each(placed.value, &mut |rows| rows.add_to(allowed));
                satisfying.add_ranges(placed.value, allowed, spare);
            }
        }
        if values.iter().any(|placed| placed.element > 0) {
            // Another element of the array may be without the field.
            self.may_be_absent.add_to(allowed);
        }
    }

    /// Roughly the memory behind it, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let sets = [
            &self.required,
            &self.anchored,
            &self.doubtful,
            &self.may_be_absent,
        ];
        let conditions = [&self.satisfying, &self.excluding];
        let conditions = conditions.into_iter().flatten();
        let conditions = conditions.map(|each| each.heap_bytes() + size_of::<Conditions>());
        sets.into_iter().map(RowSet::heap_bytes).sum::<usize>() + conditions.sum::<usize>()
    }
}

/// Disallows the rows that exclude each one of several values.
fn exclude_by_all(excluding: &Conditions, values: &[Placed<'_>], scratch: &mut Scratch) {
    let Scratch {
        allowed,
        excluded,
        spare,
    } = scratch;
    excluded.fill(u64::MAX);
    for placed in values {
        spare.fill(0);
        excluding.each(placed.value, &mut |rows| rows.add_to(spare));
        let mut left = 0;
        for (excluded, spare) in excluded.iter_mut().zip(&*spare) {
            *excluded &= spare;
            left |= *excluded;
        }
        if left == 0 {
            return;
        }
    }
    allowed
        .iter_mut()
        .zip(excluded)
        .for_each(|(allowed, excluded)| *allowed &= !*excluded);
}
