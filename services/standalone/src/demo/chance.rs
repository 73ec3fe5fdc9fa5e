//! Random choices that are the same in every run, so that a demo never surprises the one who shows it.

use std::{ops::Range, time::Duration};

/// A small generator with a fixed start (`SplitMix64`; Steele, Lea and Flood, OOPSLA 2014).
#[derive(Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// A generator whose numbers follow from its seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of the range, which must not be empty.
    pub(super) fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// One time in so many.
    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.within(0..times) == 0
    }

    /// A wait of so many milliseconds.
    pub(super) fn wait(&mut self, milliseconds: Range<u64>) -> Duration {
        Duration::from_millis(self.within(milliseconds))
    }

    /// One of these.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, from: [T; N]) -> T {
        // Below a length, so it is an index whatever the machine's word.
        from[(self.next() % N as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_choices_and_all_stay_within_bounds() {
        let (mut one, mut other) = (Chance::new(7), Chance::new(7));
        let mut seen = [false; 3];
        for _ in 0..200 {
            let number = one.within(10..13);
            assert_eq!(number, other.within(10..13));
            seen[usize::try_from(number - 10).unwrap()] = true;
        }
        assert_eq!(seen, [true; 3]);
        assert_ne!(Chance::new(8).next(), Chance::new(7).next());
    }
}
