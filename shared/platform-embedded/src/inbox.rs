//! The inboxes of polling parties: a lease is taken on the writer's thread, so no two callers get the same offer.

use std::time::Duration;

use event_schema::id::{Environment, PartyId};
use jiff::Timestamp;
use marketplace_core::{
    offer::{INBOX_LIFETIME, Offer},
    ports::{Inbox, LeasedOffer, StoreError, Urgency},
};
use rusqlite::params;
use tokio::sync::oneshot;

use crate::{
    Embedded, rows,
    writer::{Job, Transaction},
};

/// Longest that a waiter sleeps without looking: leases that end wake nobody.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl Inbox for Embedded {
    async fn lease(
        &self,
        party: &PartyId,
        environment: Environment,
        max: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<LeasedOffer>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job = Lease { party: party.clone(), environment, max, now, until, leased: vec![], answer };
        self.writer.queue(Box::new(job), Urgency::Caller).await?;
        answered.await.map_err(|_| StoreError::Unavailable("the store is closed"))?
    }

    async fn wait(&self, party: &PartyId, environment: Environment, at_most: Duration) {
        let inbox = self.shared.waiters.inbox(party, environment);
        let woken = inbox.notified();
        // It makes no difference whether it was woken or the time was over: the caller looks again.
        let _ = tokio::time::timeout(at_most.min(LOOK_AGAIN), woken).await;
    }
}

struct Lease {
    party: PartyId,
    environment: Environment,
    max: usize,
    now: Timestamp,
    until: Timestamp,
    leased: Vec<LeasedOffer>,
    answer: oneshot::Sender<Result<Vec<LeasedOffer>, StoreError>>,
}

impl Job for Lease {
    fn run(&mut self, transaction: &mut Transaction<'_>) -> rusqlite::Result<()> {
        self.leased.clear();
        for mut offer in self.available(transaction)? {
            let Some(message) = offer.message.as_mut() else {
                continue;
            };
            message.lease(self.until);
            offer.told = true;
            rows::write_offer(transaction.connection, &offer)?;
            // What this commit was about to push is leased now.
            transaction.effects.due.remove(&offer.delivery_id);
            if let Some(detail) = transaction.body(offer.delivery_id.request())? {
                self.leased.push(LeasedOffer { offer, detail });
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, committed: Result<(), StoreError>) {
        let leased = std::mem::take(&mut self.leased);
        // A caller that has gone away leaves leases behind that end by themselves.
        let _ = self.answer.send(committed.map(|()| leased));
    }
}

impl Lease {
    fn available(&self, transaction: &Transaction<'_>) -> rusqlite::Result<Vec<Offer>> {
        let select = format!(
            "SELECT {} FROM offers WHERE party = ?1 AND environment = ?2 AND available_at <= ?3 ORDER BY available_at",
            rows::OFFER
        );
        let mut statement = transaction.connection.prepare_cached(&select)?;
        let place = params![self.party.as_str(), self.environment as i64, rows::micros(self.now)];
        let mut available = Vec::new();
        for offer in statement.query_map(place, rows::offer)? {
            if available.len() == self.max {
                break;
            }
            let offer = offer?;
            let fresh = self.now.duration_since(offer.created_at) < INBOX_LIFETIME;
            if fresh && !transaction.shared.queues.holds(offer.delivery_id) {
                available.push(offer);
            }
        }
        Ok(available)
    }
}
