//! A party's rate: attempts are spaced evenly, so that over time there are as many as the party allows, not one in
//! twenty more or fewer.
//!
//! It is the generic cell rate algorithm (ITU-T I.371): one time instead of a bucket, the time at which the next attempt
//! would be made if all were spaced evenly. Whoever keeps that time can keep it where it likes: a worker in its hands,
//! many senders in a row that they share. Times are counted from any moment that stays the same.

use std::time::Duration;

use crate::delivery::RateLimit;

/// How a party's attempts are spaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spacing {
    /// From one attempt to the next, when they are spaced evenly.
    pub interval: Duration,
    /// How far ahead of that attempts may run: who is woken late by no more than this loses nothing.
    pub ahead: Duration,
}

/// What came of asking for turns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Turns {
    /// So many attempts may be made now.
    pub granted: u64,
    /// When the attempt after those would be made if all were spaced evenly: to be kept, and given back the next time.
    pub next: Duration,
    /// When there is a turn again.
    pub free_at: Duration,
}

impl Spacing {
    /// For this rate.
    #[must_use]
    pub fn of(limit: RateLimit, ahead: Duration) -> Self {
        Self { interval: Duration::from_secs_f64(1.0 / limit.per_second()), ahead }
    }

    /// Takes up to so many turns at `now`, when the next attempt would be at `next` if all were spaced evenly.
    ///
    /// A time of less than `credit` that has passed unused is made up for: for those who have had attempts to make all
    /// the while and could not come earlier. For everybody else it is zero: who was idle has saved nothing up.
    #[must_use]
    pub fn take(&self, next: Duration, now: Duration, credit: Duration, wanted: u64) -> Turns {
        let from = next.max(now.saturating_sub(credit));
        let room = (now + self.ahead).checked_sub(from);
        let free = room.map_or(0, |room| whole(room, self.interval).saturating_add(1));
        let granted = free.min(wanted);
        let next = from + times(self.interval, granted);
        Turns { granted, next, free_at: next.saturating_sub(self.ahead).max(now) }
    }
}

/// How often the one fits into the other.
fn whole(room: Duration, interval: Duration) -> u64 {
    u64::try_from(room.as_nanos() / interval.as_nanos().max(1)).unwrap_or(u64::MAX)
}

/// So many intervals; no rounding adds up, since it is reckoned in nanoseconds.
fn times(interval: Duration, number: u64) -> Duration {
    let nanos = interval.as_nanos().saturating_mul(u128::from(number));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
