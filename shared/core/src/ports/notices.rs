//! Messages to people: e-mail and SMS.

use uuid::Uuid;

/// A message to a person.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notice {
    /// The same for every attempt to send it.
    pub id: Uuid,
    /// By which channel, and where.
    pub to: Recipient,
    /// For e-mail.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// Where a notice goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Recipient {
    /// An e-mail address.
    Email(String),
    /// A phone number in E.164 form.
    Sms(String),
}

/// Why a notice did not go out.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// Try again later.
    #[error("the notice could not be sent now")]
    Retry(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Never: the address is refused.
    #[error("the notice can never be sent")]
    Permanent(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sends messages to people.
pub trait Notices: Clone + Send + Sync + 'static {
    /// Whether there is a way to reach this recipient at all. Without one nothing is sent, and nothing recorded as told.
    fn reaches(&self, _to: &Recipient) -> bool {
        true
    }

    /// Hands one notice over. Repeating the same id must, where the channel allows, make one message.
    fn send(&self, notice: &Notice) -> impl Future<Output = Result<(), NoticeError>> + Send;
}
