//! Turns at tests of endpoints: a row for each party that has had one lately, which expires when nothing in it counts.

use event_schema::id::PartyId;
use jiff::Timestamp;
use marketplace_core::{
    endpoint_test::{RecentTests, TestTurn},
    ports::{EndpointTests, StoreError},
};

use crate::{
    Aws,
    item::{Item, Key, REVISION},
    table::{Condition, TableError, Write},
};

impl EndpointTests for Aws {
    async fn begin_test(&self, party: &PartyId, now: Timestamp) -> Result<TestTurn, StoreError> {
        self.change_tests(party, |tests| tests.begin(now)).await
    }

    async fn end_test(&self, party: &PartyId, began: Timestamp) -> Result<(), StoreError> {
        self.change_tests(party, |tests| tests.end(began)).await
    }
}

impl Aws {
    /// Changes what is known of a party's tests, and again when somebody else was first.
    async fn change_tests<T>(&self, party: &PartyId, change: impl Fn(&mut RecentTests) -> T) -> Result<T, StoreError> {
        let key = Key::new(format!("TESTS#{party}"), "META");
        let mut patience = self.table.patience();
        loop {
            let read = self.table.get(&key).await?;
            let before: RecentTests =
                read.as_ref().map(Item::get_document).transpose().map_err(TableError::from)?.unwrap_or_default();
            let mut tests = before.clone();
            let changed = change(&mut tests);
            if tests == before {
                return Ok(changed);
            }
            let revision = read.as_ref().map(Item::revision).transpose().map_err(TableError::from)?;
            let item = Item::new(&key).number(REVISION, revision.unwrap_or(0) + 1).expiring(tests.expire_at());
            let item = item.document(&tests).map_err(TableError::from)?;
            match self.table.write(vec![Write::put(item).when(Condition::unchanged(revision))]).await {
                Ok(()) => return Ok(changed),
                Err(TableError::Conflict { .. }) if patience.again().await => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
