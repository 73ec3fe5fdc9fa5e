//! `notifier`: a status event tells its user.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use marketplace_core::ports::Notices;
use notifier::Deps;
use platform_aws::Aws;

use crate::sqs;

/// Handles a batch of events.
pub async fn handle<N: Notices>(batch: &SqsEvent, deps: &Deps<Aws, N>) -> SqsBatchResponse {
    sqs::handle(batch, |message| async {
        let event = sqs::event(message)?;
        notifier::handle(&event, deps).await?;
        Ok(())
    })
    .await
}
