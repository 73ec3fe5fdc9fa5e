//! What the operating system knows and `core` must not ask it: the time, and randomness.

use jiff::Timestamp;
use uuid::Uuid;

/// What time it is.
pub trait Clock: Send + Sync + 'static {
    /// Now, in microseconds.
    fn now(&self) -> Timestamp;
}

/// Randomness from the operating system.
pub trait Randomness: Send + Sync + 'static {
    /// 256 random bits.
    fn secret(&self) -> [u8; 32];

    /// A version 7 UUID for this time (RFC 9562).
    fn uuid(&self, now: Timestamp) -> Uuid;

    /// A number in `[0, 1)`, for jitter; need not be unpredictable.
    fn fraction(&self) -> f64;
}
