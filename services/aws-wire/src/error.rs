//! Faults of a whole call, in the shape that AWS JSON 1.1 gives them.
//!
//! Codes, messages and statuses are those that EventBridge answers, as far as they are known: "Common errors" in the
//! Amazon EventBridge API reference, and answers seen by users of its SDKs.

use axum::http::StatusCode;

use crate::sigv4::SigV4Fault;

/// Why a call was refused as a whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// Who is calling is not proven.
    #[error(transparent)]
    Signature(#[from] SigV4Fault),
    /// No such operation, or none that is offered here.
    #[error("The requested operation is not recognized by this service.")]
    UnknownOperation,
    /// The body is not JSON, or a member has the wrong type.
    #[error("{0}")]
    Serialization(String),
    /// A member is missing, too long, or otherwise not as the operation demands.
    #[error("{0}")]
    Validation(String),
    /// The event pattern is not one; the reason is the parser's.
    #[error("Event pattern is not valid. Reason: {0}")]
    InvalidEventPattern(String),
    /// The body is longer than any call may be.
    #[error("The request body is longer than {0} bytes.")]
    TooLarge(usize),
    /// The body did not arrive whole.
    #[error("The request body could not be read.")]
    Unreadable,
}

impl WireError {
    /// A required member that is missing, in the words of AWS's own validation.
    pub(crate) fn missing(member: &str) -> Self {
        Self::constraint("null", member, "Member must not be null")
    }

    /// A member that breaks a constraint of the service's model, in the words of AWS's own validation.
    pub(crate) fn constraint(value: &str, member: &str, constraint: &str) -> Self {
        Self::Validation(format!(
            "1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: {constraint}"
        ))
    }

    /// The code that clients tell faults apart by.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Signature(fault) => fault.code(),
            Self::UnknownOperation => "UnknownOperationException",
            Self::Serialization(_) | Self::Unreadable => "SerializationException",
            Self::Validation(_) => "ValidationException",
            Self::InvalidEventPattern(_) => "InvalidEventPatternException",
            Self::TooLarge(_) => "RequestEntityTooLargeException",
        }
    }

    /// The status of the answer: 400 for the caller's faults, as AWS JSON 1.1 has it.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Signature(_)
            | Self::UnknownOperation
            | Self::Serialization(_)
            | Self::Validation(_)
            | Self::InvalidEventPattern(_)
            | Self::Unreadable => StatusCode::BAD_REQUEST,
        }
    }
}
