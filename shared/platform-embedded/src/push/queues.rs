//! What the push workers have in their hands: one queue per party environment, fed straight from commits.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use event_schema::id::{DeliveryId, Environment, PartyId};
use marketplace_core::{delivery::DeliverySettings, health::Health, offer::Offer, party::Party};
use tokio::sync::{Notify, mpsc};

use crate::shared::Shared;

/// Most pushes of one party environment held in memory; what is beyond waits in the database.
const MOST_HELD: usize = 256;

/// A push that is due, with what its message is made of.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    /// The offer, its message due.
    pub(crate) offer: Offer,
    /// The request event's `detail`, JSON text.
    pub(crate) detail: Arc<str>,
}

/// The queue of one party environment.
pub(crate) struct Queue {
    /// Whose.
    pub(crate) party: PartyId,
    /// Where.
    pub(crate) environment: Environment,
    items: Mutex<VecDeque<Due>>,
    /// Whether messages wait in the database for the endpoint to work again; changed with the items locked.
    shut: AtomicBool,
    health: Mutex<Health>,
    /// Whether more may be due in the database than is held here.
    pub(crate) backlog: AtomicBool,
    /// Told when something came in or the party's settings changed.
    pub(crate) changed: Notify,
}

impl Queue {
    /// The next push.
    pub(crate) fn pop(&self) -> Option<Due> {
        lock(&self.items).pop_front()
    }

    /// Appends what a worker claimed.
    pub(crate) fn extend(&self, due: Vec<Due>) {
        lock(&self.items).extend(due);
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.items).is_empty()
    }

    /// The endpoint's health.
    pub(crate) fn health(&self) -> MutexGuard<'_, Health> {
        lock(&self.health)
    }

    /// From now on nothing is put in but what the worker claims.
    pub(crate) fn shut(&self) {
        let _items = lock(&self.items);
        self.shut.store(true, Ordering::Release);
    }

    /// From now on messages are put in as they fall due.
    pub(crate) fn open(&self) {
        if self.shut.load(Ordering::Acquire) {
            let _items = lock(&self.items);
            self.shut.store(false, Ordering::Release);
        }
    }

    /// Takes everything out, to be given back.
    pub(crate) fn clear(&self) -> Vec<DeliveryId> {
        lock(&self.items).drain(..).map(|due| due.offer.delivery_id).collect()
    }
}

type ByParty = HashMap<(PartyId, Environment), Arc<Queue>>;

/// All queues, and every offer that is in a queue or on the wire.
#[derive(Default)]
pub(crate) struct Queues {
    queues: Mutex<ByParty>,
    held: Mutex<HashSet<DeliveryId>>,
    workers: Mutex<Option<mpsc::UnboundedSender<Arc<Queue>>>>,
}

impl Queues {
    /// From now on a worker is asked for, through this channel, for every queue that comes to be.
    pub(crate) fn start(&self, workers: mpsc::UnboundedSender<Arc<Queue>>) {
        // No worker runs yet, so nothing can be in any worker's hands.
        lock(&self.held).clear();
        *lock(&self.workers) = Some(workers);
    }

    /// No new work is taken from now on.
    pub(crate) fn stop(&self) {
        *lock(&self.workers) = None;
        for (_, queue) in lock(&self.queues).drain() {
            queue.changed.notify_one();
        }
    }

    /// Whether a push of this offer is in a worker's hands.
    pub(crate) fn holds(&self, delivery: DeliveryId) -> bool {
        lock(&self.held).contains(&delivery)
    }

