//! Requests of the past, of all users, for back-tests of filters.

use event_schema::id::Environment;
use jiff::Timestamp;

use super::{Page, PageQuery, StoreError};
use crate::backtest::PastRequest;

/// A time from one moment on and before another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// The first moment of it.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// Requests by when they were accepted.
pub trait PastRequests: Clone + Send + Sync + 'static {
    /// Requests of an environment that were accepted within the window, newest first. A page may have fewer than asked
    /// for, or none, and not be the last: so much was looked at. What has just been accepted may be missing.
    fn past_requests(
        &self,
        environment: Environment,
        window: Window,
        page: PageQuery,
    ) -> impl Future<Output = Result<Page<PastRequest>, StoreError>> + Send;
}
