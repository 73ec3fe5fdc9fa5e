//! Real time, for what tests send and compare with what the gateway says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the gateway under test reads the real time, too")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// Seconds since 1970.
///
/// # Panics
/// Before 1970.
#[must_use]
pub fn seconds_since_1970() -> u64 {
    now().duration_since(UNIX_EPOCH).expect("it is later than that").as_secs()
}

/// The time this much from now as an HTTP-date (RFC 9110 section 5.6.7), to the second below.
///
/// # Panics
/// Never: every time of this century can be written so.
#[must_use]
pub fn http_date(from_now: Duration) -> String {
    let seconds = (seconds_since_1970() + from_now.as_secs()).cast_signed();
    let time = jiff::Timestamp::from_second(seconds).expect("a time of this century");
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
