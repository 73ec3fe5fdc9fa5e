//! Finds the patterns that match an event among thousands, at a cost that hardly grows with them.
//!
//! Each key's patterns are reduced to a few *rows*: conjunctions of conditions on fields, one of which
//! must hold wherever the patterns match. Each field keeps, for every condition, the rows that have it,
//! so that a value leads by hashing to the rows that it satisfies or rules out. For an event, the index
//! goes through the event's own fields only, and keeps the rows as bits:
//!
//! * a row that requires a rare field is *found* only through that field, so that fields which an event
//!   does not have cost nothing, however many there are;
//! * a row is *kept* while no field rules it out: none of the event's, by its values, and no common
//!   field, by being absent.
//!
//! The patterns of the rows that are left are then matched in full, so the index may err, but only
//! towards keeping too many.

mod change;
mod conditions;
mod conjunction;
mod field;
mod rows;
mod texts;
mod thresholds;

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use foldhash::HashMap;

use super::group::Leaf;
use super::{Fields, Pattern};
use change::Change;
use conjunction::{Conjunction, conjunctions};
use field::{FieldIndex, Scratch};
use rows::{Row, RowSet, rows_in};

/// A field that this many rows require is common: rows are ruled out where it is absent, rather than
/// found where it is present.
const COMMON: usize = 256;

/// Patterns under keys, to find those that match an event.
///
/// Inserting and removing cost microseconds, whatever else is there.
pub struct PatternIndex<K> {
    slots: HashMap<K, usize>,
    entries: Vec<Option<Entry<K>>>,
    free_entries: Vec<usize>,
    rows: Vec<RowOf>,
    free_rows: Vec<Row>,
    names: HashMap<Arc<str>, usize>,
    fields: Vec<FieldIndex>,
    free_fields: Vec<usize>,
    /// The fields that [`COMMON`] rows or more require.
    common: Vec<usize>,
    /// Rows that require no rare field.
    unanchored: RowSet,
}

struct Entry<K> {
    key: K,
    patterns: Box<[Pattern]>,
    rows: Box<[Row]>,
}

/// A row: whose it is, and what it asks of which fields.
#[derive(Default)]
struct RowOf {
    entry: usize,
    leaves: Box<[(usize, Arc<Leaf>)]>,
}

impl<K> Default for PatternIndex<K> {
    fn default() -> Self {
        Self {
            slots: HashMap::default(),
            entries: Vec::new(),
            free_entries: Vec::new(),
            rows: Vec::new(),
            free_rows: Vec::new(),
            names: HashMap::default(),
            fields: Vec::new(),
            free_fields: Vec::new(),
            common: Vec::new(),
            unanchored: RowSet::default(),
        }
    }
}

impl<K> fmt::Debug for PatternIndex<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatternIndex")
            .field("keys", &self.slots.len())
            .field("fields", &self.names.len())
            .finish_non_exhaustive()
    }
}

impl<K: Clone + Eq + Hash> PatternIndex<K> {
    /// Puts patterns, all of which must match, under a key, in place of what was there. Without any
    /// pattern, the key is found for every event.
    pub fn insert(&mut self, key: K, patterns: &[&Pattern]) {
        self.remove(&key);
        let patterns: Box<[Pattern]> = patterns.iter().map(|&pattern| pattern.clone()).collect();
        let entry = self.free_entries.pop().unwrap_or(self.entries.len());
        let rows = conjunctions(&patterns).into_iter();
        let rows = rows.map(|conjunction| self.insert_row(entry, conjunction)).collect();
        self.slots.insert(key.clone(), entry);
        place(&mut self.entries, entry, Some(Entry { key, patterns, rows }));
    }

    /// Removes what is under a key; answers whether there was anything.
    pub fn remove(&mut self, key: &K) -> bool {
        let Some(slot) = self.slots.remove(key) else {
            return false;
        };
        if let Some(entry) = self.entries[slot].take() {
            entry.rows.iter().for_each(|&row| self.remove_row(row));
        }
        self.free_entries.push(slot);
        true
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Appends the keys whose patterns all match an event, each once, in no particular order.
    pub fn matches(&self, fields: &Fields<'_>, keys: &mut Vec<K>) {
        let candidates = self.candidates(fields);
        let entries = candidates.into_iter().filter_map(|slot| self.entries[slot].as_ref());
        let matching = entries.filter(|entry| entry.patterns.iter().all(|one| one.matches(fields)));
        keys.extend(matching.map(|entry| entry.key.clone()));
    }

    /// Roughly the memory behind the index, in bytes, without the patterns themselves.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let row = |row: &RowOf| size_of_val(&*row.leaves) + size_of::<RowOf>();
        let entry = size_of::<Option<Entry<K>>>() + size_of::<(K, usize)>() + 2 * size_of::<Row>();
        let name = size_of::<(Arc<str>, usize)>();
        self.entries.capacity() * entry
            + self.rows.iter().map(row).sum::<usize>()
            + self.names.keys().map(|key| key.len() + name).sum::<usize>()
            + self.fields.capacity() * size_of::<FieldIndex>()
            + self.fields.iter().map(FieldIndex::heap_bytes).sum::<usize>()
    }

