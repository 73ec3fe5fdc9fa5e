//! The task that does parties' replays, a step at a time; what a stop cuts short goes on at the next start.

use std::{sync::Arc, time::Duration};

use marketplace_core::{causes::Causes, ports::Clock};
use platform_embedded::{Embedded, background::Background};

/// Between two rounds, so that a long replay leaves room for everybody else.
const PAUSE: Duration = Duration::from_millis(50);

/// Before trying again what the store could not take.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Starts it, with what was left to do.
pub(crate) fn start(store: Embedded, clock: Arc<dyn Clock>) -> Background {
    Background::start(async move {
        loop {
            match request_router::replay_some(&store, clock.now()).await {
                Ok(0) => store.until_a_replay_starts().await,
                Ok(_) => tokio::time::sleep(PAUSE).await,
                Err(error) => {
                    tracing::warn!(error = %Causes(&error), "a replay will be tried again");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    })
}
