//! Third parties with their settings and keys.

use std::sync::Arc;

use event_schema::id::PartyId;
use jiff::Timestamp;

use super::{Page, PageQuery, Remember, StoreError};
use crate::{
    party::{ApiKey, Party, PartyCommand},
    routing::RoutingTable,
};

/// Third parties, their settings and keys.
pub trait PartyStore: Clone + Send + Sync + 'static {
    /// Lets the command decide and writes what it decided, with a journal row that says who did it. When it
    /// answers, the change is durable and in force for every request accepted from now on.
    fn apply_to_party(
        &self,
        id: PartyId,
        command: PartyCommand,
        by: String,
        at: Timestamp,
        remember: Option<Remember<Party>>,
    ) -> impl Future<Output = Result<Party, StoreError>> + Send;

    /// One party.
    fn party(&self, id: &PartyId) -> impl Future<Output = Result<Option<Arc<Party>>, StoreError>> + Send;

    /// All parties, newest first.
    fn parties(&self, page: PageQuery) -> impl Future<Output = Result<Page<Arc<Party>>, StoreError>> + Send;

    /// The key with this hash, unless it was revoked.
    fn key(&self, hash: [u8; 32]) -> impl Future<Output = Result<Option<Arc<ApiKey>>, StoreError>> + Send;

    /// A party's keys in every environment, in no order, those that have expired too.
    fn keys(&self, party: &PartyId) -> impl Future<Output = Result<Vec<ApiKey>, StoreError>> + Send;

    /// Has it recorded that a key was used now. Need not be durable when it answers; done twice is done once, and for a
    /// key that was revoked meanwhile it is nothing.
    fn record_key_use(&self, key: &ApiKey, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Calls back with the routing table as it is now: at least as new as every change that was answered.
    fn with_routing<T: Send>(
        &self,
        read: impl FnOnce(&RoutingTable) -> T + Send,
    ) -> impl Future<Output = Result<T, StoreError>> + Send;
}
