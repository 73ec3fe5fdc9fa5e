//! Why a certification did not go on: it is to be tried again.

use std::error::Error;

use marketplace_core::{intake::IntakeError, ports::StoreError};

/// Why a certification did not go on.
#[derive(Debug, thiserror::Error)]
pub enum CertifierError {
    /// The store could not be read or written.
    #[error("the store did not take it")]
    Store(#[from] StoreError),
    /// What is asked for in a scene is no request.
    #[error("a scene's request is none")]
    Request(#[from] IntakeError),
    /// The party's settings cannot be put into a message.
    #[error("nothing can be sent to the endpoint")]
    Endpoint(#[source] Box<dyn Error + Send + Sync>),
}
