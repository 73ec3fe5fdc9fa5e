//! How often somebody may sign up: a bound for each client, and one for all of them together.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Most sign-ups of one client within [`WINDOW`].
pub const MOST_OF_ONE: usize = 10;

/// Most sign-ups of all clients within [`WINDOW`].
pub const MOST_OF_ALL: usize = 200;

/// See [`MOST_OF_ONE`].
pub const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// Whether somebody may sign up now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignUpTurn {
    /// It is counted.
    Now,
    /// There were enough lately; nothing is counted. Again after this long.
    After(Duration),
}

/// When somebody signed up lately, oldest first: one client, or anyone.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct RecentSignUps(Vec<Timestamp>);

impl RecentSignUps {
    /// Counts one more of this client and of all, or of neither.
    pub fn count(client: &mut Self, all: &mut Self, now: Timestamp) -> SignUpTurn {
        let waits = [client.wait(MOST_OF_ONE, now), all.wait(MOST_OF_ALL, now)];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return SignUpTurn::After(wait);
        }
        client.0.push(now);
        all.0.push(now);
        SignUpTurn::Now
    }

    /// From when on nothing of this counts any more.
    #[must_use]
    pub fn expire_at(&self) -> Timestamp {
        self.0.last().map_or(Timestamp::MIN, |last| last.saturating_add(WINDOW).unwrap_or(Timestamp::MAX))
    }

    fn wait(&mut self, most: usize, now: Timestamp) -> Option<Duration> {
        self.0.retain(|at| now.duration_since(*at) < WINDOW);
        let first = self.0.len().checked_sub(most).and_then(|first| self.0.get(first))?;
        let wait = WINDOW.checked_sub(now.duration_since(*first)).unwrap_or(WINDOW);
        Some(wait.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    #[test]
    fn a_client_waits_and_others_do_not() {
        let (mut ann, mut bob, mut all) = Default::default();
        for minute in 0..10 {
            assert_eq!(RecentSignUps::count(&mut ann, &mut all, NOW + minute.minutes()), SignUpTurn::Now);
        }
        let turn = RecentSignUps::count(&mut ann, &mut all, NOW + 10.minutes());
        assert_eq!(turn, SignUpTurn::After(Duration::from_secs(50 * 60)));
        assert_eq!(RecentSignUps::count(&mut bob, &mut all, NOW + 10.minutes()), SignUpTurn::Now);
        assert_eq!(RecentSignUps::count(&mut ann, &mut all, NOW + 1.hour()), SignUpTurn::Now);
        assert_eq!(ann.expire_at(), NOW + 2.hours());
    }

    #[test]
    fn all_together_have_a_bound_too() {
        let mut all = RecentSignUps::default();
        for _ in 0..MOST_OF_ALL {
            assert_eq!(RecentSignUps::count(&mut RecentSignUps::default(), &mut all, NOW), SignUpTurn::Now);
        }
        let mut new = RecentSignUps::default();
        let turn = RecentSignUps::count(&mut new, &mut all, NOW + 1.minute());
        assert_eq!(turn, SignUpTurn::After(Duration::from_secs(59 * 60)));
        assert_eq!(new, RecentSignUps::default(), "who was turned away is not counted");
    }
}
