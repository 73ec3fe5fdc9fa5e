//! What an index keeps of a key's patterns: a few conjunctions of conditions on fields, of which one
//! must hold wherever all the patterns match.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Pattern;
use super::super::condition::Condition;
use super::super::group::{Choice, Group, Leaf};

/// The most conjunctions of a key, and of conditions in all of them together. Patterns with more
/// combinations of `$or`s keep what these share.
const MOST: Size = Size { conjunctions: 32, conditions: 1_024 };

/// Conditions on fields, at most one for each field.
pub(super) type Conjunction = BTreeMap<Arc<str>, Arc<Leaf>>;

/// The conjunctions for patterns of which all must match; at least one.
pub(super) fn conjunctions(patterns: &[Pattern]) -> Vec<Conjunction> {
    let mut all = vec![Conjunction::new()];
    let mut size = Size::ONE;
    for pattern in patterns {
        let group = &pattern.0.root;
        let expanded = size.times(Size::of(group));
        if expanded.conjunctions == 1 || expanded.fits(MOST) {
            size = expanded;
            all = combine(&all, &expand(group));
        } else {
            all = combine(&all, &[shared(group)]);
        }
    }
    all
}

/// How much the combinations of a group's `$or`s amount to.
#[derive(Debug, Clone, Copy)]
struct Size {
    conjunctions: usize,
    conditions: usize,
}

impl Size {
    const ONE: Self = Self { conjunctions: 1, conditions: 0 };

    fn of(group: &Group) -> Self {
        let own = group.leaves.iter().map(|leaf| leaf.conditions.len());
        let conditions = own.sum();
        let size = Self { conditions, ..Self::ONE };
        group.choices.iter().fold(size, |size, choice| {
            let branches = choice.branches.iter().map(Self::of);
            let none = Self { conjunctions: 0, conditions: 0 };
            size.times(branches.fold(none, Self::plus))
        })
    }

    fn plus(self, other: Self) -> Self {
        Self {
            conjunctions: self.conjunctions.saturating_add(other.conjunctions),
            conditions: self.conditions.saturating_add(other.conditions),
        }
    }

    /// Each of one combined with each of the other.
    fn times(self, other: Self) -> Self {
        let ours = self.conditions.saturating_mul(other.conjunctions);
        let theirs = other.conditions.saturating_mul(self.conjunctions);
        Self {
            conjunctions: self.conjunctions.saturating_mul(other.conjunctions),
            conditions: ours.saturating_add(theirs),
        }
    }

    fn fits(self, most: Self) -> bool {
        self.conjunctions <= most.conjunctions && self.conditions <= most.conditions
    }
}

/// Every combination of a group's `$or`s.
fn expand(group: &Group) -> Vec<Conjunction> {
    let own = group.leaves.iter().map(|leaf| (leaf.path.clone(), Arc::clone(leaf)));
    let mut all = vec![own.collect::<Conjunction>()];
    for choice in &group.choices {
        let branches: Vec<_> = choice.branches.iter().flat_map(expand).collect();
        all = combine(&all, &branches);
    }
    all
}

/// What holds in every combination of a group's `$or`s.
fn shared(group: &Group) -> Conjunction {
    let mut all = Conjunction::new();
    for leaf in &group.leaves {
        merge(&mut all, leaf);
    }
    for choice in &group.choices {
        shared_by_branches(choice).values().for_each(|leaf| merge(&mut all, leaf));
    }
    all
}

/// The fields that every branch has a condition on, each with the conditions of all branches.
fn shared_by_branches(choice: &Choice) -> Conjunction {
    let mut branches = choice.branches.iter().map(shared);
    let mut all = branches.next().unwrap_or_default();
    for branch in branches {
        all.retain(|path, _| branch.contains_key(path));
        for (path, leaf) in &mut all {
            if let Some(other) = branch.get(path) {
                *leaf = Arc::new(either(leaf, other));
            }
        }
    }
    all
}

fn either(a: &Leaf, b: &Leaf) -> Leaf {
    let conditions = a.conditions.iter().chain(&b.conditions).cloned().collect();
    Leaf {
        path: a.path.clone(),
        pointer: a.pointer.clone(),
        conditions,
        may_be_absent: a.may_be_absent || b.may_be_absent,
    }
}

fn combine(all: &[Conjunction], more: &[Conjunction]) -> Vec<Conjunction> {
    let pairs = all.iter().flat_map(|one| more.iter().map(move |other| (one, other)));
    let both = pairs.map(|(one, other)| {
        let mut both = one.clone();
        other.values().for_each(|leaf| merge(&mut both, leaf));
        both
    });
    both.collect()
}

/// Adds a condition. When there is one on the same field, the narrower is kept: the index only has to
/// rule out much, since the patterns themselves decide in the end.
fn merge(conjunction: &mut Conjunction, leaf: &Arc<Leaf>) {
    let kept = conjunction.entry(leaf.path.clone()).or_insert_with(|| Arc::clone(leaf));
    if breadth(leaf) < breadth(kept) {
        *kept = Arc::clone(leaf);
    }
}

/// How much a condition may let through, by its kind first and then by its length.
fn breadth(leaf: &Leaf) -> (usize, usize) {
    let kind = |condition: &Condition| match condition {
        Condition::Equals(_) => 0,
        Condition::Present => 3,
        Condition::NoneOf(_) => 2,
        _ => 1,
    };
    let broadest = leaf.conditions.iter().map(kind).max().unwrap_or(0);
    let absent = if leaf.may_be_absent { 4 } else { 0 };
    (absent + broadest, leaf.conditions.len())
}
