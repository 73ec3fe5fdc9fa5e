//! Conditions on strings, found from a string: the rows of every condition that it satisfies.

use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, Hasher};

use foldhash::HashMap;

use super::super::condition::Condition;
use super::super::text::{Wildcard, fold_case};
use super::super::value::Scalar;
use super::change::{Change, change_in, listed_bytes};
use super::rows::{Row, RowSet};

/// Conditions that are worth checking once a string has led to them, with their rows.
type Listed = Vec<(Condition, RowSet)>;

/// All conditions on strings but equality.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// Conditions that every string satisfies.
    any: RowSet,
    prefixes: Affixes,
    suffixes: Affixes,
    /// `equals-ignore-case` by its operand without case.
    folded: HashMap<Box<str>, Listed>,
    /// Prefixes and suffixes without case, and to be looked up without case.
    folded_prefixes: Affixes,
    folded_suffixes: Affixes,
    grams: Grams,
}

impl Texts {
    /// Changes the rows of a condition; others than those on strings are not for here.
    pub(super) fn change(&mut self, condition: &Condition, change: Change, row: Row) {
        match condition {
            Condition::Prefix(text) | Condition::Suffix(text) if text.is_empty() => {
                change.apply(&mut self.any, row);
            }
            Condition::Prefix(text) => self.prefixes.change(text, condition, change, row),
            Condition::Suffix(text) => self.suffixes.change(text, condition, change, row),
            Condition::EqualsIgnoringCase(text) => {
                let key = fold_case(text).into_boxed_str();
                change_in(&mut self.folded, key, condition, change, row);
            }
            Condition::PrefixIgnoringCase(text) => {
                let key = fold_case(text);
                self.folded_prefixes.change(&key, condition, change, row);
            }
            Condition::SuffixIgnoringCase(text) => {
                let key = fold_case(text);
                self.folded_suffixes.change(&key, condition, change, row);
            }
            Condition::Wildcard(wildcard) => self.wildcard(wildcard, condition, change, row),
            _ => {}
        }
    }

    fn wildcard(&mut self, wildcard: &Wildcard, condition: &Condition, change: Change, row: Row) {
        match wildcard.parts() {
            [first, last] if first.is_empty() && last.is_empty() => {
                change.apply(&mut self.any, row);
            }
            [first, last] if last.is_empty() => {
                self.prefixes.change(first, condition, change, row);
            }
            [first, last] if first.is_empty() => {
                self.suffixes.change(last, condition, change, row);
            }
            parts => self.grams.change(parts, condition, change, row),
        }
    }

    /// Visits the rows of every condition that a string satisfies.
    pub(super) fn each<'s>(&'s self, text: &str, visit: &mut impl FnMut(&'s RowSet)) {
        visit(&self.any);
        let mut check = |listed: &'s Listed| {
            for (condition, rows) in listed {
                if condition.holds(Scalar::Text(text)) {
                    visit(rows);
                }
            }
        };
        self.prefixes.beginning(text).for_each(&mut check);
        self.suffixes.ending(text).for_each(&mut check);
        self.grams.within(text).for_each(&mut check);
        let without_case = self.folded.len() + self.folded_prefixes.len() + self.folded_suffixes.len();
        if without_case > 0 {
            let folded = fold_case(text);
            self.folded.get(&*folded).into_iter().for_each(&mut check);
            self.folded_prefixes.beginning(&folded).for_each(&mut check);
            self.folded_suffixes.ending(&folded).for_each(&mut check);
        }
    }

    /// The memory behind it, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let affixes = [&self.prefixes, &self.suffixes, &self.folded_prefixes, &self.folded_suffixes];
        affixes.iter().map(|affixes| listed_bytes(&affixes.listed)).sum::<usize>()
            + listed_bytes(&self.folded)
            + listed_bytes(&self.grams.listed)
            + self.grams.frequencies.capacity() * size_of::<(u32, u32)>()
            + self.any.heap_bytes()
    }
}

/// Conditions by the text with which a string must begin or end.
#[derive(Debug, Default)]
struct Affixes {
    listed: HashMap<Box<str>, Listed>,
    /// How many keys there are of each length in bytes: the lengths worth looking up.
    lengths: BTreeMap<usize, usize>,
}

