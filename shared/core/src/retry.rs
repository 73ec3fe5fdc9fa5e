//! When a message is tried again, and when it is given up (DESIGN section 6, "Push rules").
//!
//! The first retry comes after about 1 s; the wait doubles, with jitter, to at most 15 minutes, until the
//! party's `max_age_hours` or [`MAX_ATTEMPTS`] are used up. `Retry-After` can only delay an attempt.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};

use crate::transport::DeadReason;

/// Attempts after which a message is given up (EventBridge's default retry policy).
pub const MAX_ATTEMPTS: u32 = 185;

/// No wait between two attempts is longer than this unless the endpoint asked for it.
pub const MAX_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// The wait before jitter stops doubling here, so that 5/4 of it is [`MAX_WAIT`].
const WAIT_CAP_MS: u64 = 12 * 60 * 1_000;

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Try again at this time.
    At(Timestamp),
    /// Do not try again.
    GiveUp(DeadReason),
}

/// When to try again, once `attempts_made` attempts (at least one) have failed, the last one at `now`.
///
/// `jitter` is a uniformly distributed number in `[0, 1)`: it places the wait between 3/4 and 5/4 of its
/// nominal length. `not_before` is what the endpoint asked for; the later of it and the schedule's time counts.
/// An attempt never comes later than `max_age` after the first one. An endpoint that asks for more gets the last one at
/// that very moment: nothing is given up while there is time.
#[must_use]
pub fn next(
    attempts_made: u32,
    first_attempt_at: Timestamp,
    now: Timestamp,
    jitter: f64,
    max_age: SignedDuration,
    not_before: Option<Timestamp>,
) -> Next {
    if attempts_made >= MAX_ATTEMPTS {
        return Next::GiveUp(DeadReason::AttemptsExhausted);
    }
    let scheduled = now.saturating_add(wait(attempts_made, jitter)).unwrap_or(Timestamp::MAX);
    let deadline = first_attempt_at.saturating_add(max_age).unwrap_or(Timestamp::MAX);
    if scheduled > deadline {
        return Next::GiveUp(DeadReason::MaxAgeReached);
    }
    Next::At(not_before.map_or(scheduled, |wish| wish.min(deadline).max(scheduled)))
}

/// From when on a message is due that failed at `now`, when messages wait for the endpoint to work again: its place is by
/// its age, so that the oldest comes first, unless the endpoint asked for a later time. It is given up only for its age.
#[must_use]
pub fn wait_in_line(
    created_at: Timestamp,
    first_attempt_at: Timestamp,
    now: Timestamp,
    max_age: SignedDuration,
    not_before: Option<Timestamp>,
) -> Next {
    let deadline = first_attempt_at.saturating_add(max_age).unwrap_or(Timestamp::MAX);
    if now > deadline {
        return Next::GiveUp(DeadReason::MaxAgeReached);
    }
    Next::At(not_before.map_or(created_at, |wish| wish.min(deadline).max(created_at)))
}

/// The wait after this many attempts: 1 s, doubled each time, capped, and spread by a quarter each way.
fn wait(attempts_made: u32, jitter: f64) -> SignedDuration {
    let doublings = attempts_made.saturating_sub(1).min(20);
    let nominal_ms = (1_000_u64 << doublings).min(WAIT_CAP_MS);
    // The cast cuts off below zero and beyond the largest number, and turns "not a number" into zero.
    let spread_ms = ((nominal_ms / 2) as f64 * jitter.clamp(0.0, 1.0)) as u64;
    let wait_ms = nominal_ms - nominal_ms / 4 + spread_ms;
    SignedDuration::from_millis(i64::try_from(wait_ms).unwrap_or(i64::MAX))
}

/// What a `Retry-After` header asks for (RFC 9110, section 10.2.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RetryAfter {
    /// Wait this many seconds.
    Seconds(u64),
    /// Wait until this time.
    At(Timestamp),
    /// A number below zero. The RFC has no such value; EventBridge takes it as "never again".
    Negative,
}

