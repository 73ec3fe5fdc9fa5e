//! Which parties' certifications are under way, and how whoever goes on with them is woken.

use std::sync::Arc;

use event_schema::id::PartyId;
use marketplace_core::{certification::under_way, party::Party};

use crate::{Embedded, shared::Shared};

/// Wakes whoever waits if one of these changes began a certification, or went by while there is one.
pub(crate) fn wake(changed: &[(u64, Arc<Party>)], shared: &Shared) {
    if changed.iter().any(|(_, party)| under_way(party).is_some()) {
        shared.certifications.notify_one();
    }
}

impl Embedded {
    /// The parties whose certifications are under way.
    #[must_use]
    pub fn certifications(&self) -> Vec<PartyId> {
        let registry = self.shared.registry();
        registry.routing.parties().filter(|party| under_way(party).is_some()).map(|party| party.id.clone()).collect()
    }

    /// Waits until a certification may have begun since the last call; for one caller.
    pub async fn certification_begun(&self) {
        self.shared.certifications.notified().await;
    }
}
