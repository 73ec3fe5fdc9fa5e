//! How often and after which waits something is tried again.

use std::time::Duration;

use marketplace_core::ports::Randomness;

/// The wait before the second try is at most this.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_millis(640);

/// Most tries, the first one too.
const MOST_TRIES: u32 = 20;

/// Counts tries and waits between them: twice as long each time, of which a random part is waited, so that those
/// who got into each other's way do not meet again (AWS Architecture Blog, "Exponential Backoff And Jitter").
pub struct Patience<'a> {
    randomness: &'a dyn Randomness,
    tried: u32,
}

impl<'a> Patience<'a> {
    pub(super) fn new(randomness: &'a dyn Randomness) -> Self {
        Self { randomness, tried: 0 }
    }

    /// Waits after a failed try; false, at once, when it was the last one.
    pub async fn again(&mut self) -> bool {
        self.tried += 1;
        if self.tried >= MOST_TRIES {
            return false;
        }
        let longest = FIRST_WAIT.saturating_mul(1 << (self.tried - 1)).min(LONGEST_WAIT);
        tokio::time::sleep(longest.mul_f64(self.randomness.fraction())).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    struct Highest;

    impl Randomness for Highest {
        fn secret(&self) -> [u8; 32] {
            [0; 32]
        }

        fn uuid(&self, _: Timestamp) -> Uuid {
            Uuid::nil()
        }

        fn fraction(&self) -> f64 {
            1.0
        }
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_after_growing_waits() {
        let mut patience = Patience::new(&Highest);
        let mut waits = vec![];
        loop {
            let before = tokio::time::Instant::now();
            if !patience.again().await {
                break;
            }
            waits.push(before.elapsed().as_millis());
        }
        assert_eq!(waits[..7], [10, 20, 40, 80, 160, 320, 640]);
        assert_eq!(waits[7..], [640; 12]);
    }
}
