//! What happened to a party's offers, for whoever was away.

use event_schema::id::{Environment, PartyId};
use jiff::Timestamp;

use super::StoreError;
use crate::fact::JournalEntry;

/// A piece of what happened.
#[derive(Clone, Debug)]
pub struct Changes {
    /// Oldest first.
    pub items: Vec<JournalEntry>,
    /// The place after it, to go on from; also when there is nothing after it yet.
    pub next: String,
}

/// The journal by party and environment.
pub trait ChangeFeed: Clone + Send + Sync + 'static {
    /// What happened to a party's offers in one environment after this place, at most so much of it, oldest first; from
    /// the beginning of what is kept without a place, and with one that is none. Whoever goes on from place to place
    /// misses nothing, in whatever order commits end: a platform that cannot know the order at once holds back what
    /// happened in the seconds before `now`.
    fn changes(
        &self,
        party: &PartyId,
        environment: Environment,
        after: Option<String>,
        limit: usize,
        now: Timestamp,
    ) -> impl Future<Output = Result<Changes, StoreError>> + Send;
}
