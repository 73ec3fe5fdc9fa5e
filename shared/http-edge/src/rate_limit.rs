//! How often each caller may call, so that one cannot crowd out the others.
//!
//! The generic cell rate algorithm (ITU-T I.371): one number a caller, the time at which its bucket is full
//! again.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

/// Locks, so that callers seldom wait for each other.
const SHARDS: usize = 16;

/// Callers in one shard before those that have not called lately are forgotten.
const CROWDED: usize = 4_096;

/// A limit that holds for each caller apart.
pub struct RateLimiter {
    interval_us: i64,
    tolerance_us: i64,
    hasher: RandomState,
    shards: [Mutex<HashMap<String, i64>>; SHARDS],
}

impl RateLimiter {
    /// So many calls a second on average, and so many at once after a rest.
    #[must_use]
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let interval_us = 1_000_000 / i64::from(per_second.get()).min(1_000_000);
        Self {
            interval_us,
            tolerance_us: interval_us * (i64::from(burst.get()) - 1),
            hasher: RandomState::new(),
            shards: Default::default(),
        }
    }

    /// Counts a call.
    ///
    /// # Errors
    /// How long to wait, when it is one too many; it is not counted then.
    pub fn check(&self, caller: &str, now: Timestamp) -> Result<(), Duration> {
        let now = now.as_microsecond();
        let index = usize::try_from(self.hasher.hash_one(caller) % SHARDS as u64).unwrap_or_default();
        let mut shard = self.shards[index].lock().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= CROWDED {
            shard.retain(|_, full_again| *full_again > now);
        }
        let full_again = shard.get(caller).map_or(now, |full_again| (*full_again).max(now));
        let early = full_again - now - self.tolerance_us;
        if early > 0 {
            return Err(Duration::from_micros(early.unsigned_abs()));
        }
        match shard.get_mut(caller) {
            Some(known) => *known = full_again + self.interval_us,
            None => {
                shard.insert(caller.to_owned(), full_again + self.interval_us);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    fn limiter(per_second: u32, burst: u32) -> RateLimiter {
        RateLimiter::new(NonZeroU32::new(per_second).unwrap(), NonZeroU32::new(burst).unwrap())
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let limiter = limiter(10, 3);
        let start = Timestamp::UNIX_EPOCH;
        for _ in 0..3 {
            assert_eq!(limiter.check("a", start), Ok(()));
        }
        let wait = limiter.check("a", start).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(limiter.check("a", start + 100.milliseconds()), Ok(()));
        assert!(limiter.check("a", start + 100.milliseconds()).is_err());
    }

    #[test]
    fn callers_do_not_share_a_limit() {
        let limiter = limiter(1, 1);
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(limiter.check("a", now), Ok(()));
        assert_eq!(limiter.check("b", now), Ok(()));
        assert!(limiter.check("a", now).is_err());
    }

    #[test]
    fn over_a_long_time_exactly_the_rate_passes() {
        let limiter = limiter(50, 5);
        let calls =
            (0..10_000_i64).filter(|step| limiter.check("a", Timestamp::UNIX_EPOCH + step.milliseconds()).is_ok());
        assert_eq!(calls.count(), 500 + 4);
    }

    #[test]
    fn those_who_went_away_are_forgotten() {
        let limiter = limiter(1, 1);
        for caller in 0..SHARDS * CROWDED * 2 {
            let second = i64::try_from(caller).unwrap();
            let now = Timestamp::from_second(second * 10).unwrap();
            assert_eq!(limiter.check(&caller.to_string(), now), Ok(()));
        }
        let kept: usize = limiter.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(kept <= SHARDS * CROWDED, "{kept}");
    }
}
