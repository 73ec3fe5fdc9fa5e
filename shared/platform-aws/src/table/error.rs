//! What can come of a call to the table, told apart by what the caller has to do.

use std::error::Error;

use aws_sdk_dynamodb::{
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
};
use marketplace_core::{causes::Causes, ports::StoreError};

use crate::item::ItemError;

/// Why a call to the table did nothing, or may have done nothing.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A condition does not hold, or another transaction has the same rows in its hands: read and decide again.
    #[error("another write came first")]
    Conflict {
        /// Which of the writes had a condition that does not hold; empty when it was only bad timing.
        failed: Vec<usize>,
    },
    /// Throttled, timed out, or out of order, again and again.
    #[error("the table cannot take it now")]
    Busy(#[source] Box<dyn Error + Send + Sync>),
    /// A row is not what this program writes.
    #[error(transparent)]
    Item(#[from] ItemError),
    /// Something that nobody foresaw.
    #[error("the table failed")]
    Unexpected(#[source] Box<dyn Error + Send + Sync>),
}

impl TableError {
    /// Whether the condition of this write did not hold.
    #[must_use]
    pub fn refused(&self, write: usize) -> bool {
        matches!(self, Self::Conflict { failed } if failed.contains(&write))
    }
}

impl From<BuildError> for TableError {
    fn from(error: BuildError) -> Self {
        Self::Unexpected(Box::new(error))
    }
}

impl From<TableError> for StoreError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Conflict { .. } => Self::Conflict,
            TableError::Busy(error) => {
                tracing::warn!(error = %Causes(&*error), "the table cannot take it now");
                Self::Unavailable("the table is busy")
            }
            TableError::Item(error) => Self::Unexpected(Box::new(error)),
            TableError::Unexpected(error) => Self::Unexpected(error),
        }
    }
}

/// Error codes that mean "later" (DynamoDB Developer Guide, "Error handling with DynamoDB").
const LATER: [&str; 8] = [
    "InternalServerError",
    "InternalFailure",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "Throttling",
    "TransactionInProgressException",
];

/// The code of a single write whose condition does not hold.
const CONDITION: &str = "ConditionalCheckFailedException";

/// The code of a single write that met a transaction.
const MET_A_TRANSACTION: &str = "TransactionConflictException";

/// What an error of any call means.
pub(super) fn classified<E>(error: SdkError<E>) -> TableError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match error.code() {
        Some(CONDITION) => TableError::Conflict { failed: vec![0] },
        Some(MET_A_TRANSACTION) => TableError::Conflict { failed: vec![] },
        code if code.is_some_and(|code| LATER.contains(&code)) || is_lost(&error) => TableError::Busy(Box::new(error)),
        _ => TableError::Unexpected(Box::new(error)),
    }
}

/// No answer came, or one of a server that is out of order: whether the call was done is unknown.
fn is_lost<E>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(answer) => answer.raw().status().is_server_error(),
        _ => false,
    }
}

/// What an error of a transaction means: each write of a cancelled one has a reason of its own.
pub(super) fn classified_transaction(error: SdkError<TransactWriteItemsError>) -> TableError {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return classified(error);
    };
    let codes = || cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default()).enumerate();
    let having = |wanted: &'static str| codes().filter(move |(_, code)| *code == wanted).map(|(place, _)| place);
    let failed: Vec<usize> = having("ConditionalCheckFailed").collect();
    let later = ["ThrottlingError", "ProvisionedThroughputExceeded"];
    if !failed.is_empty() || having("TransactionConflict").next().is_some() {
        TableError::Conflict { failed }
    } else if codes().any(|(_, code)| later.contains(&code)) {
        TableError::Busy(Box::new(error))
    } else {
        TableError::Unexpected(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::{
        config::http::HttpResponse,
        error::ErrorMetadata,
        operation::get_item::GetItemError,
        types::{CancellationReason, error::TransactionCanceledException},
    };

    use super::*;

    fn answer(status: u16) -> HttpResponse {
        HttpResponse::new(status.try_into().unwrap(), "".into())
    }

    fn cancelled(codes: &[&str]) -> TableError {
        let reasons = codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect();
        let error = TransactionCanceledException::builder().set_cancellation_reasons(Some(reasons)).build();
        let error = TransactWriteItemsError::TransactionCanceledException(error);
        classified_transaction(SdkError::service_error(error, answer(400)))
    }

    #[test]
    fn a_cancelled_transaction_says_which_condition_failed() {
        let failed = cancelled(&["None", "ConditionalCheckFailed", "None", "ConditionalCheckFailed"]);
        assert!(failed.refused(1) && failed.refused(3) && !failed.refused(0));
        let unlucky = cancelled(&["None", "TransactionConflict"]);
        assert!(matches!(&unlucky, TableError::Conflict { failed } if failed.is_empty()), "{unlucky:?}");
        let both = cancelled(&["ThrottlingError", "TransactionConflict"]);
        assert!(matches!(both, TableError::Conflict { .. }), "{both:?}");
        for code in ["ThrottlingError", "ProvisionedThroughputExceeded"] {
            assert!(matches!(cancelled(&["None", code]), TableError::Busy(_)), "{code}");
        }
        assert!(matches!(cancelled(&["ValidationError"]), TableError::Unexpected(_)));
    }

    #[test]
    fn what_may_pass_is_told_from_what_stays() {
        let of = |code: &str, status| {
            let error = GetItemError::generic(ErrorMetadata::builder().code(code).build());
            classified(SdkError::service_error(error, answer(status)))
        };
        for code in LATER {
            assert!(matches!(of(code, 400), TableError::Busy(_)), "{code}");
        }
        assert!(matches!(of("", 503), TableError::Busy(_)));
        assert!(of(CONDITION, 400).refused(0));
        assert!(matches!(of(MET_A_TRANSACTION, 400), TableError::Conflict { failed } if failed.is_empty()));
        for code in ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"] {
            assert!(matches!(of(code, 400), TableError::Unexpected(_)), "{code}");
        }
        let timeout: SdkError<GetItemError> = SdkError::timeout_error("slow");
        assert!(matches!(classified(timeout), TableError::Busy(_)));
    }
}
