//! What whoever signs up may say of themselves; every fault is named at once.

use event_schema::id::PartyId;
use http_edge::problem::Problem;
use jiff::Timestamp;
use marketplace_core::{delivery::Secret, party::Party};
use serde::Deserialize;

use crate::third_parties::NewParty;

/// The body of `POST /v1/third-parties/signup`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSignUp {
    id: PartyId,
    name: String,
    contact_email: String,
}

/// The body of `POST /v1/third-parties/confirm`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirmation {
    pub(super) token: Secret,
}

impl NewSignUp {
    /// # Errors
    /// 422 with every field at fault.
    pub(super) fn check(self, now: Timestamp) -> Result<Party, Problem> {
        NewParty { id: self.id, name: self.name, contact_email: self.contact_email, scope: None }.check(now)
    }
}
