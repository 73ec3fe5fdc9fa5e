//! What can be done to a request, as pure decisions: state in, change or refusal out.
//!
//! A platform loads what a command [needs](Command::needs), lets it decide, and writes the [`Change`] in one
//! transaction; if somebody else moved first it reads again and lets it decide again (DESIGN section 2).

use std::sync::Arc;

use event_schema::id::{DeliveryId, Environment, PartyId, RequestId};
use jiff::Timestamp;

use crate::{
    fact::Fact,
    offer::{Attempt, Offer},
    request::{Aggregate, Head},
};

pub mod answer;
pub mod cancel;
pub mod create;
pub mod deadline;
pub mod expire;
pub mod inbox;
pub mod notice;
pub mod push;
pub mod rehearse;
pub mod release;
pub mod reoffer;
pub mod repeat;
pub mod replay;
pub mod route;
pub mod withdraw;
pub mod witness;

/// Most rows that one change may write, so that it fits one transaction on every platform (DESIGN section 2).
pub const MAX_ROWS: usize = 25;

/// Most offers that one change may make or alter: an offer and its journal row each, the head, and the marker's row.
pub const MAX_OFFERS: usize = 10;

/// Which of a request's offers a command has to see.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Needs {
    /// Only the head.
    Head,
    /// This offer, without the head.
    OfferAlone(DeliveryId),
    /// The head and these offers.
    Offers(Vec<DeliveryId>),
    /// The head and all offers that were made to this party in this environment.
    PartyOffers(PartyId, Environment),
    /// The head and all offers.
    AllOffers,
}

/// One thing done to one request.
pub trait Command: Send + Sync + 'static {
    /// What the caller learns when it is done.
    type Reply: Send + 'static;

    /// The request that it is done to.
    fn request(&self) -> RequestId;

    /// When it is done.
    fn at(&self) -> Timestamp;

    /// What has to be loaded.
    fn needs(&self) -> Needs;

    /// Decides. The same command may be asked again after a conflict, with newer state.
    ///
    /// # Errors
    /// A [`Refusal`] when the rules say no; nothing is written then.
    fn decide(&self, state: &Aggregate) -> Result<Decision<Self::Reply>, Refusal>;
}

/// What a command decided.
#[derive(Clone, Debug)]
pub struct Decision<R> {
    /// What to write; nothing if it is empty.
    pub change: Change,
    /// What the caller learns.
    pub reply: R,
}

impl<R> Decision<R> {
    /// Nothing to write.
    pub fn unchanged(reply: R) -> Self {
        Self { change: Change::default(), reply }
    }
}

/// What to write, all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The head's new value.
    pub head: Option<Head>,
    /// The body, written once with a new head: the request event's `detail` as JSON text.
    pub body: Option<Arc<str>>,
    /// Offers to insert or replace.
    pub offers: Vec<Offer>,
    /// An attempt to add to an offer's record; its number is the offer's `attempts`.
    pub attempt: Option<(DeliveryId, Attempt)>,
    /// That a notice went out: the journal sequence that it told of, and the channel. If that is recorded already,
    /// nothing of this change is written: whoever did the same at the same time was first.
    pub notice: Option<(u64, &'static str)>,
    /// Journal rows, in order: timeline entries and outgoing events in one.
    pub facts: Vec<Fact>,
    /// The journal sequence of the event that caused this, if one did.
    pub cause: Option<u64>,
}

impl Change {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    /// How many rows it writes.
    #[must_use]
    pub fn rows(&self) -> usize {
        usize::from(self.head.is_some())
            + usize::from(self.body.is_some())
            + self.offers.len()
            + usize::from(self.attempt.is_some())
            + usize::from(self.notice.is_some())
            + self.facts.len()
    }
}

/// Why the rules say no.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is no such thing, or it is not the caller's: 404, and never which.
    #[error("there is no such thing here")]
    NotFound,
    /// It is not in a state in which this can be done: 409.
    #[error("{detail}")]
    State {
        /// The state that it is in, for the answer's `current_status`.
        current_status: &'static str,
        /// A sentence for the caller.
        detail: String,
    },
}
