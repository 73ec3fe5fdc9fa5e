//! Keeping a party's rate: pushes are spaced evenly, with a small burst, never more than the party allows.

use std::time::Duration;

use marketplace_core::delivery::RateLimit;
use tokio::time::Instant;

/// How far ahead of an even spacing pushes may run, so that timers' coarseness costs no throughput.
const BURST: Duration = Duration::from_millis(20);

/// The generic cell rate algorithm (ITU-T I.371): one theoretical arrival time instead of a bucket.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    next: Option<Instant>,
}

impl Pace {
    /// Takes a turn if one is free now, else tells when the next one is.
    pub(crate) fn take(&mut self, limit: Option<RateLimit>, now: Instant) -> Result<(), Instant> {
        let Some(limit) = limit else {
            return Ok(());
        };
        let next = self.next.map_or(now, |next| next.max(now));
        if let Some(wait) = next.checked_duration_since(now + BURST).filter(|wait| !wait.is_zero()) {
            return Err(now + wait);
        }
        self.next = Some(next + Duration::from_secs_f64(1.0 / limit.per_second()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_minute_of_turns_is_within_five_per_cent_of_the_limit() {
        let limit = RateLimit::try_from(50.0).ok();
        let mut pace = Pace::default();
        let start = Instant::now();
        let mut now = start;
        let mut taken = 0_u32;
        while now < start + Duration::from_secs(60) {
            match pace.take(limit, now) {
                Ok(()) => taken += 1,
                Err(next) => now = next,
            }
        }
        assert!((2_850..=3_150).contains(&taken), "{taken}");
    }

    #[tokio::test]
    async fn no_limit_is_no_wait() {
        let mut pace = Pace::default();
        let now = Instant::now();
        assert!((0..10_000).all(|_| pace.take(None, now).is_ok()));
    }
}