    /// Puts due pushes into their queues; answers the inboxes of those that are not pushed now.
    pub(crate) fn offer(
        &self,
        due: impl ExactSizeIterator<Item = Due>,
        shared: &Shared,
    ) -> Vec<(PartyId, Environment)> {
        let mut not_pushed = Vec::new();
        if due.len() == 0 {
            return not_pushed;
        }
        let registry = shared.registry();
        for due in due {
            let (party, environment) = (due.offer.party.clone(), due.offer.environment);
            let pushed = registry
                .routing
                .party(&party)
                .is_some_and(|party| party.takes_pushes(environment) && is_pushed_to(party, environment));
            let queue = pushed.then(|| self.queue(&party, environment)).flatten();
            if !queue.is_some_and(|queue| self.put(&queue, due)) {
                not_pushed.push((party, environment));
            }
        }
        not_pushed
    }

    /// Puts it into the queue, or leaves it in the database for the queue's worker; false when it waits there for the
    /// endpoint to work again, and the inbox may have it.
    fn put(&self, queue: &Queue, due: Due) -> bool {
        let mut items = lock(&queue.items);
        let open = !queue.shut.load(Ordering::Acquire);
        if open && items.len() < MOST_HELD {
            // Held already: it is being pushed this very moment. Its worker hears, when that is recorded, when the
            // next push of it is due.
            if lock(&self.held).insert(due.offer.delivery_id) {
                items.push_back(due);
            }
        } else {
            queue.backlog.store(true, Ordering::Release);
        }
        drop(items);
        queue.changed.notify_one();
        open
    }

    /// Claims what was found due in the database; answers what nobody holds yet.
    pub(crate) fn hold(&self, due: Vec<Due>) -> Vec<Due> {
        let mut held = lock(&self.held);
        due.into_iter().filter(|due| held.insert(due.offer.delivery_id)).collect()
    }

    /// How many pushes are held in all.
    pub(crate) fn held(&self) -> usize {
        lock(&self.held).len()
    }

    /// Lets go of pushes that were recorded or given back.
    pub(crate) fn settle(&self, settled: &[DeliveryId]) {
        if !settled.is_empty() {
            let mut held = lock(&self.held);
            settled.iter().for_each(|delivery| {
                held.remove(delivery);
            });
        }
    }

    /// Has a party environment's worker look at its settings and at the database.
    pub(crate) fn touch(&self, party: &PartyId, environment: Environment) {
        if let Some(queue) = self.queue(party, environment) {
            queue.backlog.store(true, Ordering::Release);
            queue.changed.notify_one();
        }
    }

    /// Has the worker of a party environment, if it has or needs one, look at its new settings.
    pub(crate) fn settings_changed(&self, party: &Party, environment: Environment) {
        let known = lock(&self.queues).contains_key(&(party.id.clone(), environment));
        if known || is_pushed_to(party, environment) {
            self.touch(&party.id, environment);
        }
    }

    /// The health of a party environment's endpoint; that of one that has no worker yet is a good one.
    pub(crate) fn health(&self, party: &PartyId, environment: Environment) -> Health {
        let queue = lock(&self.queues).get(&(party.clone(), environment)).cloned();
        queue.map(|queue| queue.health().clone()).unwrap_or_default()
    }

    /// The queue of a party environment, with a worker; none when no workers run.
    fn queue(&self, party: &PartyId, environment: Environment) -> Option<Arc<Queue>> {
        let workers = lock(&self.workers);
        let workers = workers.as_ref()?;
        let mut queues = lock(&self.queues);
        let key = (party.clone(), environment);
        if let Some(queue) = queues.get(&key) {
            return Some(queue.clone());
        }
        let queue = Arc::new(Queue {
            party: party.clone(),
            environment,
            items: Mutex::default(),
            shut: AtomicBool::new(false),
            health: Mutex::default(),
            backlog: AtomicBool::new(true),
            changed: Notify::new(),
        });
        queues.insert(key, queue.clone());
        workers.send(queue.clone()).ok()?;
        Some(queue)
    }
}

