//! Messages whose pushes ended for good, for operators.

use event_schema::id::PartyId;
use jiff::Timestamp;

use super::{Page, PageQuery, StoreError};
use crate::offer::Offer;

/// Which dead letters.
#[derive(Clone, Debug, Default)]
pub struct DeadLetterQuery {
    /// Only this party's.
    pub third_party: Option<PartyId>,
    /// Only those that died at or after this.
    pub since: Option<Timestamp>,
}

/// Messages whose pushes ended for good.
pub trait DeadLetters: Clone + Send + Sync + 'static {
    /// Offers whose message is dead, newest death first.
    fn dead_letters(
        &self,
        query: DeadLetterQuery,
        page: PageQuery,
    ) -> impl Future<Output = Result<Page<Offer>, StoreError>> + Send;
}
