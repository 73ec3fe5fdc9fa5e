//! A worker takes what is due in the database into its hands, between two other changes and never beside them.

use std::sync::Arc;

use event_schema::id::{DeliveryId, Environment, PartyId};
use jiff::Timestamp;
use marketplace_core::ports::{StoreError, Urgency};
use rusqlite::params;
use tokio::sync::oneshot;

use super::queues::Due;
use crate::{
    Embedded, rows,
    shared::Shared,
    writer::{Job, Transaction},
};

/// What a worker got.
#[derive(Default)]
pub(crate) struct Claimed {
    /// Due now, and in this worker's hands.
    pub(crate) due: Vec<Due>,
    /// Whether more may be due.
    pub(crate) more: bool,
    /// When the next one is due.
    pub(crate) next_due: Option<Timestamp>,
}

struct ClaimDue {
    party: PartyId,
    environment: Environment,
    most: usize,
    now: Timestamp,
    claimed: Claimed,
    shared: Arc<Shared>,
    answer: oneshot::Sender<Result<Claimed, StoreError>>,
}

impl Embedded {
    /// Claims up to `most` pushes of a party environment that are due, oldest first.
    pub(crate) async fn claim_due(
        &self,
        party: &PartyId,
        environment: Environment,
        most: usize,
        now: Timestamp,
    ) -> Result<Claimed, StoreError> {
        let (answer, answered) = oneshot::channel();
        let claimed = Claimed::default();
        let job =
            ClaimDue { party: party.clone(), environment, most, now, claimed, shared: self.shared.clone(), answer };
        self.writer.queue(Box::new(job), Urgency::Ours).await?;
        answered.await.map_err(|_| StoreError::Unavailable("the store is closed"))?
    }
}

impl Job for ClaimDue {
    fn run(&mut self, transaction: &mut Transaction<'_>) -> rusqlite::Result<()> {
        self.give_up();
        // Those in flight are still due in the database, so look far enough to see past them.
        let look = self.most + transaction.shared.queues.held();
        let due = format!(
            "SELECT {} FROM offers WHERE party = ?1 AND environment = ?2 AND next_attempt_at <= ?3 \
             ORDER BY next_attempt_at LIMIT ?4",
            rows::OFFER
        );
        let mut statement = transaction.connection.prepare_cached(&due)?;
        let place = (self.party.as_str(), self.environment as i64);
        let now = rows::micros(self.now);
        let limit = i64::try_from(look).unwrap_or(i64::MAX);
        let found = statement.query_map(params![place.0, place.1, now, limit], rows::offer)?;
        let mut due = Vec::new();
        for offer in found {
            if due.len() == self.most {
                break;
            }
            let offer = offer?;
            if !transaction.shared.queues.holds(offer.delivery_id)
                && let Some(detail) = transaction.body(offer.delivery_id.request())?
            {
                due.push(Due { offer, detail });
            }
        }
        self.claimed.more = due.len() == self.most;
        self.claimed.due = due;
        let next: Option<i64> = transaction
            .connection
            .prepare_cached(
                "SELECT min(next_attempt_at) FROM offers WHERE party = ?1 AND environment = ?2 AND next_attempt_at > ?3",
            )?
            .query_row(params![place.0, place.1, now], |row| row.get(0))?;
        self.claimed.next_due = next.map(|micros| rows::time(0, micros)).transpose()?;
        // Held from here on: a later job of the same batch must see it.
        self.claimed.due = transaction.shared.queues.hold(std::mem::take(&mut self.claimed.due));
        Ok(())
    }

    fn finish(mut self: Box<Self>, committed: Result<(), StoreError>) {
        if let Err(error) = committed {
            self.give_up();
            let _ = self.answer.send(Err(error));
            return;
        }
        let claimed = std::mem::take(&mut self.claimed);
        if let Err(Ok(unclaimed)) = self.answer.send(Ok(claimed)) {
            // The worker has gone meanwhile.
            self.shared.queues.settle(&ids(&unclaimed.due));
        }
    }
}

impl ClaimDue {
    /// Undoes what an earlier run, since rolled back, has claimed.
    fn give_up(&mut self) {
        self.shared.queues.settle(&ids(&self.claimed.due));
        self.claimed = Claimed::default();
    }
}

fn ids(due: &[Due]) -> Vec<DeliveryId> {
    due.iter().map(|due| due.offer.delivery_id).collect()
}
