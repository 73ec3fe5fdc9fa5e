//! What the parts of the platform share: the registry in memory, the journal's tail, queues and waiters.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use event_schema::id::{Environment, PartyId};
use marketplace_core::{endpoint_test::RecentTests, offer::Offer, party::ApiKey, routing::RoutingTable};
use platform_base::vault::Vault;
use tokio::sync::Notify;

use crate::{
    alarms::Alarm,
    push::queues::{Queues, is_pushed_to},
    readers::Readers,
    rows,
    sign_ups::Turns,
    tail::Tail,
};

/// Parties and keys, as they are in the database; changed only after a commit, by the writer.
#[derive(Default)]
pub(crate) struct Registry {
    /// Parties and their filters.
    pub(crate) routing: RoutingTable,
    /// Keys that were not revoked, by their hash.
    pub(crate) keys: HashMap<[u8; 32], Arc<ApiKey>>,
}

/// See the module.
pub(crate) struct Shared {
    /// Parties and keys.
    pub(crate) registry: RwLock<Registry>,
    /// Connections that only read.
    pub(crate) readers: Readers,
    /// The newest journal rows.
    pub(crate) tail: Tail,
    /// What the push workers have in their hands.
    pub(crate) queues: Queues,
    /// Who waits for an inbox.
    pub(crate) waiters: Waiters,
    /// Who files rows by party.
    pub(crate) filing: tokio::sync::Mutex<()>,
    /// When the next offer's clock has something due.
    pub(crate) alarm: Alarm,
    /// Somebody has started a replay.
    pub(crate) replay_started: Notify,
    /// Wakes whoever goes on with certifications.
    pub(crate) certifications: Notify,
    /// Idempotency keys whose first POST is still running.
    pub(crate) running: Mutex<HashSet<[u8; 32]>>,
    /// Which parties have had their endpoints tested lately.
    pub(crate) tests: Mutex<HashMap<PartyId, RecentTests>>,
    /// Who signed up lately.
    pub(crate) sign_ups: Turns,
    /// The time of the newest change when the store was opened, in microseconds.
    pub(crate) opened_after: i64,
    /// Encrypts stored credentials.
    pub(crate) vault: Vault,
    /// Keeps other processes out until the last user, the writer too, is gone.
    pub(crate) _lock: File,
}

impl Shared {
    /// The registry, to read. A lock is never held across an await, so a poisoned one holds a whole value.
    pub(crate) fn registry(&self) -> RwLockReadGuard<'_, Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the offer's party may have seen it, though nothing is recorded: it is being pushed now, or it was due
    /// when the process ended before, and nobody knows what was on the wire then.
    pub(crate) fn may_be_known(&self, offer: &Offer) -> bool {
        let was_due = || {
            let due = offer.message.as_ref().is_some_and(|message| message.next_attempt_at.is_some());
            let registry = self.registry();
            let party = registry.routing.party(&offer.party);
            due && party.is_some_and(|party| is_pushed_to(party, offer.environment))
        };
        self.queues.holds(offer.delivery_id) || (rows::micros(offer.created_at) <= self.opened_after && was_due())
    }

    /// The registry, to change.
    pub(crate) fn registry_mut(&self) -> RwLockWriteGuard<'_, Registry> {
        self.registry.write().unwrap_or_else(PoisonError::into_inner)
    }
}

type Inboxes = HashMap<(PartyId, Environment), Arc<Notify>>;

/// Callers that wait for something to come into an inbox.
#[derive(Default)]
pub(crate) struct Waiters {
    inboxes: Mutex<Inboxes>,
}

impl Waiters {
    /// What to wait on for this inbox.
    pub(crate) fn inbox(&self, party: &PartyId, environment: Environment) -> Arc<Notify> {
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        inboxes.entry((party.clone(), environment)).or_default().clone()
    }

    /// Wakes everybody who waits for this inbox.
    pub(crate) fn wake(&self, party: &PartyId, environment: Environment) {
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (party.clone(), environment);
        let Some(waiting) = inboxes.get(&key) else {
            return;
        };
        waiting.notify_waiters();
        // Nobody but the map holds it: the last waiter has gone.
        if Arc::strong_count(waiting) == 1 {
            inboxes.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, poll};

    use super::*;

    const PROD: Environment = Environment::Prod;

    #[tokio::test]
    async fn everybody_who_waits_for_an_inbox_is_woken_and_nobody_else() {
        let waiters = Waiters::default();
        let (books, pens): (PartyId, PartyId) = ("books".parse().unwrap(), "pens".parse().unwrap());
        let inboxes = [waiters.inbox(&books, PROD), waiters.inbox(&books, PROD)];
        let others = [waiters.inbox(&pens, PROD), waiters.inbox(&books, Environment::Test)];
        let mut woken: Vec<_> = inboxes.iter().map(|inbox| Box::pin(inbox.notified())).collect();
        let mut asleep: Vec<_> = others.iter().map(|inbox| Box::pin(inbox.notified())).collect();
        for waiting in woken.iter_mut().chain(&mut asleep) {
            assert!(poll!(waiting).is_pending());
        }
        waiters.wake(&books, PROD);
        for waiting in woken {
            assert!(waiting.now_or_never().is_some());
        }
        for waiting in asleep {
            assert!(waiting.now_or_never().is_none());
        }
    }

    #[test]
    fn an_inbox_that_nobody_waits_for_any_more_is_forgotten() {
        let waiters = Waiters::default();
        let books: PartyId = "books".parse().unwrap();
        waiters.wake(&books, PROD);
        let waiting = waiters.inbox(&books, PROD);
        waiters.wake(&books, PROD);
        assert_eq!(waiters.inboxes.lock().unwrap().len(), 1, "somebody waits");
        drop(waiting);
        waiters.wake(&books, PROD);
        assert!(waiters.inboxes.lock().unwrap().is_empty());
    }
}
