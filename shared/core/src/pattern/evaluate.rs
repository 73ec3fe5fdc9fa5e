//! Whether an event satisfies a pattern.

use super::fields::{Fields, Placed};
use super::group::{Choice, Group, Leaf};

/// Whether an event satisfies everything in a group.
pub(super) fn matches(group: &Group, fields: &Fields<'_>) -> bool {
    if !possible(group, fields) {
        return false;
    }
    if !fields.has_elements() {
        return true;
    }
    let mut chosen: Vec<&Leaf> = group.leaves.iter().map(AsRef::as_ref).collect();
    let mut pending: Vec<&Choice> = group.choices.iter().collect();
    together(&mut pending, &mut chosen, fields)
}

/// Whether each field is satisfied for itself. Without arrays of objects that is all there is to it.
fn possible(group: &Group, fields: &Fields<'_>) -> bool {
    group.leaves.iter().all(|leaf| leaf_possible(leaf, fields))
        && group.choices.iter().all(|choice| choice_possible(choice, fields))
}

fn choice_possible(choice: &Choice, fields: &Fields<'_>) -> bool {
    choice.branches.iter().any(|branch| possible(branch, fields))
}

fn leaf_possible(leaf: &Leaf, fields: &Fields<'_>) -> bool {
    let values = fields.get(&leaf.path);
    // A field that is there in one element of an array may be absent from another.
    let elsewhere = || leaf.may_be_absent && values.iter().any(|placed| placed.element > 0);
    leaf.holds(values.iter().map(|placed| placed.value)) || elsewhere()
}

/// Whether an event satisfies the condition on one field, were there no other.
pub(super) fn leaf_matches(leaf: &Leaf, fields: &Fields<'_>) -> bool {
    leaf_possible(leaf, fields) && (!fields.has_elements() || consistent(&[leaf], fields))
}

/// Goes through the combinations of branches, skipping those in which a field fails for itself, for
/// one whose fields hold together. Leaves both lists as they were when there is none.
fn together<'g>(pending: &mut Vec<&'g Choice>, chosen: &mut Vec<&'g Leaf>, fields: &Fields<'_>) -> bool {
    let Some(choice) = pending.pop() else {
        return consistent(chosen, fields);
    };
    let (pending_before, chosen_before) = (pending.len(), chosen.len());
    for branch in &choice.branches {
        if possible(branch, fields) {
            chosen.extend(branch.leaves.iter().map(AsRef::as_ref));
            pending.extend(&branch.choices);
            if together(pending, chosen, fields) {
                return true;
            }
            pending.truncate(pending_before);
            chosen.truncate(chosen_before);
        }
    }
    pending.push(choice);
    false
}

/// A condition on a field with that field's values.
#[derive(Clone, Copy)]
struct Asked<'l, 'f, 'v> {
    leaf: &'l Leaf,
    values: &'f [Placed<'v>],
}

impl<'f, 'v> Asked<'_, 'f, 'v> {
    /// The field's values that stand directly in an element.
    fn values_in(&self, element: usize) -> &'f [Placed<'v>] {
        let start = self.values.partition_point(|placed| placed.element < element);
        let rest = &self.values[start..];
        &rest[..rest.partition_point(|placed| placed.element == element)]
    }
}

fn consistent(leaves: &[&Leaf], fields: &Fields<'_>) -> bool {
    let asked: Vec<Asked<'_, '_, '_>> =
        leaves.iter().map(|&leaf| Asked { leaf, values: fields.get(&leaf.path) }).collect();
    holds_in(0, &asked, fields)
}

/// Whether conditions hold in an element, given that in each array of objects within it, one element
/// must satisfy all that lies in that array. Every element is visited once per combination of `$or`s.
fn holds_in(element: usize, asked: &[Asked<'_, '_, '_>], fields: &Fields<'_>) -> bool {
    let mut deeper: Vec<(usize, Vec<Asked<'_, '_, '_>>)> = Vec::new();
    for each in asked {
        let here = each.values_in(element);
        let array = fields.array_around(&each.leaf.path, element);
        match array {
            Some(array) if here.is_empty() => match deeper.iter_mut().find(|(other, _)| *other == array) {
                Some((_, inside)) => inside.push(*each),
                None => deeper.push((array, vec![*each])),
            },
            _ => {
                if !each.leaf.holds(here.iter().map(|placed| placed.value)) {
                    return false;
                }
            }
        }
    }
    deeper.iter().all(|(array, inside)| {
        let mut elements = fields.elements(*array).iter();
        elements.any(|&element| holds_in(element, inside, fields))
    })
}
