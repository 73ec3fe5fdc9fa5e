//! Turns at tests of endpoints: in memory, since a restart is rarer than a minute.

use std::{
    collections::HashMap,
    sync::{MutexGuard, PoisonError},
};

use event_schema::id::PartyId;
use jiff::Timestamp;
use marketplace_core::{
    endpoint_test::{RecentTests, TestTurn},
    ports::{EndpointTests, StoreError},
};

use crate::Embedded;

/// Parties before those that have had no test lately are forgotten.
const CROWDED: usize = 1_024;

impl EndpointTests for Embedded {
    async fn begin_test(&self, party: &PartyId, now: Timestamp) -> Result<TestTurn, StoreError> {
        let mut tests = self.tests();
        if tests.len() >= CROWDED {
            tests.retain(|_, recent| recent.expire_at() > now);
        }
        Ok(tests.entry(party.clone()).or_default().begin(now))
    }

    async fn end_test(&self, party: &PartyId, began: Timestamp) -> Result<(), StoreError> {
        if let Some(recent) = self.tests().get_mut(party) {
            recent.end(began);
        }
        Ok(())
    }
}

impl Embedded {
    fn tests(&self) -> MutexGuard<'_, HashMap<PartyId, RecentTests>> {
        self.shared.tests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
