//! How often a third party may have a message sent to its endpoint for a test: one at a time, and a few a minute, so that
//! nobody makes the marketplace call a server all day.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Most tests of one party within [`TEST_WINDOW`].
pub const MOST_TESTS: usize = 6;

/// See [`MOST_TESTS`].
pub const TEST_WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// A test that nobody has seen the end of counts as ended after this; an attempt takes 5 s at most.
pub const LONGEST_TEST: SignedDuration = SignedDuration::from_secs(10);

/// Whether a test may be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TestTurn {
    /// It is counted, and may begin.
    Now,
    /// One is running, or there were enough lately; nothing is counted. Again after this long.
    After(Duration),
}

/// A party's tests lately.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct RecentTests {
    /// When they began, oldest first.
    began: Vec<Timestamp>,
    /// When the one that is running began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    running: Option<Timestamp>,
}

impl RecentTests {
    /// Begins a test, if it may be made now.
    pub fn begin(&mut self, now: Timestamp) -> TestTurn {
        self.began.retain(|began| now.duration_since(*began) < TEST_WINDOW);
        let running = self.running.map(|began| LONGEST_TEST - now.duration_since(began));
        let enough = self.began.len().checked_sub(MOST_TESTS).and_then(|first| self.began.get(first));
        let enough = enough.map(|first| TEST_WINDOW - now.duration_since(*first));
        match running.max(enough).and_then(|wait| Duration::try_from(wait).ok()).filter(|wait| !wait.is_zero()) {
            Some(wait) => TestTurn::After(wait),
            None => {
                self.began.push(now);
                self.running = Some(now);
                TestTurn::Now
            }
        }
    }

    /// Ends the test that began then.
    pub fn end(&mut self, began: Timestamp) {
        self.running.take_if(|running| *running == began);
    }

    /// From when on nothing of this counts any more.
    #[must_use]
    pub fn expire_at(&self) -> Timestamp {
        let last = self.began.last().copied().unwrap_or(Timestamp::MIN);
        last.checked_add(TEST_WINDOW).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn at(seconds: i64) -> Timestamp {
        START + SignedDuration::from_secs(seconds)
    }

    fn after(seconds: u64) -> TestTurn {
        TestTurn::After(Duration::from_secs(seconds))
    }

    #[test]
    fn one_test_runs_at_a_time() {
        let mut tests = RecentTests::default();
        assert_eq!(tests.begin(at(0)), TestTurn::Now);
        assert_eq!(tests.begin(at(3)), after(7));
        tests.end(at(3));
        assert_eq!(tests.begin(at(3)), after(7), "what did not begin has no end");
        tests.end(at(0));
        assert_eq!(tests.begin(at(3)), TestTurn::Now);
    }

    #[test]
    fn a_test_whose_end_nobody_saw_ends_by_itself() {
        let mut tests = RecentTests::default();
        assert_eq!(tests.begin(at(0)), TestTurn::Now);
        assert_eq!(tests.begin(at(10)), TestTurn::Now);
        tests.end(at(0));
        assert_eq!(tests.begin(at(11)), after(9), "the first one's end is not the second one's");
    }

    #[test]
    fn a_few_are_enough_for_a_minute() {
        let mut tests = RecentTests::default();
        for second in 0..6 {
            assert_eq!(tests.begin(at(second)), TestTurn::Now);
            tests.end(at(second));
        }
        let before = tests.clone();
        assert_eq!(tests.begin(at(20)), after(40));
        assert_eq!(tests, before, "what is refused is not counted");
        assert_eq!(tests.expire_at(), at(65));
        assert_eq!(tests.begin(at(60)), TestTurn::Now);
        tests.end(at(60));
        assert_eq!(tests.begin(at(60)), after(1));
    }
}
