//! The bus, as the outbox needs it.

use std::error::Error;

use aws_sdk_eventbridge::{Client, types::PutEventsRequestEntry};

/// A `PutEvents` as a whole failed: whether any of its entries was taken is unknown.
#[derive(Debug, thiserror::Error)]
#[error("PutEvents failed")]
pub struct BusError(#[source] pub Box<dyn Error + Send + Sync>);

/// Where events go.
pub trait Bus: Clone + Send + Sync + 'static {
    /// Puts up to ten events on the bus; says of each, in order, by which id the bus knows it from now on, or none when
    /// it was not taken.
    fn put(
        &self,
        entries: Vec<PutEventsRequestEntry>,
    ) -> impl Future<Output = Result<Vec<Option<String>>, BusError>> + Send;
}

impl Bus for Client {
    async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Result<Vec<Option<String>>, BusError> {
        let answer = self.put_events().set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| BusError(Box::new(error)))?;
        for entry in answer.entries() {
            if let Some(code) = entry.error_code() {
                tracing::warn!(code, message = entry.error_message(), "an event was not taken");
            }
        }
        Ok(answer.entries.unwrap_or_default().into_iter().map(|entry| entry.event_id).collect())
    }
}
