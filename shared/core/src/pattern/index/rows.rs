//! Sets of rows: short lists while they are small, bits once they are not.

/// A row of the index: one conjunction of conditions that a key's patterns amount to.
pub(super) type Row = u32;

/// Up to this many rows, a list is smaller and faster to apply than bits over all rows.
const FEW: usize = 64;

/// A set of rows.
#[derive(Debug, Clone)]
pub(super) enum RowSet {
    /// The rows, in no order.
    Few(Vec<Row>),
    /// A bit for each row, and how many are set. Rows beyond the end are not in the set.
    Many(Vec<u64>, usize),
}

impl Default for RowSet {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl RowSet {
    /// Adds a row; it may be there already.
    pub(super) fn insert(&mut self, row: Row) {
        match self {
            Self::Few(rows) if rows.contains(&row) => {}
            Self::Few(rows) if rows.len() < FEW => rows.push(row),
            Self::Few(rows) => {
                let mut words = Vec::new();
                let len = rows.len() + 1;
                for &row in rows.iter().chain([&row]) {
                    set(&mut words, row);
                }
                *self = Self::Many(words, len);
            }
            Self::Many(words, len) => *len += usize::from(set(words, row)),
        }
    }

    /// Removes a row; it may be missing.
    pub(super) fn remove(&mut self, row: Row) {
        match self {
            Self::Few(rows) => {
                if let Some(index) = rows.iter().position(|other| *other == row) {
                    rows.swap_remove(index);
                }
            }
            Self::Many(words, len) => {
                *len -= usize::from(clear(words, row));
                if *len == 0 {
                    *self = Self::default();
                }
            }
        }
    }

    /// Adds all rows of another set.
    pub(super) fn extend(&mut self, other: &Self) {
        match other {
            Self::Few(rows) => rows.iter().for_each(|&row| self.insert(row)),
            Self::Many(words, _) => {
                let rows = rows_in(words.iter().copied());
                rows.filter_map(|row| Row::try_from(row).ok()).for_each(|row| self.insert(row));
            }
        }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(rows) => rows.len(),
            Self::Many(_, len) => *len,
        }
    }

    /// Whether there are no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds all rows to bits over all rows of the index.
    pub(super) fn add_to(&self, bits: &mut [u64]) {
        match self {
            Self::Few(rows) => rows.iter().for_each(|&row| put(bits, row)),
            Self::Many(words, _) => {
                bits.iter_mut().zip(words).for_each(|(bits, word)| *bits |= word);
            }
        }
    }

    /// Removes all rows from bits over all rows of the index.
    pub(super) fn remove_from(&self, bits: &mut [u64]) {
        match self {
            Self::Few(rows) => rows.iter().for_each(|&row| bits[word(row)] &= !bit(row)),
            Self::Many(words, _) => {
                bits.iter_mut().zip(words).for_each(|(bits, word)| *bits &= !word);
            }
        }
    }

    /// Removes all rows but those in two other sets of bits, either of which may be shorter.
    pub(super) fn remove_unless(&self, but: [&[u64]; 2], bits: &mut [u64]) {
        match self {
            Self::Few(rows) => {
                let but = |row: Row| but.iter().any(|words| contains(words, row));
                let removed = rows.iter().filter(|&&row| !but(row));
                removed.for_each(|&row| bits[word(row)] &= !bit(row));
            }
            Self::Many(words, _) => {
                // The longer one first, so that each stretch is one loop over equally long slices.
                let [a, b] = if but[0].len() < but[1].len() { [but[1], but[0]] } else { but };
                let (a, b) = (&a[..a.len().min(words.len())], &b[..b.len().min(words.len())]);
                let (bits_b, bits) = bits.split_at_mut(b.len());
                let (bits_a, bits) = bits.split_at_mut(a.len() - b.len());
                let (words_b, words) = words.split_at(b.len());
                let (words_a, words) = words.split_at(a.len() - b.len());
                let (a_b, a) = a.split_at(b.len());
                for (((bits, word), a), b) in bits_b.iter_mut().zip(words_b).zip(a_b).zip(b) {
                    *bits &= !word | a | b;
                }
                for ((bits, word), a) in bits_a.iter_mut().zip(words_a).zip(a) {
                    *bits &= !word | a;
                }
                bits.iter_mut().zip(words).for_each(|(bits, word)| *bits &= !word);
            }
        }
    }

