//! The inboxes of polling parties: a lease is taken on the writer's thread, so no two callers get the same offer.

use std::time::Duration;

use event_schema::{
    id::{DeliveryId, Environment, PartyId},
    words::MessageType,
};
use jiff::Timestamp;
use marketplace_core::{
    fact::{Fact, JournalEntry},
    offer::{INBOX_LIFETIME, Offer},
    ports::{Inbox, LeasedOffer, Page, PageQuery, StoreError, Urgency},
    publish::Happened,
};
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use crate::{
    Embedded,
    requests::{next_cursor, write_journal},
    rows,
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

    async fn waiting(
        &self,
        party: &PartyId,
        environment: Environment,
        page: PageQuery,
    ) -> Result<Page<DeliveryId>, StoreError> {
        let party = party.clone();
        let wanted = page.limit.saturating_add(1);
        let after = page.cursor.as_deref().and_then(place);
        let read = move |connection: &Connection| read_waiting(connection, &party, environment, after, wanted);
        let mut items = self.shared.readers.read(read).await?;
        let next_cursor = next_cursor(&mut items, page.limit, |(at, id)| format!("{at}.{id}"));
        Ok(Page { items: items.into_iter().map(|(_, id)| id).collect(), next_cursor })
    }

    async fn wait(&self, party: &PartyId, environment: Environment, at_most: Duration) {
        let inbox = self.shared.waiters.inbox(party, environment);
        let woken = inbox.notified();
        // It makes no difference whether it was woken or the time was over: the caller looks again.
        let _ = tokio::time::timeout(at_most.min(LOOK_AGAIN), woken).await;
    }
}

/// Where a message lies in the inbox: from when it is available, in microseconds, and whose offer's it is.
type Place = (i64, DeliveryId);

/// The place that a cursor names.
fn place(cursor: &str) -> Option<Place> {
    let (at, id) = cursor.split_once('.')?;
    Some((at.parse().ok()?, id.parse().ok()?))
}

fn read_waiting(
    connection: &Connection,
    party: &PartyId,
    environment: Environment,
    after: Option<Place>,
    wanted: usize,
) -> rusqlite::Result<Vec<Place>> {
    let select = "SELECT available_at, id FROM offers WHERE party = ?1 AND environment = ?2 \
         AND available_at IS NOT NULL AND (available_at, id) > (?3, ?4) ORDER BY available_at, id LIMIT ?5";
    let (at, id) = after.unwrap_or((i64::MIN, DeliveryId([0; 26])));
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(select)?;
    let waiting = statement.query_map(params![party.as_str(), environment as i64, at, id.0, wanted], |row| {
        Ok((row.get(0)?, DeliveryId(row.get(1)?)))
    })?;
    waiting.collect()
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
            let read = (!message.leased).then_some(message.kind);
            message.lease(self.until);
            offer.told = true;
            offer.changed_at = Some(self.now);
            if let Some(kind) = read {
                self.tell(transaction, &offer, kind)?;
            }
            rows::write_offer(transaction.connection, &offer, self.now)?;
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
    /// That the party has read a message.
    fn tell(&self, transaction: &mut Transaction<'_>, offer: &Offer, kind: MessageType) -> rusqlite::Result<()> {
        let entry = JournalEntry {
            sequence: transaction.next_sequence(),
            request: Some(offer.delivery_id.request()),
            at: self.now,
            cause: None,
            fact: Fact::leased(offer, kind),
        };
        write_journal(transaction, Happened { entry, request: None, detail: None })
    }

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
