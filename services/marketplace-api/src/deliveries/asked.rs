//! Which of its offers a party asks for, and finding them.

use event_schema::{fault::Fault, id::RequestId};
use http_edge::{caller::PartyCaller, page::ListQuery};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    lifecycle::{OfferState, state_at},
    ports::{OfferPlace, OfferRecord, Page, PageQuery, Store, StoreError, Window},
};

/// How many offers are read at once where only some of them may be meant.
const STEP: usize = 100;

/// Most offers that one call looks at: a page can have fewer than asked for, and others after it.
const MOST: usize = 1_000;

/// Clocks differ, but not by so much.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// The query of `GET /v1/me/deliveries`.
#[derive(Debug)]
pub(super) struct Asked {
    /// In one of these states; all if empty.
    states: Vec<OfferState>,
    window: Window,
    request: Option<RequestId>,
    page: PageQuery,
}

impl Asked {
    pub(super) fn read(query: &ListQuery, now: Timestamp) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let states = query.get("status").map(states).transpose().unwrap_or_else(|fault| {
            faults.push(fault);
            None
        });
        let mut time = |name: &str| {
            let time = query.get(name).map(str::parse::<Timestamp>).transpose();
            time.unwrap_or_else(|_| {
                faults.push(Fault::new(format!("/{name}"), "must be a time, such as 2026-01-31T12:00:00Z"));
                None
            })
        };
        let (since, until) = (time("since"), time("until"));
        let request = query.get("request").map(str::parse::<RequestId>).transpose().unwrap_or_else(|_| {
            faults.push(Fault::new("/request", "must be a request's id"));
            None
        });
        if !faults.is_empty() {
            return Err(faults);
        }
        let (states, window) = (states.unwrap_or_default(), window(since, until, now));
        Ok(Self { states, window, request, page: query.page.clone() })
    }

    /// A page of them, newest first.
    pub(super) async fn find<S: Store>(
        &self,
        store: &S,
        caller: &PartyCaller,
        now: Timestamp,
    ) -> Result<Page<OfferRecord>, StoreError> {
        let (mut items, mut looked_at) = (Vec::new(), 0);
        let mut cursor = self.page.cursor.clone();
        loop {
            let page = self.some(store, caller, cursor).await?;
            looked_at += page.items.len();
            let is_wanted = |record: &OfferRecord| {
                self.states.is_empty() || self.states.contains(&state_at(&record.head, &record.offer, now))
            };
            items.extend(page.items.into_iter().filter(is_wanted));
            if items.len() > self.page.limit || (items.len() == self.page.limit && page.next_cursor.is_some()) {
                items.truncate(self.page.limit);
                let next = items.last().map(|record| OfferPlace::of(&record.offer).to_string());
                return Ok(Page { items, next_cursor: next });
            }
            if page.next_cursor.is_none() || looked_at >= MOST {
                return Ok(Page { items, next_cursor: page.next_cursor });
            }
            cursor = page.next_cursor;
        }
    }

    async fn some<S: Store>(
        &self,
        store: &S,
        caller: &PartyCaller,
        cursor: Option<String>,
    ) -> Result<Page<OfferRecord>, StoreError> {
        if let Some(request) = self.request {
            return self.of_request(store, caller, request, cursor).await;
        }
        let limit = if self.states.is_empty() { self.page.limit } else { STEP };
        store.offers_to(&caller.party.id, caller.environment, self.window, PageQuery { cursor, limit }).await
    }

    /// A request is offered to one party a few times at most.
    async fn of_request<S: Store>(
        &self,
        store: &S,
        caller: &PartyCaller,
        request: RequestId,
        cursor: Option<String>,
    ) -> Result<Page<OfferRecord>, StoreError> {
        let before = cursor.and_then(|cursor| cursor.parse::<OfferPlace>().ok());
        let Some(record) = store.request(request, false).await? else {
            return Ok(Page { items: vec![], next_cursor: None });
        };
        let mut offers = record.offers;
        offers.retain(|offer| {
            let (at, id) = (offer.created_at, offer.delivery_id);
            offer.party == caller.party.id
                && offer.environment == caller.environment
                && at >= self.window.from
                && at < self.window.to
                && before.is_none_or(|place| (at, id) < (place.at, place.id))
        });
        offers.sort_unstable_by_key(|offer| std::cmp::Reverse((offer.created_at, offer.delivery_id)));
        let head = record.head;
        let items = offers.into_iter().map(|offer| OfferRecord { head: head.clone(), offer }).collect();
        Ok(Page { items, next_cursor: None })
    }
}

/// From the beginning to the end of all times that offers can have.
pub(crate) fn window(since: Option<Timestamp>, until: Option<Timestamp>, now: Timestamp) -> Window {
    let end = now.checked_add(AHEAD).unwrap_or(now);
    let from = since.unwrap_or(Timestamp::UNIX_EPOCH).max(Timestamp::UNIX_EPOCH);
    Window { from, to: until.unwrap_or(end).min(end) }
}

/// One or more, separated by commas.
fn states(text: &str) -> Result<Vec<OfferState>, Fault> {
    let state = |word: &str| OfferState::ALL.into_iter().find(|state| state.as_str() == word);
    let states = text.split(',').map(state).collect::<Option<Vec<_>>>();
    states.ok_or_else(|| {
        let words = OfferState::ALL.map(OfferState::as_str).join("`, `");
        Fault::new("/status", format!("must be of `{words}`, several of them separated by commas"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    #[test]
    fn states_are_words_between_commas() {
        assert_eq!(states("failed"), Ok(vec![OfferState::Failed]));
        assert_eq!(states("failed,in-progress"), Ok(vec![OfferState::Failed, OfferState::InProgress]));
        for wrong in ["", "lost", "failed,", "Failed", "failed, pending"] {
            assert_eq!(states(wrong).unwrap_err().pointer, "/status", "{wrong}");
        }
    }

    #[test]
    fn a_window_ends_at_most_a_day_from_now_and_begins_no_earlier_than_time() {
        assert_eq!(window(None, None, NOW), Window { from: Timestamp::UNIX_EPOCH, to: NOW + AHEAD });
        assert_eq!(
            window(Some(Timestamp::MIN), Some(Timestamp::MAX), NOW),
            Window { from: Timestamp::UNIX_EPOCH, to: NOW + AHEAD }
        );
        let early = "2026-01-31T12:00:00Z".parse().ok();
        assert_eq!(window(early, early, NOW), Window { from: early.unwrap(), to: early.unwrap() });
    }
}
