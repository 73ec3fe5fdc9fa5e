//! Finds the patterns that match an event among many.

use std::collections::HashMap;
use std::hash::Hash;

use super::{Fields, Pattern};

/// Patterns under keys.
#[derive(Debug, Clone)]
pub struct PatternIndex<K> {
    entries: HashMap<K, Vec<Pattern>>,
}

impl<K> Default for PatternIndex<K> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
        }
    }
}

impl<K: Clone + Eq + Hash> PatternIndex<K> {
    /// Puts patterns, all of which must match, under a key, in place of what was there.
    pub fn insert(&mut self, key: K, patterns: &[&Pattern]) {
        let patterns = patterns.iter().map(|&pattern| pattern.clone()).collect();
        self.entries.insert(key, patterns);
    }

    /// Removes what is under a key; answers whether there was anything.
    pub fn remove(&mut self, key: &K) -> bool {
        self.entries.remove(key).is_some()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Appends the keys whose patterns all match an event, in no order.
    pub fn matches(&self, fields: &Fields<'_>, keys: &mut Vec<K>) {
        let entries = self.entries.iter();
        let matching =
            entries.filter(|(_, patterns)| patterns.iter().all(|one| one.matches(fields)));
        keys.extend(matching.map(|(key, _)| key.clone()));
    }
}
