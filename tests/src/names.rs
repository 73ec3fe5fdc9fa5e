//! Names that nothing else in this process has.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A name that begins like this and that nobody else gets: `books` becomes `books-7`.
#[must_use]
pub fn unique(beginning: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("{beginning}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
