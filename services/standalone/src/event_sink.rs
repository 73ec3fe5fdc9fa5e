//! Events put from outside become requests at once: on one machine the store is the bus.

use aws_wire::{AcceptedEvent, EventSink, SinkError};
use event_schema::id::RequestId;
use marketplace_core::{
    command::create::Create,
    intake::{self, IntakeError},
    ports::{RequestStore, StoreError, Urgency},
};
use platform_embedded::Embedded;

/// Takes request events into the store.
pub(crate) struct StoreSink(pub(crate) Embedded);

impl EventSink for StoreSink {
    async fn accept(&self, event: AcceptedEvent) -> Result<(), SinkError> {
        let request = intake::from_event_detail(&event.detail).map_err(invalid)?;
        let create = Create { id: RequestId(event.event_id), request, at: event.received_at };
        self.0.apply(create, Urgency::Caller, None).await.map_err(|error| match error {
            StoreError::Unavailable(_) | StoreError::Conflict => SinkError::Unavailable,
            StoreError::Refused(_) | StoreError::Unexpected(_) => SinkError::Unexpected(Box::new(error)),
        })
    }
}

/// All faults in one line, each with the field that it is about.
fn invalid(error: IntakeError) -> SinkError {
    SinkError::Invalid(match error {
        IntakeError::Malformed(detail) => detail,
        IntakeError::TooLarge => "the detail is too large".to_owned(),
        IntakeError::Invalid(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    })
}
