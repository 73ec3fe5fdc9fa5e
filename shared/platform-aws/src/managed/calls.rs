//! Calls of EventBridge's control plane: one pace for all of them, and another try for those that only came too early.
//!
//! An account has 50 such calls a second, and the number is fixed (EventBridge quotas); everybody in it shares them.

use std::{error::Error, sync::Arc, time::Duration};

use aws_sdk_eventbridge::error::{ProvideErrorMetadata, SdkError};
use marketplace_core::ports::Randomness;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, sleep_until},
};

/// The time between two calls: half of what the account has.
const BETWEEN: Duration = Duration::from_millis(40);

/// Tries of one call before its error counts.
const TRIES: u32 = 8;

/// The wait after the first try, doubled after each, spread by half.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Error codes that another try may not meet.
const TRANSIENT: [&str; 5] = [
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "ConcurrentModificationException",
    "InternalException",
];

/// Why a route is not as it should be. Reconciling again starts where this one ended.
#[derive(Debug, thiserror::Error)]
pub enum ManagedError {
    /// AWS did not do it.
    #[error("cannot {action}")]
    Refused {
        /// What was asked.
        action: &'static str,
        /// What AWS said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// What was there a moment ago is gone, or an answer lacks what every answer has.
    #[error("AWS's answer to `{0}` lacks what was asked for")]
    Incomplete(&'static str),
    /// The connection cannot be used: its token endpoint refuses the credentials, or it takes too long.
    #[error("the connection {name} is not authorized: {reason}")]
    NotAuthorized {
        /// Which connection.
        name: String,
        /// AWS's words.
        reason: String,
    },
}

impl ManagedError {
    pub(super) fn refused(action: &'static str, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Refused { action, source: Box::new(source) }
    }
}

/// Keeps the pace of all calls that are made through it.
pub(super) struct Calls {
    next: Mutex<Instant>,
    randomness: Arc<dyn Randomness>,
}

impl Calls {
    pub(super) fn new(randomness: Arc<dyn Randomness>) -> Self {
        Self { next: Mutex::new(Instant::now()), randomness }
    }

    /// Makes a call; none when what it is about does not exist.
    pub(super) async fn find<T, E, F>(
        &self,
        action: &'static str,
        send: impl Fn() -> F + Send + Sync,
    ) -> Result<Option<T>, ManagedError>
    where
        F: Future<Output = Result<T, SdkError<E>>> + Send,
        T: Send,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        self.unless("ResourceNotFoundException", action, send).await
    }

    /// Makes a call; none when it meets this error.
    async fn unless<T, E, F>(
        &self,
        code: &'static str,
        action: &'static str,
        send: impl Fn() -> F + Send + Sync,
    ) -> Result<Option<T>, ManagedError>
    where
        F: Future<Output = Result<T, SdkError<E>>> + Send,
        T: Send,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let mut tries = 0;
        loop {
            self.turn().await;
            tries += 1;
            match send().await {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) if error.code() == Some(code) => return Ok(None),
                Err(error) if tries < TRIES && is_transient(&error) => sleep(self.wait(tries)).await,
                Err(error) => return Err(ManagedError::refused(action, error)),
            }
        }
    }

    /// Makes a call about what has to exist.
    pub(super) async fn make<T, E, F>(
        &self,
        action: &'static str,
        send: impl Fn() -> F + Send + Sync,
    ) -> Result<T, ManagedError>
    where
        F: Future<Output = Result<T, SdkError<E>>> + Send,
        T: Send,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        self.find(action, send).await?.ok_or(ManagedError::Incomplete(action))
    }

    /// Creates something; none when somebody else has created it meanwhile.
    pub(super) async fn create<T, E, F>(
        &self,
        action: &'static str,
        send: impl Fn() -> F + Send + Sync,
    ) -> Result<Option<T>, ManagedError>
    where
        F: Future<Output = Result<T, SdkError<E>>> + Send,
        T: Send,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        self.unless("ResourceAlreadyExistsException", action, send).await
    }

    fn wait(&self, tries: u32) -> Duration {
        let nominal = FIRST_WAIT * 2_u32.saturating_pow(tries.saturating_sub(1));
        nominal.mul_f64(0.5 + self.randomness.fraction())
    }

    async fn turn(&self) {
        let mut next = self.next.lock().await;
        sleep_until(*next).await;
        *next = Instant::now() + BETWEEN;
    }
}

fn is_transient<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => true,
        _ => error.code().is_some_and(|code| TRANSIENT.contains(&code)),
    }
}
