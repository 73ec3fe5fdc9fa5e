//! `delivery-recorder`: what became of what EventBridge delivers. Its dead letters say what it gave up, the bus's log
//! says what arrived.

mod bus_log;
mod dead_letter;

use std::sync::Arc;

use aws_lambda_events::{
    cloudwatch_logs::LogsEvent,
    sqs::{SqsBatchResponse, SqsEvent},
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

/// What wakes the recorder.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Wake {
    /// Dead letters of managed routes.
    DeadLetters(SqsEvent),
    /// Records of the bus's log.
    BusLog(Box<LogsEvent>),
}

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
    match wake {
        Wake::DeadLetters(batch) => {
            let handled = sqs::handle(&batch, |message| dead_letter::record(message, deps));
            Ok(Answer::DeadLetters(handled.await))
        }
        Wake::BusLog(records) => bus_log::record(&records, deps).await.map(Answer::BusLog),
    }
}
