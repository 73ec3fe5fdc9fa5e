//! Back-tests: what a filter would have made of the requests of the past, for one third party.
//!
//! It is what routing did with them, and would do with their like: the same event, scope first, then the filter. What
//! lies outside of the party's scope, or is addressed to another, is not there at all: neither counted, nor shown, nor
//! explained.

mod explained;
mod found;

use std::sync::Arc;

use event_schema::id::{Environment, PartyId, RequestId};
use jiff::Timestamp;
use serde_json::Value;

pub use self::{
    explained::{Condition, Explained},
    found::{Found, Sample},
};
use crate::{
    fact::{Fact, JournalEntry},
    intake,
    pattern::{Fields, Pattern},
    ports::RequestRecord,
    publish,
};

/// A request as routing saw it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PastRequest {
    /// Its id.
    pub id: RequestId,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Where the journal tells of it; 0 when that row has outlived its time.
    pub sequence: u64,
    /// The request event's `detail`, JSON text.
    pub detail: Arc<str>,
}

impl PastRequest {
    /// A request that was read whole.
    #[must_use]
    pub fn of(record: &RequestRecord) -> Self {
        let told = record.journal.iter().find(|entry| matches!(entry.fact, Fact::RequestCreated));
        Self {
            id: record.head.id,
            created_at: record.head.created_at,
            sequence: told.map_or(0, |entry| entry.sequence),
            detail: record.detail.clone(),
        }
    }

    /// The event that the router got.
    ///
    /// # Errors
    /// When the detail is not JSON, which intake does not let happen.
    pub fn event(&self, environment: Environment) -> serde_json::Result<Value> {
        let entry = JournalEntry {
            sequence: self.sequence,
            request: Some(self.id),
            at: self.created_at,
            cause: None,
            fact: Fact::RequestCreated,
        };
        let metadata = publish::metadata(&entry, environment);
        intake::request_event(metadata.event_id, entry.at, &self.detail, Some(&metadata))
    }
}

/// Whose filter is tried, and which.
#[derive(Clone, Debug)]
pub struct BackTest {
    /// The party.
    pub party: PartyId,
    /// In which world.
    pub environment: Environment,
    /// What it may ever see; none is everything in its environment.
    pub scope: Option<Pattern>,
    /// The filter; none means addressed requests only.
    pub filter: Option<Pattern>,
}

/// What becomes of a request for the party.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is not the party's to know of.
    OutOfSight,
    /// It would be offered to it.
    Offered,
    /// It would not be offered to it, since the filter says no.
    PassedOver,
}

impl BackTest {
    /// What would become of a request; see [`PastRequest::event`].
    #[must_use]
    pub fn verdict(&self, event: &Value) -> Verdict {
        let addressee = addressee(event);
        if addressee.is_some_and(|addressee| addressee != self.party.as_str()) {
            return Verdict::OutOfSight;
        }
        let fields = Fields::new(event);
        if self.scope.as_ref().is_some_and(|scope| !scope.matches(&fields)) {
            return Verdict::OutOfSight;
        }
        let matches = addressee.is_some() || self.filter.as_ref().is_some_and(|filter| filter.matches(&fields));
        if matches { Verdict::Offered } else { Verdict::PassedOver }
    }

    /// Why a request would be offered or not; none when it is not the party's to know of.
    #[must_use]
    pub fn explain(&self, event: &Value) -> Option<Explained> {
        let verdict = self.verdict(event);
        (verdict != Verdict::OutOfSight).then(|| Explained {
            matches: verdict == Verdict::Offered,
            addressed: addressee(event).is_some(),
            conditions: self.filter.as_ref().map_or_else(Vec::new, |filter| explained::conditions(filter, event)),
        })
    }
}

/// The one party that a request is addressed to, in its sender's words.
fn addressee(event: &Value) -> Option<&str> {
    event["detail"]["3rdparty"].as_str()
}
