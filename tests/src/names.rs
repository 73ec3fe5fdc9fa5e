//! Names that nothing else in this process has.

use std::{
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

/// A name that begins like this and that nobody else gets: `books` becomes `books-7`.
#[must_use]
pub fn unique(beginning: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("{beginning}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A phone number that nobody else gets; hardly anybody in another process, either, who may share a stack with this one.
#[must_use]
pub fn phone_number() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("+1555{:06}{:03}", process::id() % 1_000_000, NEXT.fetch_add(1, Ordering::Relaxed) % 1_000)
}
