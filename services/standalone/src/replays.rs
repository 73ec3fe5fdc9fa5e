//! The task that does parties' replays, a step at a time; what a stop cuts short goes on at the next start.

use std::{sync::Arc, time::Duration};

use marketplace_core::{causes::Causes, ports::Clock};
use platform_embedded::Embedded;
use tokio::{sync::watch, task::JoinHandle};

/// Between two rounds, so that a long replay leaves room for everybody else.
const PAUSE: Duration = Duration::from_millis(50);

/// Before trying again what the store could not take.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// The running task.
pub(crate) struct Replays {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Replays {
    /// Starts it, with what was left to do.
    pub(crate) fn start(store: Embedded, clock: Arc<dyn Clock>) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            while !*stopped.borrow() {
                let pause = match request_router::replay_some(&store, clock.now()).await {
                    Ok(0) => None,
                    Ok(_) => Some(PAUSE),
                    Err(error) => {
                        tracing::warn!(error = %Causes(&error), "a replay will be tried again");
                        Some(STORE_PAUSE)
                    }
                };
                let next = async {
                    match pause {
                        Some(pause) => tokio::time::sleep(pause).await,
                        None => store.until_a_replay_starts().await,
                    }
                };
                tokio::select! {
                    () = next => {}
                    _ = stopped.changed() => {}
                }
            }
        });
        Self { stop, task }
    }

    /// Stops it; what is under way ends or is undone.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.task.abort();
        let _ = self.task.await;
    }
}
