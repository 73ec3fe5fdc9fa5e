//! Certifications go on by one task that looks at each that is under way, and sleeps while there is none.

use std::{error::Error, sync::Arc};

use certifier::{Deps, LOOK_AGAIN};
use futures::future::join_all;
use marketplace_core::ports::{Clock, Randomness};
use platform_embedded::Embedded;
use tokio::{sync::watch, task::JoinHandle};
use webhook_sender::Sender;

/// The running task.
pub(crate) struct Certifications {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Certifications {
    /// Starts it; those that were under way before go on.
    pub(crate) fn start(store: Embedded, push: Sender, clock: Arc<dyn Clock>, randomness: Arc<dyn Randomness>) -> Self {
        let deps = Deps { store, push, clock, randomness };
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            while !*stopped.borrow() {
                let under_way = deps.store.certifications();
                join_all(under_way.iter().map(|party| go_on(party, &deps))).await;
                let next = async {
                    if under_way.is_empty() {
                        deps.store.certification_begun().await;
                    } else {
                        tokio::time::sleep(LOOK_AGAIN).await;
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

    /// Stops it; what is under way goes on after the next start.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn go_on(party: &event_schema::id::PartyId, deps: &Deps<Embedded, Sender>) {
    if let Err(error) = certifier::go_on(party, deps).await {
        tracing::warn!(error = &error as &dyn Error, party.id = %party, "a certification will be looked at again");
    }
}