/// Whether messages are pushed there, or wait in the inbox.
pub(crate) fn is_pushed_to(party: &Party, environment: Environment) -> bool {
    matches!(party.environment(environment).delivery, DeliverySettings::Push(_))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use event_schema::id::RequestId;
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    const PROD: Environment = Environment::Prod;

    fn due(number: u128) -> Due {
        let party = "books".parse().unwrap();
        let offer = Offer::new(RequestId(Uuid::from_u128(number)), party, PROD, 1, Timestamp::UNIX_EPOCH);
        Due { offer, detail: "{}".into() }
    }

    fn started() -> (Queues, Arc<Queue>, mpsc::UnboundedReceiver<Arc<Queue>>) {
        let queues = Queues::default();
        let (asked, mut asks) = mpsc::unbounded_channel();
        queues.start(asked);
        queues.touch(&"books".parse().unwrap(), PROD);
        let queue = asks.try_recv().unwrap();
        (queues, queue, asks)
    }

    #[test]
    fn each_queue_asks_for_one_worker() {
        let (queues, queue, mut asks) = started();
        queues.touch(&queue.party, PROD);
        assert!(asks.try_recv().is_err(), "it has one");
        queues.touch(&queue.party, Environment::Test);
        assert_eq!(asks.try_recv().unwrap().environment, Environment::Test);
        queues.stop();
        queues.touch(&queue.party, Environment::Dev);
        assert!(asks.try_recv().is_err(), "no worker after the end");
        assert!(asks.is_closed());
    }

    #[test]
    fn workers_that_are_started_again_are_asked_for_again() {
        let (queues, queue, _) = started();
        queues.put(&queue, due(1));
        queues.stop();
        let (asked, mut asks) = mpsc::unbounded_channel();
        queues.start(asked);
        assert!(!queues.holds(due(1).offer.delivery_id), "what the old ones held is in nobody's hands");
        queues.touch(&queue.party, PROD);
        assert!(!Arc::ptr_eq(&asks.try_recv().unwrap(), &queue));
    }

    #[test]
    fn an_offer_is_in_one_pair_of_hands() {
        let (queues, queue, _asks) = started();
        queues.put(&queue, due(1));
        queues.put(&queue, due(1));
        assert_eq!(queues.held(), 1);
        assert!(queues.hold(vec![due(1)]).is_empty(), "a queue has it");
        assert_eq!(queues.hold(vec![due(2), due(2)]).len(), 1);
        queues.put(&queue, due(2));
        let popped: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|due| due.offer.delivery_id).collect();
        assert_eq!(popped, [due(1).offer.delivery_id], "a worker has the other");
        assert!(queues.holds(due(1).offer.delivery_id), "on the wire is still in hand");
        queues.settle(&popped);
        assert!(!queues.holds(due(1).offer.delivery_id));
        queues.put(&queue, due(1));
        assert!(queue.pop().is_some(), "and can be taken again");
    }

    #[test]
    fn what_falls_due_while_the_queue_is_shut_is_left_to_the_inbox() {
        let (queues, queue, _asks) = started();
        queue.backlog.store(false, Ordering::Release);
        queue.shut();
        assert!(!queues.put(&queue, due(1)));
        assert!(queue.is_empty() && !queues.holds(due(1).offer.delivery_id));
        assert!(queue.backlog.load(Ordering::Acquire), "the worker looks there later");
        queue.open();
        assert!(queues.put(&queue, due(1)));
    }

    #[test]
    fn what_is_too_much_for_memory_is_left_in_the_database() {
        let (queues, queue, _asks) = started();
        queue.backlog.store(false, Ordering::Release);
        for number in 0..MOST_HELD as u128 {
            queues.put(&queue, due(number));
        }
        assert!(!queue.backlog.load(Ordering::Acquire));
        queues.put(&queue, due(9_999));
        assert!(queue.backlog.load(Ordering::Acquire), "the worker looks there later");
        assert!(!queues.holds(due(9_999).offer.delivery_id));
        assert_eq!(queue.clear().len(), MOST_HELD);
        assert!(queue.is_empty());
    }
}
