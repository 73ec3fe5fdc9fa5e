//! Which parties' certifications are under way, and how whoever goes on with them is woken.

use std::sync::Arc;

use event_schema::id::PartyId;
use marketplace_core::{certification::ENVIRONMENT, party::Party};

use crate::{Embedded, shared::Shared};

/// Whether the party's certification is under way.
fn is_under_way(party: &Party) -> bool {
    party.environment(ENVIRONMENT).certification.as_ref().is_some_and(|run| run.ended.is_none())
}

/// Wakes whoever waits if one of these changes began a certification, or went by while there is one.
pub(crate) fn wake(changed: &[(u64, Arc<Party>)], shared: &Shared) {
    if changed.iter().any(|(_, party)| is_under_way(party)) {
        shared.certifications.notify_one();
    }
}

impl Embedded {
    /// The parties whose certifications are under way.
    #[must_use]
    pub fn certifications(&self) -> Vec<PartyId> {
        let registry = self.shared.registry();
        registry.routing.parties().filter(|party| is_under_way(party)).map(|party| party.id.clone()).collect()
    }

    /// Waits until a certification may have begun since the last call; for one caller.
    pub async fn certification_begun(&self) {
        self.shared.certifications.notified().await;
    }
}
