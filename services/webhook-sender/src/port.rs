//! The sender as the port that delivery workers push through, on every platform.

use std::{error::Error, sync::Arc};

use event_schema::id::MessageId;
use jiff::Timestamp;
use marketplace_core::{
    delivery::PushSettings,
    ports::{Push, PushReport},
};

use crate::{Endpoint, OutgoingMessage, Sender};

impl Push for Sender {
    type Endpoint = Arc<Endpoint>;

    fn endpoint(&self, settings: &PushSettings) -> Result<Arc<Endpoint>, Box<dyn Error + Send + Sync>> {
        Ok(Arc::new(Sender::endpoint(self, settings)?))
    }

    async fn attempt(&self, endpoint: &Arc<Endpoint>, id: MessageId, body: String, now: Timestamp) -> PushReport {
        let message = OutgoingMessage { id, body: body.into() };
        let report = Sender::attempt(self, endpoint, &message, now).await;
        if let Some(detail) = &report.detail {
            tracing::debug!(message.id = %id, detail, "an attempt got no answer");
        }
        PushReport { outcome: report.outcome, latency: report.latency, answer: report.answer }
    }
}
