//! The sender of `marketplace-api`, which seldom sends: it is set up when somebody first has an endpoint tested, since
//! reading the system's certificates takes milliseconds and would be a part of every cold start.

use std::{
    error::Error,
    sync::{Arc, OnceLock},
};

use event_schema::id::MessageId;
use jiff::Timestamp;
use marketplace_core::{
    delivery::PushSettings,
    ports::{Push, PushReport},
};
use webhook_sender::{Endpoint, Sender, SenderConfig, SenderError};

/// A sender that is made when it is needed. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct OnDemand {
    config: Arc<SenderConfig>,
    made: Arc<OnceLock<Sender>>,
}

impl OnDemand {
    pub(crate) fn new(config: SenderConfig) -> Self {
        Self { config: Arc::new(config), made: Arc::default() }
    }

    fn sender(&self) -> Result<Sender, SenderError> {
        if let Some(made) = self.made.get() {
            return Ok(made.clone());
        }
        let sender = Sender::new(&self.config)?;
        Ok(self.made.get_or_init(|| sender).clone())
    }
}

impl Push for OnDemand {
    type Endpoint = (Sender, Arc<Endpoint>);

    fn endpoint(&self, settings: &PushSettings) -> Result<Self::Endpoint, Box<dyn Error + Send + Sync>> {
        let sender = self.sender()?;
        let endpoint = Push::endpoint(&sender, settings)?;
        Ok((sender, endpoint))
    }

    async fn attempt(
        &self,
        (sender, endpoint): &Self::Endpoint,
        id: MessageId,
        body: String,
        now: Timestamp,
    ) -> PushReport {
        Push::attempt(sender, endpoint, id, body, now).await
    }
}