impl RetryAfter {
    /// Reads the header's value; `None` when it is neither a whole number nor an HTTP-date.
    ///
    /// A number too large to hold is the largest one: the give-up time rules anyway.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim_matches([' ', '\t']);
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number(value) {
            return Some(Self::Seconds(value.parse().unwrap_or(u64::MAX)));
        }
        match value.strip_prefix('-') {
            Some(digits) if is_number(digits) && digits.bytes().any(|byte| byte != b'0') => Some(Self::Negative),
            _ => http_date(value).map(Self::At),
        }
    }

    /// The earliest time of the next attempt, for an answer that came at `now`; `None` for a negative one.
    #[must_use]
    pub fn not_before(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Seconds(seconds) => {
                let wait = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
                Some(now.saturating_add(wait).unwrap_or(Timestamp::MAX))
            }
            Self::At(time) => Some(time),
            Self::Negative => None,
        }
    }
}

/// The three forms of an HTTP-date, two of them obsolete but still to be understood (RFC 9110, 5.6.7).
///
/// The name of the day is not compared with the date: it adds nothing.
fn http_date(value: &str) -> Option<Timestamp> {
    let (day_name, rest) = value.split_once(' ')?;
    let formats: &[&str] = if day_name.ends_with(',') {
        &["%d %b %Y %H:%M:%S GMT", "%d-%b-%y %H:%M:%S GMT"]
    } else {
        &["%b %e %H:%M:%S %Y"]
    };
    let civil = formats.iter().find_map(|format| DateTime::strptime(format, rest).ok())?;
    Offset::UTC.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::constant(1_800_000_000, 0);
    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn seconds_until(next: Next) -> f64 {
        match next {
            Next::At(at) => at.duration_since(START).as_secs_f64(),
            Next::GiveUp(reason) => panic!("gave up: {reason}"),
        }
    }

    #[test]
    fn waits_double_from_one_second_to_fifteen_minutes() {
        let shortest = |made| seconds_until(next(made, START, START, 0.0, DAY, None));
        assert_eq!([1, 2, 3, 10, 11, 184].map(shortest), [0.75, 1.5, 3.0, 384.0, 540.0, 540.0]);
        let longest = |made| seconds_until(next(made, START, START, 1.0, DAY, None));
        assert_eq!([1, 2, 11, 184].map(longest), [1.25, 2.5, 900.0, 900.0]);
    }

    #[test]
    fn a_number_that_is_no_fraction_does_no_harm() {
        let waited = |jitter| seconds_until(next(2, START, START, jitter, DAY, None));
        assert_eq!([f64::NAN, -7.0, 7.0, f64::INFINITY].map(waited), [1.5, 1.5, 2.5, 2.5]);
    }

    #[test]
    fn the_last_attempt_is_the_185th() {
        assert!(matches!(next(184, START, START, 0.0, DAY, None), Next::At(_)));
        let exhausted = Next::GiveUp(DeadReason::AttemptsExhausted);
        assert_eq!(next(185, START, START, 0.0, DAY, None), exhausted);
        assert_eq!(next(u32::MAX, START, START, 0.0, DAY, None), exhausted);
    }

    #[test]
    fn an_attempt_may_come_at_the_deadline_but_not_after_it() {
        let deadline = START + DAY;
        assert_eq!(next(1, START, START, 0.0, DAY, Some(deadline)), Next::At(deadline));
        let late = deadline + SignedDuration::from_nanos(1);
        assert_eq!(next(1, START, START, 0.0, DAY, Some(late)), Next::At(deadline), "the last one");
        let given_up = Next::GiveUp(DeadReason::MaxAgeReached);
        assert_eq!(next(2, START, deadline, 0.0, DAY, Some(late)), given_up);
    }

    #[test]
    fn who_waits_in_line_has_its_place_by_age_and_is_given_up_for_age_alone() {
        let seconds = SignedDuration::from_secs;
        let wait = |after: SignedDuration, wish| wait_in_line(START, START + seconds(9), START + after, DAY, wish);
        assert_eq!(wait(seconds(60), None), Next::At(START));
        assert_eq!(wait(seconds(60), Some(START - seconds(5))), Next::At(START));
        assert_eq!(wait(seconds(60), Some(START + seconds(90))), Next::At(START + seconds(90)));
        assert_eq!(wait(DAY, Some(START + DAY + DAY)), Next::At(START + DAY + seconds(9)), "the last one");
        assert_eq!(wait(DAY + seconds(9), None), Next::At(START));
        assert_eq!(wait(DAY + seconds(10), None), Next::GiveUp(DeadReason::MaxAgeReached));
    }

    #[test]
    fn retry_after_is_read_in_every_form_the_rfc_allows() {
        let date = Timestamp::constant(784_111_777, 0);
        for (value, expected) in [
            ("0", Some(RetryAfter::Seconds(0))),
            ("120", Some(RetryAfter::Seconds(120))),
            (" 120\t", Some(RetryAfter::Seconds(120))),
            ("99999999999999999999999", Some(RetryAfter::Seconds(u64::MAX))),
            ("-1", Some(RetryAfter::Negative)),
            ("-99999999999999999999999", Some(RetryAfter::Negative)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(RetryAfter::At(date))),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(RetryAfter::At(date))),
            ("Sun Nov  6 08:49:37 1994", Some(RetryAfter::At(date))),
            ("", None),
            ("-", None),
            ("-0", None),
            ("+5", None),
            ("1.5", None),
            ("5 s", None),
            ("soon", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ] {
            assert_eq!(RetryAfter::parse(value), expected, "{value:?}");
        }
    }

    #[test]
    fn an_absurd_retry_after_is_clamped() {
        let wish = RetryAfter::Seconds(u64::MAX).not_before(START);
        assert_eq!(wish, Some(Timestamp::MAX));
        assert_eq!(next(1, START, START, 0.0, DAY, wish), Next::At(START + DAY));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(value in "\\PC*") {
            let _ = RetryAfter::parse(&value);
        }

        #[test]
        fn a_wait_is_within_a_quarter_of_its_nominal_length_and_of_the_cap(
            made in 1_u32..=184, jitter in 0.0..1.0,
        ) {
            let nominal = 2_f64.powi(i32::try_from(made).unwrap() - 1).min(720.0);
            let waited = seconds_until(next(made, START, START, jitter, DAY, None));
            prop_assert!(waited >= nominal * 0.75 && waited <= nominal * 1.25);
            prop_assert!(waited <= MAX_WAIT.as_secs_f64());
        }

        #[test]
        fn the_next_wait_is_never_shorter_for_the_same_luck(made in 1_u32..184) {
            let waited = |made| seconds_until(next(made, START, START, 0.0, DAY, None));
            prop_assert!(waited(made) <= waited(made + 1));
        }

        #[test]
        fn retry_after_only_ever_delays(made in 1_u32..=184, jitter in 0.0..1.0, wish in -100_000_i64..200_000) {
            let wish = START + SignedDuration::from_secs(wish);
            let plain = next(made, START, START, jitter, DAY, None);
            match (plain, next(made, START, START, jitter, DAY, Some(wish))) {
                (Next::At(plain), Next::At(asked)) => {
                    prop_assert!(asked >= plain && asked >= wish.min(START + DAY));
                    prop_assert!(asked == plain || asked == wish || asked == START + DAY);
                }
                (Next::GiveUp(_), Next::GiveUp(reason)) => prop_assert_eq!(reason, DeadReason::MaxAgeReached),
                (plain, asked) => prop_assert!(false, "{plain:?} became {asked:?}"),
            }
        }

        #[test]
        fn a_whole_life_keeps_its_bounds(
            jitters in proptest::collection::vec(0.0..1.0, 200),
            hours in 1_i64..=24,
            wishes in proptest::collection::vec(proptest::option::of(0_i64..7_200), 200),
            attempt_ms in 0_i64..5_000,
        ) {
            let max_age = SignedDuration::from_hours(hours);
            let mut now = START;
            let mut made = 0;
            loop {
                made += 1;
                prop_assert!(made <= MAX_ATTEMPTS);
                prop_assert!(now.duration_since(START) <= max_age);
                let ended = now + SignedDuration::from_millis(attempt_ms);
                let jitter = jitters[made as usize % jitters.len()];
                let wish = wishes[made as usize % wishes.len()]
                    .map(|seconds| ended + SignedDuration::from_secs(seconds));
                match next(made, START, ended, jitter, max_age, wish) {
                    Next::At(at) => {
                        prop_assert!(at > ended);
                        now = at;
                    }
                    Next::GiveUp(_) => break,
                }
            }
        }
    }
}
