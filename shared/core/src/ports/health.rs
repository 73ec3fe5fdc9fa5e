//! How parties' endpoints are.

use std::future::Future;

use event_schema::id::{Environment, PartyId};

use super::StoreError;
use crate::health::Health;

/// What those who push know of endpoints.
pub trait EndpointHealth: Clone + Send + Sync + 'static {
    /// The health of a party's endpoint; that of one that nobody has called yet is a good one.
    fn health(
        &self,
        party: &PartyId,
        environment: Environment,
    ) -> impl Future<Output = Result<Health, StoreError>> + Send;
}
