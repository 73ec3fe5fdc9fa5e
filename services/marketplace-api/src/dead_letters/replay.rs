//! Which dead letters get another run, and giving it to them.

use std::collections::BTreeSet;

use event_schema::id::{DeliveryId, PartyId};
use futures::future::try_join_all;
use http_edge::problem::Problem;
use jiff::Timestamp;
use marketplace_core::{
    command::{Refusal, replay::Replay},
    offer::Offer,
    ports::{DeadLetterQuery, PageQuery, Store, StoreError, Urgency},
};
use serde::Deserialize;

/// Most ids in one call.
const MAX_IDS: usize = 1_000;

/// How many are read, and replayed at the same time.
const AT_ONCE: usize = 100;

/// The body of `POST /v1/dead-letters/replay`: those that everything given here holds for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Selection {
    third_party: Option<PartyId>,
    since: Option<Timestamp>,
    ids: Option<Vec<DeliveryId>>,
    dry_run: Option<bool>,
}

impl Selection {
    pub(super) fn check(self) -> Result<Self, Problem> {
        if self.ids.as_ref().is_some_and(|ids| ids.len() > MAX_IDS) {
            return Err(Problem::invalid_field("/ids", format!("must have at most {MAX_IDS} entries")));
        }
        Ok(self)
    }

    /// Replays what is selected, or only counts it.
    pub(super) async fn replay<S: Store>(&self, store: &S, now: Timestamp) -> Result<usize, StoreError> {
        match &self.ids {
            Some(ids) => self.replay_listed(store, ids, now).await,
            None => self.replay_found(store, now).await,
        }
    }

    async fn replay_listed<S: Store>(
        &self,
        store: &S,
        ids: &[DeliveryId],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let ids: Vec<DeliveryId> = ids.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let mut count = 0;
        for chunk in ids.chunks(AT_ONCE) {
            let read = chunk.iter().map(|id| store.request(id.request(), false));
            let records = try_join_all(read).await?;
            let offers = chunk.iter().zip(records).filter_map(|(id, record)| {
                record?.offers.into_iter().find(|offer| offer.delivery_id == *id && self.holds_for(offer))
            });
            count += self.replay_these(store, offers.map(|offer| offer.delivery_id).collect(), now).await?;
        }
        Ok(count)
    }

    fn holds_for(&self, offer: &Offer) -> bool {
        let dead = offer.message.as_ref().and_then(|message| message.dead.as_ref());
        dead.is_some_and(|dead| self.since.is_none_or(|since| dead.at >= since))
            && self.third_party.as_ref().is_none_or(|party| *party == offer.party)
    }

    /// Newest first, so that one that dies again meanwhile is not met a second time.
    async fn replay_found<S: Store>(&self, store: &S, now: Timestamp) -> Result<usize, StoreError> {
        let query = DeadLetterQuery { third_party: self.third_party.clone(), since: self.since };
        let mut page = PageQuery { cursor: None, limit: AT_ONCE };
        let mut count = 0;
        loop {
            let found = store.dead_letters(query.clone(), page.clone()).await?;
            let ids = found.items.iter().map(|offer| offer.delivery_id).collect();
            count += self.replay_these(store, ids, now).await?;
            if found.next_cursor.is_none() {
                return Ok(count);
            }
            page.cursor = found.next_cursor;
        }
    }

    async fn replay_these<S: Store>(
        &self,
        store: &S,
        ids: Vec<DeliveryId>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        if self.dry_run == Some(true) {
            return Ok(ids.len());
        }
        let replayed = try_join_all(ids.into_iter().map(|id| replay_one(store, id, now))).await?;
        Ok(replayed.into_iter().filter(|done| *done).count())
    }
}

/// False when it is no dead letter any more.
async fn replay_one<S: Store>(store: &S, delivery_id: DeliveryId, now: Timestamp) -> Result<bool, StoreError> {
    match store.apply(Replay { delivery_id, at: now }, Urgency::Caller, None).await {
        Err(StoreError::Refused(Refusal::NotFound)) => Ok(false),
        replayed => replayed,
    }
}
