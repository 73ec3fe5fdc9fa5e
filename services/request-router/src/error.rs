//! What the caller of the router does with an event that was not handled.

use marketplace_core::ports::StoreError;

/// Why an event was not handled.
#[derive(Debug, thiserror::Error)]
pub enum RouterError {
    /// Try again later.
    #[error("the store could not take it")]
    Retry(#[source] StoreError),
    /// It can never be handled: it is not what its name says.
    #[error("the event is not what its detail-type says")]
    Poison(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What gives away that a request event is not ours, although it says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Forged {
    /// Its source asks for nothing.
    #[error("requests come from another source")]
    Source,
    /// It speaks of a request that is not stored.
    #[error("there is no such request")]
    Request,
    /// It says that a third party is disabled that is not.
    #[error("the third party takes part")]
    Party,
    /// It asks for something else than the request that it speaks of.
    #[error("the request says something else")]
    Body,
}

impl From<Forged> for RouterError {
    fn from(forged: Forged) -> Self {
        Self::Poison(Box::new(forged))
    }
}

impl From<StoreError> for RouterError {
    fn from(error: StoreError) -> Self {
        match error {
            // The request that the event speaks of is not there: trying again changes nothing.
            StoreError::Refused(refusal) => Self::Poison(Box::new(refusal)),
            StoreError::Conflict | StoreError::Unavailable(_) | StoreError::Unexpected(_) => Self::Retry(error),
        }
    }
}

impl From<serde_json::Error> for RouterError {
    fn from(error: serde_json::Error) -> Self {
        Self::Poison(Box::new(error))
    }
}
