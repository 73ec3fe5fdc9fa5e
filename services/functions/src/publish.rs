//! `outbox-publisher`: the table's stream brings journal rows, and they become events.

mod tally;

use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue as Stored};
use marketplace_core::causes::Causes;
use platform_aws::{
    item::{Attributes, Item},
    outbox::{Bus, Outbox, Row},
    table::TableError,
};
use serde_dynamo::AttributeValue;

pub use self::tally::Measured;

/// A record whose attributes are of types that no row of ours has.
#[derive(Debug, thiserror::Error)]
#[error("a row has an attribute of a type that is never written")]
struct Stranger;

/// Publishes a batch of the stream. What could not be published is told by the first of it: Lambda brings that record and
/// all that follow again, and events that went out already go out once more, with the same ids.
///
/// # Errors
/// Nothing could be published.
pub async fn handle<B: Bus>(batch: Event, outbox: &Outbox<B>) -> Result<DynamoDbEventResponse, TableError> {
    let mut sequences = vec![];
    let mut rows = vec![];
    for record in batch.records {
        let sequence = record.change.sequence_number.clone();
        match row(record) {
            Ok(Some(row)) => {
                sequences.push((row.key().clone(), sequence));
                rows.push(row);
            }
            Ok(None) => {}
            // It stays in the index of what waits, whose age rings an alarm; here it would hold up all others.
            Err(error) => tracing::error!(error = %Causes(&*error), "a journal row cannot be read"),
        }
    }
    let failed = outbox.publish(rows).await?;
    let first = sequences.into_iter().find(|(key, _)| failed.contains(key));
    let mut response = DynamoDbEventResponse::default();
    if let Some((_, sequence)) = first {
        tracing::warn!(failed = failed.len(), "events were not taken by the bus");
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = sequence;
        response.batch_item_failures.push(failure);
    }
    Ok(response)
}

fn row(record: EventRecord) -> Result<Option<Row>, Box<dyn std::error::Error + Send + Sync>> {
    let image = record.change.new_image.into_inner();
    let attributes = image.into_iter().map(|(name, value)| Ok((name, attribute(value)?)));
    let attributes = attributes.collect::<Result<Attributes, Stranger>>()?;
    Ok(Row::parse(&Item::from(attributes))?)
}

/// The types of attributes that rows have.
fn attribute(value: AttributeValue) -> Result<Stored, Stranger> {
    match value {
        AttributeValue::S(text) => Ok(Stored::S(text)),
        AttributeValue::N(number) => Ok(Stored::N(number)),
        AttributeValue::B(bytes) => Ok(Stored::B(Blob::new(bytes))),
        _ => Err(Stranger),
    }
}
