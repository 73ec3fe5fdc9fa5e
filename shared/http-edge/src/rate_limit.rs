//! How often each caller may call, so that one cannot crowd out the others.
//!
//! The generic cell rate algorithm (ITU-T I.371): one number a caller, the time at which its bucket is full
//! again.

use std::{
    cell::Cell,
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    http::{HeaderName, HeaderValue},
    response::Response,
};
use jiff::Timestamp;

/// The name of the one policy that there is.
const POLICY: &str = "caller";

const POLICY_HEADER: HeaderName = HeaderName::from_static("ratelimit-policy");

const HEADER: HeaderName = HeaderName::from_static("ratelimit");

/// Locks, so that callers seldom wait for each other.
const SHARDS: usize = 16;

/// Callers in one shard before those that have not called lately are forgotten.
const CROWDED: usize = 4_096;

/// How a caller stands, as it is told (draft-ietf-httpapi-ratelimit-headers-11).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// Calls within a window.
    quota: u64,
    /// Seconds of the window.
    window: u64,
    /// Calls that would be let through now.
    left: u64,
    /// Seconds until there are more, or all again.
    reset: u64,
}

tokio::task_local! {
    /// How the caller stands of the call that this task answers, once it is known.
    static PRESENT: Cell<Option<Standing>>;
}

impl Standing {
    /// Takes note of it, for the answer of the call that this task answers.
    pub(crate) fn note(self) {
        // Outside of any call there is nobody to tell.
        let _ = PRESENT.try_with(|present| present.set(Some(self)));
    }

    /// Answers a call, and tells the caller how it stands, if anything was noted meanwhile.
    pub(crate) async fn told(answering: impl Future<Output = Response>) -> Response {
        let answered = async {
            let response = answering.await;
            (response, PRESENT.with(Cell::take))
        };
        let (mut response, standing) = PRESENT.scope(Cell::default(), answered).await;
        if let Some(Self { quota, window, left, reset }) = standing {
            let headers = response.headers_mut();
            let policy = format!("\"{POLICY}\";q={quota};w={window}");
            for (name, text) in [(POLICY_HEADER, policy), (HEADER, format!("\"{POLICY}\";r={left};t={reset}"))] {
                if let Ok(value) = HeaderValue::try_from(text) {
                    headers.insert(name, value);
                }
            }
        }
        response
    }
}

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

    /// Counts a call, and answers how the caller stands after it.
    ///
    /// # Errors
    /// How long to wait, when it is one too many; it is not counted then.
    pub fn check(&self, caller: &str, now: Timestamp) -> Result<Standing, Duration> {
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
        let after = full_again + self.interval_us;
        match shard.get_mut(caller) {
            Some(known) => *known = after,
            None => {
                shard.insert(caller.to_owned(), after);
            }
        }
        drop(shard);
        let left = (self.tolerance_us - (after - now)).max(-self.interval_us) / self.interval_us + 1;
        Ok(self.standing(left, after - now))
    }

    /// How somebody stands who has no call left, and will have one after this long.
    #[must_use]
    pub fn exhausted(&self, wait: Duration) -> Standing {
        self.standing(0, i64::try_from(wait.as_micros()).unwrap_or(i64::MAX))
    }

    fn standing(&self, left: i64, until_us: i64) -> Standing {
        const SECOND: u64 = 1_000_000;
        let burst = self.tolerance_us / self.interval_us + 1;
        let seconds = |us: i64| u64::try_from(us).unwrap_or_default().div_ceil(SECOND);
        Standing {
            quota: u64::try_from(burst).unwrap_or_default(),
            window: seconds(burst * self.interval_us).max(1),
            left: u64::try_from(left).unwrap_or_default(),
            reset: seconds(until_us),
        }
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
            assert!(limiter.check("a", start).is_ok());
        }
        let wait = limiter.check("a", start).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        assert!(limiter.check("a", start + 100.milliseconds()).is_ok());
        assert!(limiter.check("a", start + 100.milliseconds()).is_err());
    }

    #[test]
    fn a_caller_is_told_how_many_calls_are_left() {
        let limiter = limiter(10, 20);
        let start = Timestamp::UNIX_EPOCH;
        let left = |now| limiter.check("a", now).map(|standing| (standing.left, standing.reset));
        assert_eq!(left(start), Ok((19, 1)));
        for expected in (0..19).rev() {
            assert_eq!(left(start).map(|(left, _)| left), Ok(expected));
        }
        let wait = limiter.check("a", start).unwrap_err();
        let standing = Standing { quota: 20, window: 2, left: 0, reset: 1 };
        assert_eq!(limiter.exhausted(wait), standing);
        assert_eq!(left(start + 100.milliseconds()), Ok((0, 2)));
        assert_eq!(left(start + 1_100.milliseconds()), Ok((9, 2)));
        assert_eq!(left(start + 60_000.milliseconds()), Ok((19, 1)), "all are there again");
    }

    #[tokio::test]
    async fn an_answer_says_what_was_noted_while_it_was_made() {
        let answering = async {
            Standing { quota: 3, window: 1, left: 2, reset: 1 }.note();
            Response::default()
        };
        let answer = Standing::told(answering).await;
        assert_eq!(answer.headers()["ratelimit-policy"], r#""caller";q=3;w=1"#);
        assert_eq!(answer.headers()["ratelimit"], r#""caller";r=2;t=1"#);
        let silent = Standing::told(async { Response::default() }).await;
        assert!(silent.headers().is_empty());
    }

    #[test]
    fn callers_do_not_share_a_limit() {
        let limiter = limiter(1, 1);
        let now = Timestamp::UNIX_EPOCH;
        assert!(limiter.check("a", now).is_ok());
        assert!(limiter.check("b", now).is_ok());
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
            assert!(limiter.check(&caller.to_string(), now).is_ok());
        }
        let kept: usize = limiter.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(kept <= SHARDS * CROWDED, "{kept}");
    }
}
