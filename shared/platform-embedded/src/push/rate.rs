//! Keeping a party's rate in one worker's hands.

use std::time::Duration;

use marketplace_core::{delivery::RateLimit, pace::Spacing};
use tokio::time::Instant;

/// How far ahead of an even spacing pushes may run, so that timers' coarseness costs no throughput: of a second's pushes
/// less than the twentieth that a rate may be off by.
const AHEAD: Duration = Duration::from_millis(40);

/// When the next push is made, if all are spaced evenly.
#[derive(Debug)]
pub(crate) struct Pace {
    start: Instant,
    next: Duration,
}

impl Pace {
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, next: Duration::ZERO }
    }

    /// Takes a turn if one is free now, else tells when the next one is.
    pub(crate) fn take(&mut self, limit: Option<RateLimit>, now: Instant) -> Result<(), Instant> {
        let Some(limit) = limit else {
            return Ok(());
        };
        let turns = Spacing::of(limit, AHEAD).take(self.next, now - self.start, Duration::ZERO, 1);
        self.next = turns.next;
        if turns.granted == 0 { Err(self.start + turns.free_at) } else { Ok(()) }
    }
}

/// Waits until then; without a time, for ever.
pub(super) async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_taken_at_the_rate_and_a_wait_says_until_when() {
        let limit = RateLimit::try_from(20.0).ok();
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let after = |millis| start + Duration::from_millis(millis);
        assert_eq!(pace.take(limit, after(1_000)), Ok(()));
        assert_eq!(pace.take(limit, after(1_000)), Err(after(1_010)));
        assert_eq!(pace.take(limit, after(1_010)), Ok(()));
        assert_eq!(pace.take(limit, after(1_020)), Err(after(1_060)));
    }

    #[test]
    fn no_limit_is_no_wait() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        assert!((0..10_000).all(|_| pace.take(None, now).is_ok()));
    }
}
