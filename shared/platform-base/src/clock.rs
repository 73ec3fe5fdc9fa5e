//! The real clock: the one place where the time is read.

use jiff::Timestamp;
use marketplace_core::ports::Clock;

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// Whole microseconds: what is stored, and so equal before and after storing.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is handed")]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_whole_microseconds_and_passes() {
        let first = SystemClock.now();
        assert_eq!(first.subsec_nanosecond() % 1_000, 0);
        assert!(first > "2026-01-01T00:00:00Z".parse().unwrap());
        let mut next = SystemClock.now();
        while next == first {
            next = SystemClock.now();
        }
        assert!(next > first);
    }
}
