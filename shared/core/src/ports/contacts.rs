//! What parties' contacts were told by e-mail.

use event_schema::id::PartyId;
use jiff::Timestamp;

use super::StoreError;

/// Keeps what contacts were told, so that nobody is told twice; for at least 30 days.
pub trait Contacts: Clone + Send + Sync + 'static {
    /// Whether the contact was told of the change to the party that has this sequence in its journal.
    fn was_contact_told(&self, party: &PartyId, sequence: u64)
    -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The contact was told of it; twice is once.
    fn record_contact_told(
        &self,
        party: &PartyId,
        sequence: u64,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
