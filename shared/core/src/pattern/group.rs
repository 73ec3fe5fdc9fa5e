//! A pattern as conditions on fields, joined by "and" and `$or`.

use std::sync::Arc;

use super::condition::Condition;
use super::value::Scalar;

/// What a pattern asks of one field: one of several things.
#[derive(Debug)]
pub(super) struct Leaf {
    /// The field's dotted path.
    pub(super) path: Arc<str>,
    /// Where the pattern says it, as a JSON pointer.
    pub(super) pointer: Box<str>,
    /// Conditions, of which one must hold for one of the field's values.
    pub(super) conditions: Box<[Condition]>,
    /// Whether having no value satisfies too (`exists: false`).
    pub(super) may_be_absent: bool,
}

/// The pointer does not take part: it says where, not what.
impl PartialEq for Leaf {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.may_be_absent == other.may_be_absent && self.conditions == other.conditions
    }
}

impl Leaf {
    /// Whether one of a field's values, or having none, satisfies.
    pub(super) fn holds<'v>(&self, values: impl IntoIterator<Item = Scalar<'v>>) -> bool {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return self.may_be_absent;
        }
        values.any(|value| self.holds_for(value))
    }

    /// Whether a value satisfies.
    pub(super) fn holds_for(&self, value: Scalar<'_>) -> bool {
        self.conditions.iter().any(|condition| condition.holds(value))
    }
}

/// Everything that must hold together. No field is named twice on the way from the root to any branch.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Group {
    /// Fields that must be satisfied.
    pub(super) leaves: Vec<Arc<Leaf>>,
    /// `$or`s that must be satisfied.
    pub(super) choices: Vec<Choice>,
}

/// A `$or`: one of its branches must hold.
#[derive(Debug)]
pub(super) struct Choice {
    /// Where the pattern says it, as a JSON pointer.
    pub(super) pointer: Box<str>,
    /// The branches, two or more.
    pub(super) branches: Vec<Group>,
}

/// The pointer does not take part: it says where, not what.
impl PartialEq for Choice {
    fn eq(&self, other: &Self) -> bool {
        self.branches == other.branches
    }
}

impl Group {
    /// How many combinations of branches the group amounts to.
    pub(super) fn combinations(&self) -> usize {
        let branches = |choice: &Choice| {
            let each = choice.branches.iter().map(Self::combinations);
            each.fold(0, usize::saturating_add)
        };
        self.choices.iter().map(branches).fold(1, usize::saturating_mul)
    }

    /// Gives the group a condition from outside, unless it has its own on the same field; then those
    /// of its branches that have none get it.
    pub(super) fn inherit(&mut self, leaf: &Arc<Leaf>) {
        if self.leaves.iter().any(|own| own.path == leaf.path) {
            return;
        }
        let within = self.choices.iter_mut().find(|choice| choice.names(&leaf.path));
        match within {
            Some(choice) => choice.inherit(leaf),
            None => self.leaves.push(Arc::clone(leaf)),
        }
    }

    fn names(&self, path: &str) -> bool {
        self.leaves.iter().any(|leaf| &*leaf.path == path) || self.choices.iter().any(|choice| choice.names(path))
    }
}

impl Choice {
    /// Whether any branch has a condition on a field.
    pub(super) fn names(&self, path: &str) -> bool {
        self.branches.iter().any(|branch| branch.names(path))
    }

    /// Gives every branch a condition from outside: see [`Group::inherit`].
    pub(super) fn inherit(&mut self, leaf: &Arc<Leaf>) {
        for branch in &mut self.branches {
            branch.inherit(leaf);
        }
    }
}
