//! Single HTTP attempts at third parties' endpoints.

use std::time::Duration;

use event_schema::id::MessageId;
use jiff::Timestamp;

use crate::{delivery::PushSettings, transport::Outcome};

/// What came of one HTTP attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PushReport {
    /// The outcome; [`crate::transport::verdict`] says what it means.
    pub outcome: Outcome,
    /// How long it took.
    pub latency: Duration,
    /// The first 1 KiB of the answer's body.
    pub answer: String,
}

/// Makes single HTTP attempts at third parties' endpoints.
pub trait Push: Clone + Send + Sync + 'static {
    /// An endpoint made ready for many attempts; made anew when the settings change.
    type Endpoint: Send + Sync + 'static;

    /// Makes an endpoint ready.
    ///
    /// # Errors
    /// The settings cannot be put into a request; parsed settings always can.
    fn endpoint(&self, settings: &PushSettings) -> Result<Self::Endpoint, Box<dyn std::error::Error + Send + Sync>>;

    /// Makes one attempt; takes at most 5 s and always ends in a report.
    fn attempt(
        &self,
        endpoint: &Self::Endpoint,
        id: MessageId,
        body: String,
        now: Timestamp,
    ) -> impl Future<Output = PushReport> + Send;
}
