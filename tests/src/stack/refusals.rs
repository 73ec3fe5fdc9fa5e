//! What EventBridge does with a message that an endpoint refuses for good, and the emulator does not: it puts the event
//! into the route's dead-letter queue (EventBridge User Guide, "Using dead-letter queues to process undelivered events").

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Observer, Services};
use crate::party_server::Log;

/// How long between two looks at the bus.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Makes a dead letter of every message that this party's endpoint refuses, as soon as it has; ends with the stack.
pub(super) async fn give_up(services: Services, observer: Observer, party: String, endpoint: Log) {
    let queue = services.queue("marketplace-ManagedDeadLetters").await;
    let mut given_up = HashSet::new();
    loop {
        let received: HashSet<_> = endpoint.received().iter().map(|message| message.webhook_id().to_owned()).collect();
        for event in observer.events().await {
            let detail = &event["detail"];
            let is_theirs = event["detail-type"] == "marketplace delivery" && detail["3rdparty"] == party.as_str();
            // What the emulator has not pushed yet was not refused yet.
            let id = detail["message_id"].as_str().unwrap_or_default();
            if is_theirs && received.contains(id) && given_up.insert(id.to_owned()) {
                let letter = dead_letter(&queue, &event);
                services.json("sqs", "AmazonSQS.SendMessage", &letter).await;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The message in a dead-letter queue of a managed route whose endpoint answered 404 to this event.
#[must_use]
pub fn dead_letter(queue: &str, event: &Value) -> Value {
    let route = format!("marketplace-to-{}-prod", event["detail"]["3rdparty"].as_str().unwrap_or_default());
    let attribute = |value: &str| json!({ "DataType": "String", "StringValue": value });
    let arn = |resource: String| format!("arn:aws:events:eu-west-1:000000000000:{resource}");
    json!({
        "QueueUrl": queue, "MessageBody": event.to_string(),
        "MessageAttributes": {
            "RULE_ARN": attribute(&arn(format!("rule/marketplace/{route}"))),
            "TARGET_ARN": attribute(&arn(format!("api-destination/{route}/x"))),
            "ERROR_CODE": attribute("SDK_CLIENT_ERROR"), "ERROR_MESSAGE": attribute("status code 404"),
        },
    })
}
