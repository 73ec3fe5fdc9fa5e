//! One event in a consumer's hands: made of its row, handed over until it is done, or kept as a dead letter.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use marketplace_core::{
    causes::Causes,
    publish::{self, BusEvent, Happened, PublishError},
};
use rusqlite::params;

use super::{Consumer, ConsumerError};
use crate::{Embedded, rows};

/// First and longest pause before a failed event is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Handles one event until it is done or never can be; answers its sequence.
pub(super) async fn handle(store: Embedded, consumer: Consumer, happened: Arc<Happened>, delay_ms: u64) -> u64 {
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    let sequence = happened.entry.sequence;
    let mut pause = FIRST_PAUSE;
    loop {
        match once(&store, &consumer, &happened).await {
            Ok(()) => return sequence,
            Err(ConsumerError::Retry(error)) => {
                tracing::warn!(
                    error = %Causes(&*error),
                    consumer = consumer.name,
                    sequence,
                    correlation.id = correlation_id(&happened),
                    "an event will be tried again"
                );
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(ConsumerError::Poison(error)) => {
                tracing::error!(
                    error = %Causes(&*error),
                    consumer = consumer.name,
                    sequence,
                    correlation.id = correlation_id(&happened),
                    "an event is dead-lettered"
                );
                bury(&store, consumer.name, &happened, &*error).await;
                return sequence;
            }
        }
    }
}

fn correlation_id(happened: &Happened) -> Option<String> {
    happened.entry.request.map(|request| request.to_string())
}

#[derive(Debug, thiserror::Error)]
#[error("the consumer panicked")]
struct Panicked;

/// A panic is the event's, and not the end of its consumer.
async fn once(store: &Embedded, consumer: &Consumer, happened: &Happened) -> Result<(), ConsumerError> {
    let event = Arc::new(event(store, consumer, happened).await?);
    let handling = async { (consumer.handler)(event).await };
    match AssertUnwindSafe(handling).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(_) => Err(ConsumerError::Poison(Box::new(Panicked))),
    }
}

/// Makes the event. The tail keeps only what the change itself knew, so what is lacking is read.
async fn event(store: &Embedded, consumer: &Consumer, happened: &Happened) -> Result<BusEvent, ConsumerError> {
    let sequence = happened.entry.sequence;
    let made = match publish::event(happened) {
        Err(PublishError::Incomplete(_)) => {
            let again = store.journal_after(sequence - 1, 1, consumer.kinds).await;
            let again = again.map_err(|error| ConsumerError::Retry(Box::new(error)))?;
            let same = again.first().filter(|row| row.entry.sequence == sequence);
            same.map_or(Ok(None), publish::event)
        }
        made => made,
    };
    let poison = |error: PublishError| ConsumerError::Poison(Box::new(error));
    made.map_err(poison)?.ok_or_else(|| poison(PublishError::Incomplete(sequence)))
}

/// Keeps an event that can never be handled where an operator finds it, however long that takes: it counts as
/// handled from then on.
async fn bury(
    store: &Embedded,
    consumer: &'static str,
    happened: &Happened,
    error: &(dyn std::error::Error + Send + Sync),
) {
    const BURY: &str =
        "INSERT OR IGNORE INTO consumer_dead_letters (consumer, sequence, at, reason) VALUES (?1, ?2, ?3, ?4)";
    let (sequence, at) = (happened.entry.sequence, happened.entry.at);
    let mut pause = FIRST_PAUSE;
    loop {
        let reason = error.to_string();
        let buried = store
            .write_bus(move |transaction| {
                let row = params![consumer, rows::sequence(sequence), rows::micros(at), reason];
                transaction.connection.prepare_cached(BURY)?.execute(row)?;
                Ok(())
            })
            .await;
        let Err(error) = buried else {
            return;
        };
        tracing::error!(error = %Causes(&error), "a dead letter is not kept yet");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
