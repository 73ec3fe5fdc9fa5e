//! The one thing this protocol needs done: a request event taken in for good.

use std::{error::Error, future::Future};

use jiff::Timestamp;
use uuid::Uuid;

/// An event that was put and may be: right bus, source and detail-type, and its detail is a JSON object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AcceptedEvent {
    /// The id that the caller gets; the request is `req_` and this.
    pub event_id: Uuid,
    /// The entry's `Time`, or else when the call came in.
    pub time: Timestamp,
    /// When the call came in.
    pub received_at: Timestamp,
    /// ARNs of what the event is about, as the caller named them.
    pub resources: Vec<String>,
    /// The detail's JSON text, as it was put.
    pub detail: String,
}

/// Why an event was not taken in. Nothing was written, in every case.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The detail is not a request; the reason is for the caller, who must put something else.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be taken now: the same event may be put again later.
    #[error("the store cannot take this now")]
    Unavailable,
    /// Something that nobody foresaw; the caller is told nothing about it.
    #[error("the event could not be stored")]
    Unexpected(#[source] Box<dyn Error + Send + Sync>),
}

/// Takes request events in.
pub trait EventSink: Send + Sync + 'static {
    /// Takes one event in. When it answers, the event is durable (DESIGN section 4, invariant 2).
    ///
    /// # Errors
    ///
    /// As [`SinkError`] says; the other events of the same call are not affected.
    fn accept(&self, event: AcceptedEvent) -> impl Future<Output = Result<(), SinkError>> + Send;
}
