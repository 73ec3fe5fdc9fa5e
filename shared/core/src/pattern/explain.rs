//! Why an event matches a pattern or does not: each of its conditions held against the event by itself.

use std::{collections::HashSet, sync::Arc};

use serde_json::Value;

use super::{
    evaluate,
    fields::Fields,
    group::{Choice, Group, Leaf},
};

/// Most values of a field that a finding repeats.
const MOST_FOUND: usize = 10;

/// What a pattern says of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Whether the event matches: always what [`Pattern::matches`](super::Pattern::matches) says.
    pub matches: bool,
    /// Every condition: of each group of them the fields first, in the order of the text, then its `$or`s with what is
    /// in them. An event matches when all that stands outside of `$or`s holds; but what is said of a field outside and
    /// inside of a `$or` counts only in those branches that do not say anything else of it, and is listed there.
    pub findings: Vec<Finding>,
}

/// One condition of a pattern, held against an event by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// JSON pointer into the pattern.
    pub pointer: String,
    /// Whether it holds.
    pub holds: bool,
    /// What kind of condition it is.
    pub asks: Asks,
}

/// What a condition asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Asks {
    /// That a field is one of several things, which are listed where the finding points.
    Field {
        /// The field's dotted path.
        path: Arc<str>,
        /// The field's values, the first ten at most; none when it has none.
        found: Vec<Value>,
    },
    /// That one of a `$or`'s branches holds.
    OneBranch,
    /// That everything in a branch holds together.
    WholeBranch,
    /// That one element of an array satisfies together what elements satisfy apart. The finding points at the whole
    /// pattern, and is there only when it does not hold.
    SameElement,
}

/// Holds each condition of a pattern against an event.
pub(super) fn explain(group: &Group, fields: &Fields<'_>) -> Explanation {
    let mut draft = Draft { fields, findings: Vec::new(), said: HashSet::new() };
    let each = draft.group(group);
    let matches = each && evaluate::matches(group, fields);
    if each && !matches {
        draft.say("", false, Asks::SameElement);
    }
    Explanation { matches, findings: draft.findings }
}

struct Draft<'g, 'f, 'v> {
    fields: &'f Fields<'v>,
    findings: Vec<Finding>,
    /// Conditions outside of a `$or` are inherited by its branches: each is said once.
    said: HashSet<&'g str>,
}

impl<'g> Draft<'g, '_, '_> {
    fn say(&mut self, pointer: &str, holds: bool, asks: Asks) {
        self.findings.push(Finding { pointer: pointer.to_owned(), holds, asks });
    }

    /// Whether each condition in a group holds by itself.
    fn group(&mut self, group: &'g Group) -> bool {
        // Each of them is said, so none may be passed over.
        let mut all = true;
        for leaf in &group.leaves {
            all &= self.leaf(leaf);
        }
        for choice in &group.choices {
            all &= self.choice(choice);
        }
        all
    }

    fn leaf(&mut self, leaf: &'g Leaf) -> bool {
        let holds = evaluate::leaf_matches(leaf, self.fields);
        if self.said.insert(&leaf.pointer) {
            let values = self.fields.get(&leaf.path).iter().take(MOST_FOUND);
            let found = values.map(|placed| placed.value.to_json()).collect();
            self.say(&leaf.pointer, holds, Asks::Field { path: leaf.path.clone(), found });
        }
        holds
    }

    fn choice(&mut self, choice: &'g Choice) -> bool {
        let place = self.findings.len();
        self.say(&choice.pointer, false, Asks::OneBranch);
        let mut any = false;
        for (index, branch) in choice.branches.iter().enumerate() {
            let holds = evaluate::matches(branch, self.fields);
            self.say(&format!("{}/{index}", choice.pointer), holds, Asks::WholeBranch);
            self.group(branch);
            any |= holds;
        }
        self.findings[place].holds = any;
        any
    }
}
