//! One field of the index: which rows its values rule out.

use super::super::condition::Condition;
use super::super::fields::Placed;
use super::super::group::Leaf;
use super::change::Change;
use super::conditions::Conditions;
use super::rows::{Row, RowSet, contains, put};

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

/// Room for passing use while the fields of an event are looked at.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    allowed: Vec<u64>,
    excluded: Vec<u64>,
    spare: Vec<u64>,
    /// Rows that a short set of satisfied rows brings back.
    back: Vec<Row>,
}

impl FieldIndex {
    /// Puts in or takes out what a row asks of the field. `anchored` is for rows that are put in.
    pub(super) fn change(&mut self, leaf: &Leaf, anchored: bool, change: Change, row: Row) {
        if leaf.may_be_absent {
            change.apply(&mut self.may_be_absent, row);
        } else {
            change.apply(&mut self.required, row);
        }
        if anchored || change == Change::Remove {
            change.apply(&mut self.anchored, row);
        }
        let mut exclusions = leaf.conditions.iter().filter_map(|condition| match condition {
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

    /// Takes the rows that are found through this field; none are from then on.
    pub(super) fn take_anchored(&mut self) -> RowSet {
        std::mem::take(&mut self.anchored)
    }

    /// Clears the bits of the rows that the values of an event's field rule out.
    pub(super) fn narrow(&self, values: &[Placed<'_>], kept: &mut [u64], scratch: &mut Scratch) {
        // Another element of the array may be without the field.
        let elsewhere = values.iter().any(|placed| placed.element > 0);
        let ranges = self.satisfying.as_ref().is_some_and(|each| each.has_ranges());
        let simple = !elsewhere && !ranges && self.excluding.is_none();
        if !simple || !self.narrow_at_once(values, kept, scratch) {
            self.narrow_in_general(values, elsewhere, kept, scratch);
        }
    }

    /// Narrows in one pass over the bits, when doubtful rows are all there is and at most two large
    /// sets of them are satisfied; answers whether it did. Small sets are put back afterwards.
    fn narrow_at_once<'i>(&'i self, values: &[Placed<'_>], kept: &mut [u64], scratch: &mut Scratch) -> bool {
        let mut satisfied: [&[u64]; 2] = [&[], &[]];
        let mut sets = 0;
        let mut largest = 0;
        scratch.back.clear();
        let mut visit = |rows: &'i RowSet| {
            largest = largest.max(rows.len());
            match rows {
                RowSet::Few(rows) => {
                    let left = rows.iter().filter(|&&row| contains(kept, row));
                    scratch.back.extend(left);
                }
                RowSet::Many(words, _) => {
                    if let Some(free) = satisfied.get_mut(sets) {
                        *free = words;
                    }
                    sets += 1;
                }
            }
        };
        if let Some(satisfying) = &self.satisfying {
            let values = values.iter().map(|placed| placed.value);
            values.for_each(|value| satisfying.each(value, &mut visit));
        }
        if largest == self.doubtful.len() {
            // Every doubtful row is satisfied, as with a source that all ask for.
            return true;
        }
        if sets > satisfied.len() {
            return false;
        }
        self.doubtful.remove_unless(satisfied, kept);
        scratch.back.iter().for_each(|&row| put(kept, row));
        true
    }

    fn narrow_in_general(&self, values: &[Placed<'_>], elsewhere: bool, kept: &mut [u64], scratch: &mut Scratch) {
        scratch.allowed.clear();
        scratch.allowed.resize(kept.len(), u64::MAX);
        let allowed = &mut scratch.allowed;
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
        if elsewhere {
            self.may_be_absent.add_to(allowed);
        }
        kept.iter_mut().zip(allowed).for_each(|(kept, allowed)| *kept &= *allowed);
    }

    /// Roughly the memory behind it, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let sets = [&self.required, &self.anchored, &self.doubtful, &self.may_be_absent];
        let conditions = [&self.satisfying, &self.excluding];
        let conditions = conditions.into_iter().flatten();
        let conditions = conditions.map(|each| each.heap_bytes() + size_of::<Conditions>());
        sets.into_iter().map(RowSet::heap_bytes).sum::<usize>() + conditions.sum::<usize>()
    }
}

/// Disallows the rows that exclude each one of several values.
fn exclude_by_all(excluding: &Conditions, values: &[Placed<'_>], scratch: &mut Scratch) {
    let Scratch { allowed, excluded, spare, .. } = scratch;
    excluded.clear();
    excluded.resize(allowed.len(), u64::MAX);
    for placed in values {
        spare.clear();
        spare.resize(allowed.len(), 0);
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
    allowed.iter_mut().zip(excluded).for_each(|(allowed, excluded)| *allowed &= !*excluded);
}
