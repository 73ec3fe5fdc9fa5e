//! What AWS wakes functions with, in the shapes that it documents (Lambda Developer Guide).

use aws_lambda_events::sqs::SqsEvent;
use serde_json::{Value, json};

/// A batch of a queue with these bodies; message ids are `message-0` and so on.
pub(crate) fn sqs(bodies: &[&str]) -> SqsEvent {
    sqs_with(bodies.iter().map(|body| (*body, json!({}))))
}

/// The same, with message attributes.
pub(crate) fn sqs_with<'a>(messages: impl Iterator<Item = (&'a str, Value)>) -> SqsEvent {
    let record = |(number, (body, attributes)): (usize, (&str, Value))| {
        json!({
            "messageId": format!("message-{number}"),
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": body,
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": "1545082649183",
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1545082649185",
            },
            "messageAttributes": attributes,
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:my-queue",
            "awsRegion": "eu-central-1",
        })
    };
    let records: Vec<Value> = messages.enumerate().map(record).collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

/// An attribute of a message, as Lambda writes it.
pub(crate) fn attribute(value: &str) -> Value {
    json!({ "stringValue": value, "stringListValues": [], "binaryListValues": [], "dataType": "String" })
}

/// An event as EventBridge writes it.
pub(crate) fn event(source: &str, detail_type: &str, detail: &Value) -> String {
    json!({
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": detail_type,
        "source": source,
        "account": "111122223333",
        "time": "2026-11-21T18:43:48Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": detail,
    })
    .to_string()
}

/// What failed of a batch.
pub(crate) fn failed(response: &aws_lambda_events::sqs::SqsBatchResponse) -> Vec<&str> {
    response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
}
