//! Messages from a queue: each is handled by itself and counts as failed unless it is proven done.
//!
//! A message that can never be handled fails like any other: after the queue's `maxReceiveCount` it lies with the dead
//! letters, where a human finds it whole. Deleting it here would be losing it.

use std::{error::Error, panic::AssertUnwindSafe};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use event_schema::envelope::Metadata;
use futures::{FutureExt as _, future::join_all};
use marketplace_core::{causes::Causes, publish::BusEvent};
use serde::Deserialize;
use tracing::{Instrument as _, Span, field};

/// Why a message was not handled.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Handles the messages of a batch side by side, and tells which of them failed. One without an id, if there ever is
/// one, fails the whole batch: it has no name to be told by.
pub async fn handle<'a, F>(batch: &'a SqsEvent, one: impl Fn(&'a SqsMessage) -> F) -> SqsBatchResponse
where
    F: Future<Output = Result<(), Failure>>,
{
    let handled = join_all(batch.records.iter().map(|message| {
        let span = tracing::info_span!(
            "message",
            message.id = message.message_id.as_deref(),
            event.id = field::Empty,
            correlation.id = field::Empty,
        );
        // In a box: the compiler looks so deep into futures in futures, and no deeper.
        done(Box::pin(one(message))).instrument(span)
    }));
    let mut response = SqsBatchResponse::default();
    for (message, done) in batch.records.iter().zip(handled.await) {
        if !done {
            response.add_failure(message.message_id.clone().unwrap_or_default());
        }
    }
    response
}

/// Whether it was handled; a panic is a failure of this message and of no other.
async fn done(handling: impl Future<Output = Result<(), Failure>>) -> bool {
    match AssertUnwindSafe(handling).catch_unwind().await {
        Ok(Ok(())) => true,
        Ok(Err(failure)) => {
            tracing::error!(error = %Causes(&*failure), "a message was not handled");
            false
        }
        Err(_) => {
            tracing::error!("the handling of a message panicked");
            false
        }
    }
}

/// The message has no body.
#[derive(Debug, thiserror::Error)]
#[error("the message has no body")]
struct NoBody;

/// A message's body.
///
/// # Errors
/// It has none.
pub fn body(message: &SqsMessage) -> Result<&str, Failure> {
    Ok(message.body.as_deref().ok_or(NoBody)?)
}

/// The event that a message is, as EventBridge writes it; the log knows it from now on by its own id.
///
/// # Errors
/// It is no event.
pub fn event(message: &SqsMessage) -> Result<BusEvent, Failure> {
    let event: BusEvent = serde_json::from_str(body(message)?)?;
    let span = Span::current();
    match serde_json::from_str(event.detail.get()) {
        Ok(Ours { metadata: Some(metadata) }) => {
            span.record("event.id", field::display(metadata.event_id));
            span.record("correlation.id", metadata.correlation_id);
        }
        Ok(Ours { metadata: None }) | Err(_) => {
            span.record("event.id", field::display(event.id));
        }
    }
    Ok(event)
}

/// What an event of ours says about itself.
#[derive(Deserialize)]
struct Ours {
    metadata: Option<Metadata>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn batch(ids: &[Value]) -> SqsEvent {
        let record = |id: &Value| json!({ "messageId": id, "body": "{}", "attributes": {}, "messageAttributes": {} });
        serde_json::from_value(json!({ "Records": ids.iter().map(record).collect::<Vec<_>>() })).unwrap()
    }

    async fn failed(batch: &SqsEvent) -> Vec<String> {
        let handle = handle(batch, |message| {
            let id = message.message_id.clone();
            async move {
                match id.as_deref() {
                    Some("done") => Ok(()),
                    Some("panics") => panic!("a handler's mistake"),
                    _ => Err("not now".into()),
                }
            }
        });
        handle.await.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    #[tokio::test]
    async fn what_is_not_proven_done_has_failed() {
        let several = batch(&[json!("done"), json!("fails"), json!("panics"), json!("done")]);
        assert_eq!(failed(&several).await, ["fails", "panics"]);
        assert!(failed(&batch(&[])).await.is_empty());
        assert_eq!(failed(&batch(&[json!("done"), Value::Null])).await, [""], "Lambda takes it for all of them");
    }
}