impl Affixes {
    fn change(&mut self, key: &str, condition: &Condition, change: Change, row: Row) {
        let before = self.listed.len();
        change_in(&mut self.listed, key.into(), condition, change, row);
        let count = self.lengths.entry(key.len()).or_default();
        *count = (*count + self.listed.len()).saturating_sub(before);
        if *count == 0 {
            self.lengths.remove(&key.len());
        }
    }

    fn beginning<'s>(&'s self, text: &str) -> impl Iterator<Item = &'s Listed> {
        let lengths = self.lengths.range(..=text.len());
        let prefixes = lengths.filter_map(|(&length, _)| text.get(..length));
        prefixes.filter_map(|prefix| self.listed.get(prefix))
    }

    fn ending<'s>(&'s self, text: &str) -> impl Iterator<Item = &'s Listed> {
        let lengths = self.lengths.range(..=text.len());
        let suffixes = lengths.filter_map(|(&length, _)| text.get(text.len() - length..));
        suffixes.filter_map(|suffix| self.listed.get(suffix))
    }

    fn len(&self) -> usize {
        self.listed.len()
    }
}

/// The longest run of bytes by which wildcards are found.
const GRAM: usize = 3;

/// Wildcards, each under one run of up to three bytes that its matches contain: of all such runs, the
/// one that fewest others contained when it came.
#[derive(Debug, Default)]
struct Grams {
    listed: std::collections::HashMap<u32, Listed, BuildHasherDefault<GramHasher>>,
    /// How many wildcards contain each run, once for each place in them.
    frequencies: std::collections::HashMap<u32, u32, BuildHasherDefault<GramHasher>>,
    /// How many runs of each length there are.
    lengths: [usize; GRAM + 1],
}

impl Grams {
    fn change(&mut self, parts: &[Box<str>], condition: &Condition, change: Change, row: Row) {
        let longest = parts.iter().map(|part| part.len()).max().unwrap_or(0);
        let length = longest.clamp(1, GRAM);
        let grams = || parts.iter().flat_map(|part| part.as_bytes().windows(length)).map(key);
        let under = |gram: &u32| {
            let listed = self.listed.get(gram);
            listed.is_some_and(|listed| listed.iter().any(|(other, _)| other == condition))
        };
        let present = grams().find(under);
        let frequency = |gram: &u32| self.frequencies.get(gram).copied().unwrap_or(0);
        let Some(gram) = present.or_else(|| grams().min_by_key(frequency)) else {
            return;
        };
        let before = self.listed.len();
        change_in(&mut self.listed, gram, condition, change, row);
        let count = &mut self.lengths[length];
        *count = (*count + self.listed.len()).saturating_sub(before);
        let known = |listed: &Listed| listed.iter().any(|(other, _)| other == condition);
        let after = self.listed.get(&gram).is_some_and(known);
        match (present.is_some(), after) {
            (false, true) => grams().for_each(|gram| *self.frequencies.entry(gram).or_default() += 1),
            (true, false) => grams().for_each(|gram| self.forget(gram)),
            _ => {}
        }
    }

    fn forget(&mut self, gram: u32) {
        if let Some(frequency) = self.frequencies.get_mut(&gram) {
            *frequency -= 1;
            if *frequency == 0 {
                self.frequencies.remove(&gram);
            }
        }
    }

    /// The wildcards that a string might match.
    fn within<'s>(&'s self, text: &str) -> impl Iterator<Item = &'s Listed> {
        let lengths = (1..=GRAM).filter(|length| self.lengths[*length] > 0);
        let grams = lengths.flat_map(|length| text.as_bytes().windows(length).map(key));
        grams.filter_map(|gram| self.listed.get(&gram))
    }
}

/// A run of one to three bytes as a number: its bytes, and its length on top.
fn key(run: &[u8]) -> u32 {
    let length = u32::try_from(run.len()).unwrap_or(0);
    run.iter().fold(length, |key, byte| key << 8 | u32::from(*byte))
}

/// Spreads runs of bytes over a hash map. There are so few of them that collisions cannot be piled up,
/// and each string makes many lookups, so that the default hasher's strength would cost too much.
#[derive(Debug, Default)]
struct GramHasher(u64);

impl Hasher for GramHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        let mixed = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
