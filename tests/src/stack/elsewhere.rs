//! What a marketplace on AWS has outside of its own API: the pool of its people, and EventBridge, which pushes.

use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use super::{Observer, Pool, Services, refusals};
use crate::{PartyServer, eventually};

/// See the module. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Elsewhere {
    /// Where people have their accounts.
    pub(crate) pool: Pool,
    services: Services,
    bus: String,
    giving_up: Arc<tokio::sync::Mutex<JoinSet<()>>>,
}

impl Elsewhere {
    pub(super) fn new(pool: Pool, services: Services, bus: String) -> Self {
        Self { pool, services, bus, giving_up: Arc::default() }
    }

    /// From now on EventBridge gives up what this server refuses of a party's messages.
    pub(crate) async fn gives_up(&self, party: &str, server: &PartyServer) {
        let observer = Observer::of(self.services.clone(), &self.bus, &format!("refused-by-{party}")).await;
        let giving_up = refusals::give_up(self.services.clone(), observer, party.to_owned(), server.log());
        self.giving_up.lock().await.spawn(giving_up);
    }

    /// Waits until EventBridge has a route to a party's endpoint.
    pub(crate) async fn route_of(&self, party: &str) {
        let rule = json!({ "Rule": format!("marketplace-to-{party}-prod"), "EventBusName": self.bus });
        eventually(format!("a route to {party}"), async || {
            let answer = self.services.try_json("events", "AWSEvents.ListTargetsByRule", &rule).await;
            answer.json()["Targets"].as_array().is_some_and(|targets| !targets.is_empty()).then_some(())
        })
        .await;
    }
}
