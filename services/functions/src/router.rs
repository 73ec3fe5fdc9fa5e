//! `request-router`: a request event becomes offers, and what ends offers ends them.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use platform_aws::Aws;
use request_router::Deps;

use crate::sqs;

/// Handles a batch of events.
pub async fn handle(batch: &SqsEvent, deps: &Deps<Aws>) -> SqsBatchResponse {
    sqs::handle(batch, |message| async {
        let event = sqs::event(message)?;
        Ok(request_router::handle(&event, deps).await?)
    })
    .await
}
