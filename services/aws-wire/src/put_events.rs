//! `PutEvents`: up to ten entries, each with a result of its own.
//!
//! Amazon EventBridge API reference, `PutEvents`, `PutEventsRequestEntry` and `PutEventsResultEntry`. Two things are
//! stricter than AWS: an unknown bus is an error (AWS drops its events without a word), and only request events may
//! be put, so that nobody can forge a status or a delivery (DESIGN section 6).

mod entry;

use futures::future::join_all;
use jiff::Timestamp;
use marketplace_core::ports::Randomness;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    error::WireError,
    json::{self, Object},
    sink::{EventSink, SinkError},
};

use entry::{Entry, EntryError};

/// A call puts at most this many events.
pub const MAX_ENTRIES: usize = 10;

/// All entries of a call together are at most this long, in bytes as EventBridge counts them ("Calculating PutEvents
/// event entry size" in the Amazon EventBridge user guide).
pub const MAX_TOTAL_BYTES: usize = 1024 * 1024;

/// A detail is at most this long, in bytes (DESIGN section 6).
pub const MAX_DETAIL_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Call {
    entries: Option<Vec<Object<Entry>>>,
    endpoint_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    failed_entry_count: usize,
    entries: Vec<EntryResult>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum EntryResult {
    #[serde(rename_all = "PascalCase")]
    Put { event_id: String },
    #[serde(rename_all = "PascalCase")]
    Failed { error_code: &'static str, error_message: String },
}

/// Puts every entry that may be put; the entries are stored side by side, so that they share a commit.
///
/// # Errors
///
/// When the call as a whole is malformed; a fault of one entry is in that entry's result.
pub(crate) async fn put_events<S: EventSink>(
    body: &[u8],
    sink: &S,
    randomness: &dyn Randomness,
    now: Timestamp,
) -> Result<Value, WireError> {
    let entries = parse(body)?;
    let results = join_all(entries.into_iter().map(|entry| {
        let event = entry.accepted(randomness.uuid(now), now);
        async move {
            let event = event?;
            let id = event.event_id;
            sink.accept(event).await.map_err(EntryError::from)?;
            Ok(id)
        }
    }));
    let entries: Vec<_> = results.await.into_iter().map(EntryResult::from).collect();
    let failed = entries.iter().filter(|entry| matches!(entry, EntryResult::Failed { .. }));
    let answer = Answer { failed_entry_count: failed.count(), entries };
    serde_json::to_value(answer).map_err(|error| WireError::Serialization(error.to_string()))
}

/// Reads a call and checks what makes all of it invalid.
fn parse(body: &[u8]) -> Result<Vec<Entry>, WireError> {
    let call: Call = json::parse(body)?;
    let entries = call.entries.ok_or_else(|| WireError::missing("entries"))?;
    let entries: Vec<Entry> = entries.into_iter().map(|entry| entry.0).collect();
    let constraint = |words: &str| WireError::constraint("'[PutEventsRequestEntry]'", "entries", words);
    if entries.is_empty() {
        return Err(constraint("Member must have length greater than or equal to 1"));
    }
    if entries.len() > MAX_ENTRIES {
        return Err(constraint("Member must have length less than or equal to 10"));
    }
    if call.endpoint_id.is_some() {
        let reason = "Parameter EndpointId is not valid. Reason: this bus has no global endpoint.";
        return Err(WireError::Validation(reason.to_owned()));
    }
    if entries.iter().map(Entry::size).sum::<usize>() > MAX_TOTAL_BYTES {
        let reason = "Total size of the entries in the request is over the limit.";
        return Err(WireError::Validation(reason.to_owned()));
    }
    Ok(entries)
}

impl From<Result<uuid::Uuid, EntryError>> for EntryResult {
    fn from(result: Result<uuid::Uuid, EntryError>) -> Self {
        match result {
            Ok(id) => Self::Put { event_id: id.to_string() },
            Err(error) => Self::Failed { error_code: error.code(), error_message: error.to_string() },
        }
    }
}

impl From<SinkError> for EntryError {
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::Invalid(reason) => Self::Invalid { parameter: "Detail", reason },
            SinkError::Unavailable => Self::Throttled,
            SinkError::Unexpected(source) => {
                tracing::error!(error = %source, "an event that was put could not be stored");
                Self::Internal
            }
        }
    }
}
