//! What parties' contacts were told. Forgotten long after the event that told of it has been consumed for good.

use event_schema::id::PartyId;
use jiff::{SignedDuration, Timestamp};
use marketplace_core::ports::{Contacts, StoreError};
use rusqlite::params;

use crate::{Embedded, rows};

/// How long it is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

impl Contacts for Embedded {
    async fn was_contact_told(&self, party: &PartyId, sequence: u64) -> Result<bool, StoreError> {
        let party = party.clone();
        let told = "SELECT 1 FROM contacts_told WHERE party = ?1 AND sequence = ?2";
        let look = move |connection: &rusqlite::Connection| {
            connection.prepare_cached(told)?.exists(params![party.as_str(), rows::sequence(sequence)])
        };
        self.shared.readers.read(look).await
    }

    async fn record_contact_told(&self, party: &PartyId, sequence: u64, at: Timestamp) -> Result<(), StoreError> {
        let party = party.clone();
        let insert = "INSERT OR IGNORE INTO contacts_told (party, sequence, expires_at) VALUES (?1, ?2, ?3)";
        let expires_at = rows::micros(at.saturating_add(KEPT).unwrap_or(at));
        self.write_bus(move |transaction| {
            let row = params![party.as_str(), rows::sequence(sequence), expires_at];
            transaction.connection.prepare_cached(insert)?.execute(row).map(drop)
        })
        .await
    }
}
