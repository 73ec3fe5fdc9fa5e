//! What the caller of the notifier does with an event that was not handled.

use marketplace_core::ports::{NoticeError, StoreError};

/// Why an event was not handled. No error at all means done.
#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    /// Try again later.
    #[error("the user cannot be told now")]
    Retry(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It can never be handled, and belongs with the dead letters: the event is not what its name says, or the
    /// user's address is refused for good.
    #[error("the user can never be told")]
    Poison(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for NotifierError {
    fn from(error: StoreError) -> Self {
        match error {
            // The request that the event speaks of is not there: trying again changes nothing.
            StoreError::Refused(refusal) => Self::Poison(Box::new(refusal)),
            StoreError::Conflict | StoreError::Unavailable(_) | StoreError::Unexpected(_) => {
                Self::Retry(Box::new(error))
            }
        }
    }
}

impl From<NoticeError> for NotifierError {
    fn from(error: NoticeError) -> Self {
        match error {
            NoticeError::Retry(_) => Self::Retry(Box::new(error)),
            NoticeError::Permanent(_) => Self::Poison(Box::new(error)),
        }
    }
}

impl From<serde_json::Error> for NotifierError {
    fn from(error: serde_json::Error) -> Self {
        Self::Poison(Box::new(error))
    }
}

impl NotifierError {
    /// The one of two that decides what happens next: what can still be done outweighs what cannot.
    pub(crate) fn graver(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Poison(_), Self::Retry(_)) => other,
            (Self::Retry(_) | Self::Poison(_), _) => self,
        }
    }
}
