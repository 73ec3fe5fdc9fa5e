//! Waiting for a condition, for a bounded time: what tests do instead of sleeping.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

/// How long a condition may take to come true; far longer than it ever should, for machines that are busy.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_millis(40);

/// Looks again and again until there is something to see, and answers that.
///
/// # Panics
/// When there is nothing to see for [`PATIENCE`]; `what` says what was waited for.
pub async fn eventually<T>(what: impl Display, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(started.elapsed() < PATIENCE, "still not after {PATIENCE:?}: {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
