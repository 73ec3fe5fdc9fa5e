//! The one table, as the adapters use it: consistent reads, pages of an index, and transactions with conditions.
//!
//! What DynamoDB cannot take now is tried again here, with the same token, so that a write whose answer was lost is
//! not made twice. Who came second ([`TableError::Conflict`]) has to read and decide again, which is the caller's.

mod error;
mod patience;
mod query;
mod spec;
mod write;

use std::{fmt, sync::Arc, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    config::{self, retry::RetryConfig, timeout::TimeoutConfig},
    types::KeysAndAttributes,
};
use futures::{TryFutureExt as _, future::try_join_all};
use marketplace_core::ports::Randomness;
use tokio::time::Instant;

use self::error::classified;
pub use self::{
    error::TableError,
    patience::Patience,
    query::{Index, Page, Query, Range},
    spec::TTL_ATTRIBUTE,
    write::{Condition, Update, Write},
};
use crate::item::{Item, Key};

/// Most keys of one `BatchGetItem`.
const MOST_KEYS: usize = 100;

/// A call that takes longer is given up and tried again; DynamoDB answers within milliseconds.
const LONGEST_CALL: Duration = Duration::from_secs(3);

/// The one table. Cheap to clone.
#[derive(Clone)]
pub struct Table {
    client: Client,
    name: Arc<str>,
    randomness: Arc<dyn Randomness>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Table {
    /// The table of this name. Calls are tried again here and nowhere else, so the SDK's own tries are turned off.
    pub fn new(config: &SdkConfig, name: impl Into<Arc<str>>, randomness: Arc<dyn Randomness>) -> Self {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(LONGEST_CALL).build();
        let config = config::Builder::from(config).retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        Self { client: Client::from_conf(config.build()), name: name.into(), randomness }
    }

    /// How long work on it is tried again; see [`Patience`].
    #[must_use]
    pub fn patience(&self) -> Patience<'_> {
        Patience::new(&*self.randomness)
    }

    /// One row as it is now.
    ///
    /// # Errors
    /// [`TableError::Busy`] or [`TableError::Unexpected`].
    pub async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        let get = || {
            let get = self.client.get_item().table_name(&*self.name).consistent_read(true);
            get.set_key(Some(key.attributes())).send().map_err(classified)
        };
        Ok(self.patiently(get).await?.item.map(Item::from))
    }

    /// Those of these rows that there are, as they are now, in no order.
    ///
    /// # Errors
    /// [`TableError::Busy`] or [`TableError::Unexpected`].
    pub async fn get_all(&self, keys: &[Key]) -> Result<Vec<Item>, TableError> {
        let parts = keys.chunks(MOST_KEYS).map(|keys| self.get_batch(keys));
        Ok(try_join_all(parts).await?.into_iter().flatten().collect())
    }

    async fn get_batch(&self, keys: &[Key]) -> Result<Vec<Item>, TableError> {
        let (mut patience, mut items) = (self.patience(), vec![]);
        let mut open: Vec<_> = keys.iter().map(Key::attributes).collect();
        loop {
            let wanted = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(open)).build()?;
            let get = || {
                let get = self.client.batch_get_item().request_items(&*self.name, wanted.clone());
                get.send().map_err(classified)
            };
            let got = self.patiently(get).await?;
            items.extend(got.responses.into_iter().flatten().flat_map(|(_, items)| items).map(Item::from));
            let rest = got.unprocessed_keys.and_then(|mut rest| rest.remove(&*self.name));
            open = rest.map(|rest| rest.keys).unwrap_or_default();
            if open.is_empty() {
                return Ok(items);
            }
            // Too much for one answer, or throttled in part: the rest is asked for again.
            if !patience.again().await {
                return Err(TableError::Busy("keys are left unprocessed".into()));
            }
        }
    }

    /// Calls again, later and later, while DynamoDB cannot take it or its answer is lost.
    async fn patiently<T, F>(&self, call: impl Fn() -> F) -> Result<T, TableError>
    where
        F: Future<Output = Result<T, TableError>>,
    {
        self.patiently_within(Duration::MAX, call).await
    }

    /// The same, no later than this from now.
    async fn patiently_within<T, F>(&self, time: Duration, call: impl Fn() -> F) -> Result<T, TableError>
    where
        F: Future<Output = Result<T, TableError>>,
    {
        let (begun, mut patience) = (Instant::now(), self.patience());
        loop {
            let error = match call().await {
                Err(error @ TableError::Busy(_)) => error,
                answer => return answer,
            };
            if !patience.again().await || begun.elapsed() > time {
                return Err(error);
            }
        }
    }
}
