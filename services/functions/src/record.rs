//! `delivery-recorder`: what became of what EventBridge delivers. Its dead letters say what it gave up, the bus's log
//! says what arrived.

mod bus_log;
mod dead_letter;

use std::sync::Arc;

use aws_lambda_events::{
    cloudwatch_logs::AwsLogs,
    sqs::{SqsBatchResponse, SqsEvent, SqsMessage},
};
use marketplace_core::ports::Clock;
use platform_aws::Aws;
use serde::{Deserialize, Serialize};

use crate::sqs::{self, Failure};

/// What the recorder needs.
pub struct Deps {
    /// Offers.
    pub store: Aws,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// What wakes the recorder: one of the two.
#[derive(Debug, Deserialize)]
pub struct Wake {
    /// Dead letters of managed routes, from their queue.
    #[serde(rename = "Records", default)]
    dead_letters: Option<Vec<SqsMessage>>,
    /// Records of the bus's log.
    #[serde(rename = "awslogs", default)]
    bus_log: Option<AwsLogs>,
}

/// It was woken with something else.
#[derive(Debug, thiserror::Error)]
#[error("neither dead letters nor a log")]
struct Neither;

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Which dead letters were not recorded.
    DeadLetters(SqsBatchResponse),
    /// Nothing.
    BusLog(()),
}

/// Records a batch of either.
///
/// # Errors
/// Some of the log's records were not recorded; they are brought again.
pub async fn handle(wake: Wake, deps: &Deps) -> Result<Answer, Failure> {
    let mut batch = SqsEvent::default();
    match (wake.dead_letters, wake.bus_log) {
        (Some(messages), _) => {
            batch.records = messages;
            let handled = sqs::handle(&batch, |message| dead_letter::record(message, deps));
            Ok(Answer::DeadLetters(handled.await))
        }
        (None, Some(log)) => bus_log::record(&log.data, deps).await.map(Answer::BusLog),
        (None, None) => Err(Neither.into()),
    }
}
