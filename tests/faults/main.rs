//! What must hold when things break: processes killed while they work.
#![expect(clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

mod flapping;
mod kill;
mod load;