    /// The memory behind the set, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Few(rows) => rows.capacity() * size_of::<Row>(),
            Self::Many(words, _) => words.capacity() * size_of::<u64>(),
        }
    }
}

/// The rows whose bits are set, in order.
pub(super) fn rows_in(bits: impl Iterator<Item = u64>) -> impl Iterator<Item = usize> {
    bits.enumerate().flat_map(|(index, word)| {
        let mut rest = word;
        std::iter::from_fn(move || {
            let row = (rest != 0).then(|| index * 64 + rest.trailing_zeros() as usize);
            rest &= rest.wrapping_sub(1);
            row
        })
    })
}

/// Whether a row's bit is set.
pub(super) fn contains(words: &[u64], row: Row) -> bool {
    words.get(word(row)).is_some_and(|word| word & bit(row) != 0)
}

/// Sets the bit of a row of the index, in bits over all of them.
pub(super) fn put(bits: &mut [u64], row: Row) {
    bits[word(row)] |= bit(row);
}

/// Sets a row's bit, making room for it; answers whether it was clear.
pub(super) fn set(words: &mut Vec<u64>, row: Row) -> bool {
    if words.len() <= word(row) {
        words.resize(word(row) + 1, 0);
    }
    let clear = words[word(row)] & bit(row) == 0;
    words[word(row)] |= bit(row);
    clear
}

/// Clears a row's bit; answers whether it was set.
pub(super) fn clear(words: &mut [u64], row: Row) -> bool {
    let Some(word) = words.get_mut(word(row)) else {
        return false;
    };
    let set = *word & bit(row) != 0;
    *word &= !bit(row);
    set
}

fn word(row: Row) -> usize {
    (row / 64) as usize
}

fn bit(row: Row) -> u64 {
    1 << (row % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_inserted_and_not_removed() {
        let mut set = RowSet::default();
        for row in 0..300 {
            set.insert(row * 7);
            set.insert(row * 7);
        }
        assert!(matches!(set, RowSet::Many(_, 300)));
        for row in 0..300 {
            if row % 3 > 0 {
                set.remove(row * 7);
                set.remove(row * 7);
            }
        }
        let mut bits = vec![0; 40];
        set.add_to(&mut bits);
        let rows: Vec<usize> = rows_in(bits.iter().copied()).collect();
        let expected: Vec<usize> = (0..300).step_by(3).map(|row| row * 7).collect();
        assert_eq!(rows, expected);
        set.remove_from(&mut bits);
        assert!(bits.iter().all(|word| *word == 0));
        for row in (0..300).step_by(3) {
            set.remove(row * 7);
        }
        assert!(set.is_empty());
        assert_eq!(set.heap_bytes(), 0);
    }

    #[test]
    fn rows_are_removed_unless_another_set_has_them() {
        let every = |step: usize, end: Row| {
            let mut words = Vec::new();
            for row in (0..end).step_by(step) {
                set(&mut words, row);
            }
            words
        };
        for (step, end) in [(1, 1_000), (2, 300), (90, 1_000)] {
            let mut rows = RowSet::default();
            (0..end).step_by(step).for_each(|row| rows.insert(row));
            for but in [[every(3, 200), every(5, 900)], [every(5, 900), every(3, 200)]] {
                let mut bits = vec![u64::MAX; 16];
                rows.remove_unless([&but[0], &but[1]], &mut bits);
                for row in 0..1_024 {
                    let removed = row < end && row % step as u32 == 0;
                    let kept = !removed || contains(&but[0], row) || contains(&but[1], row);
                    assert_eq!(contains(&bits, row), kept, "{step} {end} {row}");
                }
            }
        }
    }
}
