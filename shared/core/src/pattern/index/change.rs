//! Putting rows in and taking them out again, leaving nothing behind.

use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hash};

use foldhash::HashMap;

use super::super::condition::Condition;
use super::rows::{Row, RowSet};

/// Whether a row is to be put in or taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Put it in.
    Insert,
    /// Take it out.
    Remove,
}

impl Change {
    /// Applies the change to a set.
    pub(super) fn apply(self, rows: &mut RowSet, row: Row) {
        match self {
            Self::Insert => rows.insert(row),
            Self::Remove => rows.remove(row),
        }
    }
}

/// Changes the set under a key, which exists only while it has rows.
pub(super) fn change_at<K: Eq + Hash>(sets: &mut HashMap<K, RowSet>, key: K, change: Change, row: Row) {
    match (sets.entry(key), change) {
        (Entry::Occupied(mut entry), change) => {
            change.apply(entry.get_mut(), row);
            if entry.get().is_empty() {
                entry.remove();
            }
        }
        (Entry::Vacant(entry), Change::Insert) => entry.insert(RowSet::default()).insert(row),
        (Entry::Vacant(_), Change::Remove) => {}
    }
}

/// Changes the set of a condition in the list under a key; both exist only while they have rows.
pub(super) fn change_in<K: Eq + Hash, S: BuildHasher>(
    lists: &mut std::collections::HashMap<K, Vec<(Condition, RowSet)>, S>,
    key: K,
    condition: &Condition,
    change: Change,
    row: Row,
) {
    let mut entry = match (lists.entry(key), change) {
        (Entry::Occupied(entry), _) => entry,
        (Entry::Vacant(entry), Change::Insert) => entry.insert_entry(Vec::new()),
        (Entry::Vacant(_), Change::Remove) => return,
    };
    let list = entry.get_mut();
    let index = list.iter().position(|(other, _)| other == condition);
    match (index, change) {
        (Some(index), change) => {
            change.apply(&mut list[index].1, row);
            if list[index].1.is_empty() {
                list.swap_remove(index);
            }
        }
        (None, Change::Insert) => {
            let mut rows = RowSet::default();
            rows.insert(row);
            list.push((condition.clone(), rows));
        }
        (None, Change::Remove) => {}
    }
    if list.is_empty() {
        entry.remove();
    }
}

/// Roughly the memory behind a map of lists, in bytes.
pub(super) fn listed_bytes<K, S>(lists: &std::collections::HashMap<K, Vec<(Condition, RowSet)>, S>) -> usize {
    let table = lists.capacity() * size_of::<(K, Vec<(Condition, RowSet)>)>();
    let list = |list: &Vec<(Condition, RowSet)>| {
        let sets: usize = list.iter().map(|(_, rows)| rows.heap_bytes()).sum();
        // A condition's own text and its key are counted as 32 bytes.
        list.capacity() * size_of::<(Condition, RowSet)>() + sets + 32 * list.len()
    };
    table + lists.values().map(list).sum::<usize>()
}

/// Roughly the memory behind a map of sets, in bytes; `key` is what a key holds elsewhere.
pub(super) fn sets_bytes<K>(sets: &HashMap<K, RowSet>, key: impl Fn(&K) -> usize) -> usize {
    let table = sets.capacity() * size_of::<(K, RowSet)>();
    let set = |(each, rows): (&K, &RowSet)| key(each) + rows.heap_bytes();
    table + sets.iter().map(set).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::super::super::value::Literal;
    use super::*;

    #[test]
    fn what_was_put_in_and_taken_out_leaves_nothing_behind() {
        let condition = |text: &str| Condition::Equals(Literal::Text(text.into()));
        let mut sets = HashMap::default();
        let mut lists = HashMap::default();
        for change in [Change::Insert, Change::Remove, Change::Remove] {
            for row in 0..5 {
                change_at(&mut sets, "key", change, row);
                for text in ["a", "b"] {
                    change_in(&mut lists, "key", &condition(text), change, row);
                }
                if change == Change::Insert {
                    assert_eq!(lists["key"].len(), 2);
                    assert_eq!(lists["key"][1].1.len(), sets["key"].len());
                }
            }
        }
        assert!(sets.is_empty());
        assert!(lists.is_empty());
    }
}
