//! What a bus may do to its consumers, done on purpose: events repeated, and handed over in another order.

/// A test mode of the bus: repeats and reorders, the same way for the same seed.
#[derive(Clone, Copy, Debug)]
pub struct Mischief {
    state: u64,
}

impl Mischief {
    /// Mischief that depends on this number only.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { state: seed | 1 }
    }

    /// A batch as a bad day would deliver it: shuffled, and about a third of it twice or three times.
    pub(super) fn play<T: Clone>(&mut self, batch: Vec<T>) -> Vec<T> {
        let mut played = Vec::with_capacity(batch.len() * 2);
        for event in batch {
            let copies = match self.next() % 6 {
                0 => 3,
                1 => 2,
                _ => 1,
            };
            played.extend(std::iter::repeat_n(event, copies));
        }
        for last in (1..played.len()).rev() {
            let other = self.next() % (last as u64 + 1);
            played.swap(last, usize::try_from(other).unwrap_or(0));
        }
        played
    }

    /// How long an event is kept back before it is handed over, in milliseconds.
    pub(super) fn delay_ms(&mut self) -> u64 {
        match self.next() % 4 {
            0 => self.next() % 50,
            _ => 0,
        }
    }

    /// xorshift64 (Marsaglia 2003); good enough for mischief.
    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_something_is_repeated_and_moved() {
        let batch: Vec<u32> = (0..100).collect();
        let played = Mischief::seeded(7).play(batch.clone());
        let mut distinct = played.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct, batch);
        assert!(played.len() > batch.len());
        assert!(!played.is_sorted());
    }
}
