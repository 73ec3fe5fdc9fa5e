//! Rows in the order of a number each, so that all rows up to a number are found at once.

use std::cmp::Ordering;

use super::super::value::Number;
use super::rows::{Row, clear, put, set};

/// A block is split in two when it has more entries than this.
const BLOCK: usize = 128;

/// Each row has at most one number. Finding takes one pass over bits and one over a block; inserting
/// and removing touch one bit in every later block.
#[derive(Debug, Default)]
pub(super) struct Thresholds {
    blocks: Vec<Block>,
}

#[derive(Debug, Default)]
struct Block {
    /// In ascending order of numbers; never empty.
    entries: Vec<(Number, Row)>,
    /// The rows of all blocks before this one, as bits.
    before: Vec<u64>,
}

impl Thresholds {
    /// Puts a row at a number.
    pub(super) fn insert(&mut self, at: Number, row: Row) {
        if self.blocks.is_empty() {
            self.blocks.push(Block::default());
        }
        let index = self.block_of(at);
        let block = &mut self.blocks[index];
        let place = block.entries.partition_point(|(other, _)| other.compare(at).is_le());
        block.entries.insert(place, (at, row));
        for later in &mut self.blocks[index + 1..] {
            set(&mut later.before, row);
        }
        if self.blocks[index].entries.len() > BLOCK {
            self.split(index);
        }
    }

    /// Removes a row from a number.
    pub(super) fn remove(&mut self, at: Number, row: Row) {
        // Equal numbers may stretch over several blocks, before the one where another would go.
        let last = self.block_of(at);
        let holds = |block: &Block| block.entries.iter().position(|entry| *entry == (at, row));
        let found = (0..=last).rev().find_map(|index| {
            let block = self.blocks.get(index)?;
            holds(block).map(|place| (index, place))
        });
        let Some((index, place)) = found else {
            return;
        };
        self.blocks[index].entries.remove(place);
        for later in &mut self.blocks[index + 1..] {
            clear(&mut later.before, row);
        }
        if self.blocks[index].entries.is_empty() {
            self.blocks.remove(index);
        }
    }

    /// Adds to bits every row whose number is at most this one, or less than it.
    pub(super) fn add_up_to(&self, at: Number, inclusive: bool, bits: &mut [u64]) {
        let within = |number: Number| match number.compare(at) {
            Ordering::Less => true,
            Ordering::Equal => inclusive,
            Ordering::Greater => false,
        };
        let begun = |block: &Block| block.entries.first().is_some_and(|first| within(first.0));
        let count = self.blocks.partition_point(begun);
        let Some(last) = count.checked_sub(1).map(|index| &self.blocks[index]) else {
            return;
        };
        bits.iter_mut().zip(&last.before).for_each(|(bits, word)| *bits |= word);
        for (_, row) in last.entries.iter().take_while(|entry| within(entry.0)) {
            put(bits, *row);
        }
    }

    /// Whether there are no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The memory behind it, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let block = |block: &Block| {
            block.entries.capacity() * size_of::<(Number, Row)>()
                + block.before.capacity() * size_of::<u64>()
                + size_of::<Block>()
        };
        self.blocks.iter().map(block).sum()
    }

    /// The last block that begins at or before a number, else the first.
    fn block_of(&self, at: Number) -> usize {
        let begun = |block: &Block| {
            let first = block.entries.first();
            first.is_some_and(|(first, _)| first.compare(at).is_le())
        };
        self.blocks.partition_point(begun).saturating_sub(1)
    }

    fn split(&mut self, index: usize) {
        let block = &mut self.blocks[index];
        let entries = block.entries.split_off(block.entries.len() / 2);
        let mut before = block.before.clone();
        for (_, row) in &block.entries {
            set(&mut before, *row);
        }
        self.blocks.insert(index + 1, Block { entries, before });
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::rows_in;
    use super::*;

    fn up_to(thresholds: &Thresholds, at: i64, inclusive: bool) -> Vec<usize> {
        let mut bits = vec![0; 40];
        thresholds.add_up_to(Number::from(at), inclusive, &mut bits);
        rows_in(bits.into_iter()).collect()
    }

    #[test]
    fn rows_are_found_by_their_numbers_after_inserts_and_removes() {
        let mut thresholds = Thresholds::default();
        let number = |row: u32| i64::from(row * 37 % 101);
        for row in 0..2_000 {
            thresholds.insert(Number::from(number(row)), row);
        }
        let gone = |row: u32| row % 5 < 3;
        for row in (0..2_000).filter(|row| gone(*row)) {
            thresholds.remove(Number::from(number(row)), row);
            thresholds.remove(Number::from(number(row)), row);
        }
        for at in -1..=101 {
            for inclusive in [false, true] {
                let within = |row: &u32| number(*row) < at || (inclusive && number(*row) == at);
                let rows = (0..2_000).filter(|row| !gone(*row)).filter(within);
                let expected: Vec<usize> = rows.map(|row| row as usize).collect();
                assert_eq!(up_to(&thresholds, at, inclusive), expected, "{at} {inclusive}");
            }
        }
        for row in (0..2_000).filter(|row| !gone(*row)) {
            thresholds.remove(Number::from(number(row)), row);
        }
        assert!(thresholds.is_empty());
        assert_eq!(thresholds.heap_bytes(), 0);
    }
}
