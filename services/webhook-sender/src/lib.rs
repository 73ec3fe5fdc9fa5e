//! One HTTP attempt at a third party's endpoint, one outcome: nothing here decides, retries or stores.
//!
//! What an outcome means is [`marketplace_core::transport`]'s business, and when to try again
//! [`marketplace_core::retry`]'s. The sender is used by the delivery workers on one machine and by the
//! `direct` transport on AWS, and is careful for both: a party's endpoint may be slow, broken or hostile.
//!
//! ```no_run
//! # use event_schema::id::MessageId;
//! # use marketplace_core::delivery::PushSettings;
//! # use webhook_sender::{OutgoingMessage, Sender, SenderConfig};
//! # async fn deliver(settings: &PushSettings, now: jiff::Timestamp) -> Result<(), Box<dyn std::error::Error>> {
//! let sender = Sender::new(&SenderConfig::default())?;
//! let endpoint = sender.endpoint(settings)?; // Keep it as long as the settings are in force.
//! let message = OutgoingMessage { id: MessageId([7; 16]), body: "{}".into() };
//! let report = sender.attempt(&endpoint, &message, now).await;
//! # Ok(()) }
//! ```

mod answer;
mod endpoint;
mod fault;
mod guard;
mod oauth;
mod port;
mod sender;

pub use self::{
    answer::ANSWER_LIMIT,
    endpoint::{Endpoint, EndpointError},
    sender::{AttemptReport, OutgoingMessage, Sender, SenderConfig, SenderError},
};
