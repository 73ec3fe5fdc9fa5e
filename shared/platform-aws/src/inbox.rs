//! The inboxes of polling parties: an index finds what may be available, and each lease is taken by itself, under the
//! same rules as everything else that is done to an offer.
//!
//! Whoever comes second to an offer finds it leased and goes on to the next, so no two callers get the same one. No
//! function hears what another writes; who waits looks now and then.

use std::{sync::Arc, time::Duration};

use event_schema::id::{DeliveryId, Environment, PartyId, RequestId};
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use marketplace_core::{
    causes::Causes,
    command::{
        Command, Decision, Needs, Refusal,
        inbox::{InboxAction, UseInbox},
    },
    offer::{INBOX_LIFETIME, Offer},
    ports::{Inbox, LeasedOffer, Page, PageQuery, RequestStore, StoreError, Urgency},
    request::Aggregate,
};
use tokio::time::{Instant, sleep};

use crate::{
    Aws,
    item::{DOCUMENT, Item, SK, time_text},
    requests::{
        next_cursor,
        rows::{OFFER_PREFIX, body_key, delivery_of, inbox_pk},
    },
    table::{Index, Query, Range, TableError},
};

/// How many leases are taken at the same time.
const AT_ONCE: usize = 10;

/// The first pause of somebody who waits; the next is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(125);

/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Inbox for Aws {
    async fn lease(
        &self,
        party: &PartyId,
        environment: Environment,
        max: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<LeasedOffer>, StoreError> {
        let query = available(party, environment, now);
        let take = |delivery_id| Lease {
            inner: UseInbox {
                delivery_id,
                party: party.clone(),
                environment,
                action: InboxAction::Lease(until),
                at: now,
            },
        };
        let (mut leased, mut from) = (vec![], None);
        while leased.len() < max {
            let page = self.table.page(&query, max - leased.len(), from).await?;
            let leases: Vec<Lease> = page.items.iter().filter_map(delivery).map(take).collect();
            let taken: Vec<_> =
                stream::iter(leases.into_iter().map(|lease| self.lease_one(lease))).buffered(AT_ONCE).collect().await;
            for taken in taken {
                match taken {
                    Ok(taken) => leased.extend(taken),
                    // What is leased already would be nobody's until the lease ends.
                    Err(error) if leased.is_empty() => return Err(error),
                    Err(error) => tracing::warn!(error = %Causes(&error), "an offer was not leased"),
                }
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        Ok(leased)
    }

    async fn waiting(
        &self,
        party: &PartyId,
        environment: Environment,
        page: PageQuery,
    ) -> Result<Page<DeliveryId>, StoreError> {
        // A space comes before everything that could stand there, so the place itself is not in it.
        let after = format!("{} ", page.cursor.unwrap_or_default().replace('.', "#"));
        let query = Query::index(Index::Inbox, inbox_pk(party, environment), Range::Between(after, "~".to_owned()));
        let mut items = self.table.first(&query, page.limit.saturating_add(1)).await?;
        let place = |item: &Item| item.get_text(Index::Inbox.sk()).unwrap_or_default().replace('#', ".");
        let next_cursor = next_cursor(&mut items, page.limit, place);
        let items = items.iter().map(delivery_of).collect::<Result<_, _>>().map_err(TableError::from)?;
        Ok(Page { items, next_cursor })
    }

    async fn wait(&self, party: &PartyId, environment: Environment, at_most: Duration) {
        let until = Instant::now() + at_most;
        let mut pause = FIRST_PAUSE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            sleep(pause.min(left)).await;
            if left <= pause {
                return;
            }
            let query =
                Query::index(Index::Inbox, inbox_pk(party, environment), Range::Before(last_of(self.clock.now())));
            match self.table.page(&query, 1, None).await {
                Ok(page) if page.items.is_empty() => pause = (pause * 2).min(LONGEST_PAUSE),
                // The caller looks for itself, and hears of what is wrong then.
                Ok(_) | Err(_) => return,
            }
        }
    }
}

impl Aws {
    /// Takes one lease; none when the offer is not available any more, or somebody else gets it.
    async fn lease_one(&self, lease: Lease) -> Result<Option<LeasedOffer>, StoreError> {
        let request = lease.request();
        let offer = match self.apply(lease, Urgency::Caller, None).await {
            Ok(Some(offer)) => offer,
            Ok(None) | Err(StoreError::Conflict) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(self.detail_of(request).await?.map(|detail| LeasedOffer { offer, detail }))
    }

    /// The request event's `detail`, JSON text; none if there is no such request.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when DynamoDB cannot take it, [`StoreError::Unexpected`] else.
    pub async fn detail_of(&self, request: RequestId) -> Result<Option<Arc<str>>, StoreError> {
        let body = self.table.get(&body_key(request)).await?;
        Ok(body.map(|body| body.get_text(DOCUMENT).map(Arc::from)).transpose().map_err(TableError::from)?)
    }

    /// Offers of a party that nobody has fetched from its inbox for as long as offers stay there, oldest first, at most
    /// so many. An index lags behind, so an [`Expire`](marketplace_core::command::expire::Expire) has the last word.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when DynamoDB cannot take it, [`StoreError::Unexpected`] else.
    pub async fn outlived(
        &self,
        party: &PartyId,
        environment: Environment,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let range = Range::Before(time_text(oldest(now)));
        let query = Query::index(Index::Inbox, inbox_pk(party, environment), range);
        Ok(self.table.first(&query, most).await?.iter().filter_map(delivery).collect())
    }
}

/// From when on offers that were made available then are still in the inbox.
fn oldest(now: Timestamp) -> Timestamp {
    now.checked_sub(INBOX_LIFETIME).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// What the index knows to be available, oldest first. What has been available for as long as offers stay in the inbox
/// is too old, whatever it is.
fn available(party: &PartyId, environment: Environment, now: Timestamp) -> Query {
    let oldest = now.checked_sub(INBOX_LIFETIME).unwrap_or(Timestamp::UNIX_EPOCH);
    let range = Range::Between(time_text(oldest), last_of(now));
    Query::index(Index::Inbox, inbox_pk(party, environment), range)
}

/// After everything that is available from this time on; `~` comes after everything that is in an id.
fn last_of(now: Timestamp) -> String {
    format!("{}#~", time_text(now))
}

/// The offer that a row of the index is about.
fn delivery(item: &Item) -> Option<DeliveryId> {
    item.get_text(SK).ok()?.strip_prefix(OFFER_PREFIX)?.parse().ok()
}

/// [`InboxAction::Lease`] that answers with the offer, and leaves alone what is too old for the inbox.
struct Lease {
    inner: UseInbox,
}

impl Command for Lease {
    type Reply = Option<Offer>;

    fn request(&self) -> RequestId {
        self.inner.request()
    }

    fn at(&self) -> Timestamp {
        self.inner.at()
    }

    fn needs(&self) -> Needs {
        self.inner.needs()
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<Option<Offer>>, Refusal> {
        let offer = state.offer(self.inner.delivery_id);
        if offer.is_none_or(|offer| self.inner.at.duration_since(offer.created_at) >= INBOX_LIFETIME) {
            return Ok(Decision::unchanged(None));
        }
        let change = self.inner.decide(state)?.change;
        let reply = change.offers.first().cloned();
        Ok(Decision { change, reply })
    }
}
