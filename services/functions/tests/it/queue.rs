//! The doorbell's queue as SQS is: it holds rings back by whole seconds, is late, and hands them out in batches.

use std::collections::BTreeMap;

use functions::push::{self, Deps};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use marketplace_core::ports::{Clock as _, Push};

use crate::{
    payload::{failed, sqs},
    world::World,
};

const BATCH: &str = "AmazonSQS.SendMessageBatch";

/// Most rings of one batch.
const MOST: usize = 10;

/// See the module.
pub(crate) struct Queue<'a> {
    world: &'a World,
    /// Rings by when they come, and in the order in which they were sent.
    rings: BTreeMap<(Timestamp, usize), String>,
    sent: usize,
    calls: usize,
}

impl<'a> Queue<'a> {
    /// Of this world, with these rings in it.
    pub(crate) fn new(world: &'a World, rings: impl IntoIterator<Item = String>) -> Self {
        let mut queue = Self { world, rings: BTreeMap::new(), sent: 0, calls: world.cloud.calls(BATCH).len() };
        rings.into_iter().for_each(|ring| queue.add(ring));
        queue
    }

    /// One more comes, at once.
    pub(crate) fn add(&mut self, ring: String) {
        self.add_later(ring, SignedDuration::ZERO);
    }

    /// Whatever is in it is lost.
    pub(crate) fn lose(&mut self) {
        self.collect();
        self.rings.clear();
    }

    fn add_later(&mut self, ring: String, delay: SignedDuration) {
        // From nothing to three tenths of a second late, and never the same twice.
        let late = SignedDuration::from_millis(self.sent as i64 * 71 % 300);
        let late = if delay.is_zero() { delay } else { late };
        self.rings.insert((self.world.clock.now() + delay + late, self.sent), ring);
        self.sent += 1;
    }

    /// Takes in what was rung since.
    fn collect(&mut self) {
        let calls = self.world.cloud.calls(BATCH);
        for call in &calls[self.calls..] {
            for entry in call["Entries"].as_array().unwrap() {
                let delay = SignedDuration::from_secs(entry["DelaySeconds"].as_i64().unwrap());
                self.add_later(entry["MessageBody"].as_str().unwrap().to_owned(), delay);
            }
        }
        self.calls = calls.len();
    }

    /// Lets the time pass until the next rings come, and hands them to several senders at once; false when there are
    /// none.
    pub(crate) async fn pass<P: Push>(&mut self, senders: &[Deps<P>]) -> bool {
        self.collect();
        let Some(((at, _), _)) = self.rings.first_key_value() else {
            return false;
        };
        self.world.clock.pass_until(*at);
        let later = self.rings.split_off(&(self.world.clock.now(), usize::MAX));
        let now: Vec<String> = std::mem::replace(&mut self.rings, later).into_values().collect();
        for batches in now.chunks(MOST * senders.len()) {
            let handled = batches.chunks(MOST).zip(senders).map(|(batch, sender)| async move {
                let bodies: Vec<_> = batch.iter().map(String::as_str).collect();
                let response = push::handle(&sqs(&bodies), sender).await;
                assert!(failed(&response).is_empty());
            });
            join_all(handled).await;
        }
        self.collect();
        true
    }
}
