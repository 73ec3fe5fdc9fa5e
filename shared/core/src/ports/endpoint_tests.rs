//! Turns at having one's endpoint tested, kept by everybody together who makes tests.

use event_schema::id::PartyId;
use jiff::Timestamp;

use super::StoreError;
use crate::endpoint_test::TestTurn;

/// Counts the tests of parties' endpoints, as [`RecentTests`](crate::endpoint_test::RecentTests) says.
pub trait EndpointTests: Clone + Send + Sync + 'static {
    /// Takes a turn, if the party has one now.
    fn begin_test(&self, party: &PartyId, now: Timestamp) -> impl Future<Output = Result<TestTurn, StoreError>> + Send;

    /// The test that began then has ended; others may begin.
    fn end_test(&self, party: &PartyId, began: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;
}
