//! What parties' contacts were told: a row in the party's partition, which expires long after its event can come again.

use event_schema::id::PartyId;
use jiff::{SignedDuration, Timestamp};
use marketplace_core::ports::{Contacts, StoreError};

use crate::{
    Aws,
    item::{Item, Key, number_text},
    requests::journal::party_pk,
};

/// How long it is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

impl Contacts for Aws {
    async fn was_contact_told(&self, party: &PartyId, sequence: u64) -> Result<bool, StoreError> {
        Ok(self.table.get(&key(party, sequence)).await?.is_some())
    }

    async fn record_contact_told(&self, party: &PartyId, sequence: u64, at: Timestamp) -> Result<(), StoreError> {
        let expires = at.saturating_add(KEPT).unwrap_or(at);
        let told = Item::new(&key(party, sequence)).expiring(expires);
        Ok(self.table.put(told, None).await?)
    }
}

fn key(party: &PartyId, sequence: u64) -> Key {
    Key::new(party_pk(party), format!("TOLD#{}", number_text(sequence)))
}
