//! Every error of the rules and of the ports, and the refusal that a caller reads for it.
//!
//! The matches are exhaustive on purpose: a new variant does not compile until somebody has decided.

use event_schema::request::limits;
use marketplace_core::{
    command::Refusal,
    intake::IntakeError,
    ports::{StoreError, identity::IdentityError},
};

use super::{Challenge, Problem};

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::not_found(),
            Refusal::State { current_status, detail } => Self::state(current_status, detail),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => refusal.into(),
            StoreError::Conflict => Self::unavailable("others kept changing the same thing; nothing was written"),
            StoreError::Unavailable(_) => Self::unavailable("the store is full or busy; nothing was written"),
            StoreError::Unexpected(source) => Self::internal(source),
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Malformed(detail) => Self::malformed(detail),
            IntakeError::TooLarge => Self::too_large(limits::TEXT_BYTES),
            IntakeError::Invalid(faults) => Self::invalid(faults),
        }
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::WrongPassword => Self::unauthorized(Challenge::Any, "unknown account or wrong password"),
            IdentityError::TooManyFailures { retry_after } => {
                Self::too_many("sign-ins to this account failed too often", retry_after)
            }
            IdentityError::Busy => Self::unavailable("too many people are signing in"),
            IdentityError::Unexpected(source) => Self::internal(source),
        }
    }
}
