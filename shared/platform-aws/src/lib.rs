//! The ports on AWS: one DynamoDB table is the store, EventBridge the bus, and what is due is pushed by rules or by
//! a function.
//!
//! A command reads, decides and writes in one transaction whose conditions say what was read (`requests`); who
//! comes second reads and decides again. Journal rows are written in the same transaction, marked as unpublished,
//! and [`outbox`] puts them on the bus.

mod changes;
mod contacts;
mod dead_letters;
mod endpoint_tests;
pub mod gate;
mod idempotency;
mod inbox;
pub mod item;
pub mod managed;
pub mod notices;
pub mod outbox;
mod parties;
pub mod registry;
mod replays;
mod requests;
pub mod sealer;
mod sign_ups;
pub mod table;
mod users;

use std::sync::Arc;

use marketplace_core::ports::{Clock, Randomness, Store};

pub use self::idempotency::Guard;
use crate::{registry::Registry, sealer::Sealer, table::Table};

/// The store: every port of it, on one table. Cheap to clone.
#[derive(Clone)]
pub struct Aws {
    table: Table,
    sealer: Sealer,
    registry: Arc<Registry>,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    released: idempotency::Released,
}

impl Store for Aws {}

impl Aws {
    /// The store in this table, with third parties' credentials sealed by this sealer.
    #[must_use]
    pub fn new(table: Table, sealer: Sealer, clock: Arc<dyn Clock>, randomness: Arc<dyn Randomness>) -> Self {
        Self { table, sealer, registry: Arc::default(), clock, randomness, released: idempotency::Released::default() }
    }
}