    /// The entries of which a row is left when all fields of an event have been looked at.
    fn candidates(&self, fields: &Fields<'_>) -> Vec<usize> {
        let mut kept = vec![0; self.rows.len().div_ceil(64)];
        self.unanchored.add_to(&mut kept);
        let mut present = Vec::new();
        for (name, values) in fields.iter() {
            if let Some(&id) = self.names.get(name) {
                self.fields[id].anchored().add_to(&mut kept);
                present.push((id, values));
            }
        }
        self.remove_absent(&present, &mut kept);
        let mut scratch = Scratch::default();
        for (id, values) in present {
            self.fields[id].narrow(values, &mut kept, &mut scratch);
        }
        let left = rows_in(kept.into_iter());
        let mut entries: Vec<usize> = left.map(|row| self.rows[row].entry).collect();
        entries.sort_unstable();
        entries.dedup();
        entries
    }
}

impl<K> PatternIndex<K> {
    /// Clears the bits of the rows that require a common field which an event does not have.
    fn remove_absent<V>(&self, present: &[(usize, V)], kept: &mut [u64]) {
        let is_common = |id: usize| self.fields[id].required().len() >= COMMON;
        if present.iter().filter(|(id, _)| is_common(*id)).count() == self.common.len() {
            return;
        }
        let is_present = |id: usize| present.iter().any(|(other, _)| *other == id);
        for &absent in self.common.iter().filter(|id| !is_present(**id)) {
            self.fields[absent].required().remove_from(kept);
        }
    }

    fn insert_row(&mut self, entry: usize, conjunction: Conjunction) -> Row {
        let row = match self.free_rows.pop() {
            Some(row) => row,
            None => Row::try_from(self.rows.len()).unwrap_or(Row::MAX),
        };
        let leaves = conjunction.into_iter();
        let leaves: Box<[_]> = leaves.map(|(path, leaf)| (self.field(path), leaf)).collect();
        let required = leaves.iter().filter(|(_, leaf)| !leaf.may_be_absent);
        let crowds = required.map(|(id, _)| (self.fields[*id].required().len(), *id));
        let anchor = crowds.min().filter(|(crowd, _)| *crowd < COMMON);
        let anchor = anchor.map(|(_, id)| id);
        if anchor.is_none() {
            self.unanchored.insert(row);
        }
        self.change(&leaves, anchor, Change::Insert, row);
        place(&mut self.rows, row as usize, RowOf { entry, leaves });
        row
    }

    fn remove_row(&mut self, row: Row) {
        let RowOf { leaves, .. } = std::mem::take(&mut self.rows[row as usize]);
        self.unanchored.remove(row);
        self.change(&leaves, None, Change::Remove, row);
        for (id, leaf) in leaves {
            if self.fields[id].is_empty() {
                self.names.remove(&leaf.path);
                self.fields[id] = FieldIndex::default();
                self.free_fields.push(id);
            }
        }
        self.free_rows.push(row);
    }

    fn change(&mut self, leaves: &[(usize, Arc<Leaf>)], anchor: Option<usize>, change: Change, row: Row) {
        for (id, leaf) in leaves {
            let field = &mut self.fields[*id];
            let was_common = field.required().len() >= COMMON;
            field.change(leaf, anchor == Some(*id), change, row);
            match (was_common, field.required().len() >= COMMON) {
                (false, true) => {
                    self.common.push(*id);
                    self.unanchored.extend(&field.take_anchored());
                }
                (true, false) => self.common.retain(|other| other != id),
                _ => {}
            }
        }
    }

    /// The number of a field, a new one if need be.
    fn field(&mut self, path: Arc<str>) -> usize {
        let Self { names, fields, free_fields, .. } = self;
        *names.entry(path).or_insert_with(|| {
            let id = free_fields.pop().unwrap_or(fields.len());
            place(fields, id, FieldIndex::default());
            id
        })
    }
}

/// Puts an item in its place, which is at most one beyond the end.
fn place<T>(items: &mut Vec<T>, index: usize, item: T) {
    match items.get_mut(index) {
        Some(there) => *there = item,
        None => items.push(item),
    }
}
