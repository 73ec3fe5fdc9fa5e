//! A document that grows field by field, in the order in which its fields come.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::value::RawValue;

use super::pointer::Pointer;

/// An object of what is copied, and of further objects.
#[derive(Default)]
pub(super) struct Tree<'a>(Vec<(String, Node<'a>)>);

enum Node<'a> {
    Copied(&'a RawValue),
    Object(Tree<'a>),
}

impl<'a> Tree<'a> {
    /// Puts a value where the pointer says; false when something else is there, above or below.
    pub(super) fn put(&mut self, to: &Pointer, value: &'a RawValue) -> bool {
        let Some((last, above)) = to.steps().split_last() else {
            return false;
        };
        let mut within = self;
        for step in above {
            match within.member(step) {
                Some(tree) => within = tree,
                None => return false,
            }
        }
        let is_free = within.0.iter().all(|(name, _)| name != last);
        if is_free {
            within.0.push((last.clone(), Node::Copied(value)));
        }
        is_free
    }

    /// The object of this name, made if there is nothing; none if there is something else.
    fn member(&mut self, name: &str) -> Option<&mut Self> {
        let place = self.0.iter().position(|(each, _)| each == name).unwrap_or_else(|| {
            self.0.push((name.to_owned(), Node::Object(Self::default())));
            self.0.len() - 1
        });
        match &mut self.0[place].1 {
            Node::Object(tree) => Some(tree),
            Node::Copied(_) => None,
        }
    }
}

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, node) in &self.0 {
            match node {
                Node::Copied(value) => map.serialize_entry(name, value)?,
                Node::Object(tree) => map.serialize_entry(name, tree)?,
            }
        }
        map.end()
    }
}

impl fmt::Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}
