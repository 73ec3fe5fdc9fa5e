//! Records of the bus's log (EventBridge User Guide, "Amazon EventBridge event bus log schema"): without details, so they
//! speak of events by their ids alone.

use aws_lambda_events::cloudwatch_logs::LogData;
use futures::future::join_all;
use jiff::SignedDuration;
use marketplace_core::{
    command::push::RecordHandover,
    offer::Attempt,
    ports::{RequestStore as _, Urgency},
    transport::OutcomeWord,
};
use platform_aws::managed::Route;
use serde::Deserialize;

use super::Deps;
use crate::sqs::Failure;

/// What `CloudWatch` calls a batch with records in it; it also sends some to see whether anybody is there.
const RECORDS: &str = "DATA_MESSAGE";

/// The step that says that a target took an event.
const ARRIVED: &str = "INVOCATION_SUCCESS";

/// A record can come before the publisher has written down which message the event is. After this time it is none.
const EARLY: SignedDuration = SignedDuration::from_secs(60);

/// One record.
#[derive(Deserialize)]
struct Record {
    event_id: String,
    message_type: String,
    details: Details,
}

#[derive(Deserialize)]
struct Details {
    rule_arn: String,
    #[serde(default)]
    total_attempts: Option<u32>,
    #[serde(default)]
    target_duration_ms: Option<u64>,
}

/// The event is not known yet.
#[derive(Debug, thiserror::Error)]
#[error("which message an event is has not been written down yet")]
struct TooEarly;

/// Records what arrived.
///
/// # Errors
/// Some of it was not recorded.
pub(super) async fn record(data: &LogData, deps: &Deps) -> Result<(), Failure> {
    if data.message_type != RECORDS {
        return Ok(());
    }
    let recorded = join_all(data.log_events.iter().map(|entry| async {
        // What other steps look like is not our business.
        match serde_json::from_str::<Record>(&entry.message) {
            Ok(record) if record.is_evidence() => arrived(&record, entry.timestamp, deps).await,
            Ok(_) | Err(_) => Ok(()),
        }
    }));
    recorded.await.into_iter().collect()
}

impl Record {
    /// Whether a third party took a message: all other rules are ours.
    fn is_evidence(&self) -> bool {
        let rule = self.details.rule_arn.rsplit('/').next().and_then(Route::of_name);
        self.message_type == ARRIVED && rule.is_some()
    }
}

async fn arrived(record: &Record, logged_ms: i64, deps: &Deps) -> Result<(), Failure> {
    let now = deps.clock.now();
    let Some(message) = deps.store.message_of(&record.event_id).await? else {
        let age = SignedDuration::from_millis(now.as_millisecond().saturating_sub(logged_ms));
        // A message that we push as well, such as a replay's.
        return if age < EARLY { Err(TooEarly.into()) } else { Ok(()) };
    };
    let attempt = Attempt {
        at: now,
        message: message.kind,
        outcome: OutcomeWord::Delivered.as_str().to_owned(),
        status_code: None,
        latency_us: record.details.target_duration_ms.unwrap_or(0).saturating_mul(1_000),
        answer: None,
    };
    let attempts = record.details.total_attempts.unwrap_or(1).max(1);
    let delivery_id = message.delivery_id;
    let command = RecordHandover { delivery_id, attempt, attempts, given_up: None, at: now };
    deps.store.apply(command, Urgency::Ours, None).await?;
    Ok(())
}
