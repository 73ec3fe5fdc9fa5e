//! `request-router`: a request event becomes offers, and what ends offers ends them.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use platform_aws::Aws;

use crate::{alarms, doorbell::Doorbell, sqs};

/// What the router needs.
pub struct Deps {
    /// The service.
    pub router: request_router::Deps<Aws>,
    /// For offers that run against a clock.
    pub doorbell: Doorbell,
}

/// Handles a batch of events.
pub async fn handle(batch: &SqsEvent, deps: &Deps) -> SqsBatchResponse {
    sqs::handle(batch, |message| async {
        let event = sqs::event(message)?;
        let alarms = request_router::handle(&event, &deps.router).await?;
        if !alarms.is_empty() {
            let alarms = alarms.into_iter().map(|alarm| (alarm.delivery_id, alarm.at));
            alarms::try_to_ring(alarms, deps.router.clock.now(), &deps.doorbell).await;
        }
        Ok(())
    })
    .await
}
