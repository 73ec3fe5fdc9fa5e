//! A third party without an endpoint: it fetches from its inbox, acknowledges, and then works.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    Party,
    work::{self, Message},
};

/// The wait after a failed call.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Polls until the demo ends.
pub(super) async fn poll(party: Arc<Party>) {
    loop {
        if let Err(error) = fetch(&party).await {
            tracing::warn!(error = format!("{error:#}"), "polling the inbox failed");
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}

async fn fetch(party: &Arc<Party>) -> anyhow::Result<()> {
    let wish = json!({"max": 10, "wait_seconds": 5, "lease_seconds": 30});
    let leased = party.api.post(&party.key, "/v1/inbox/lease", &wish).await?.expect(StatusCode::OK)?;
    let offers = leased["offers"].as_array().context("a lease without `offers`")?;
    if offers.is_empty() {
        return Ok(());
    }
    let ids: Vec<&Value> = offers.iter().map(|offer| &offer["delivery_id"]).collect();
    let acknowledged = party.api.post(&party.key, "/v1/inbox/ack", &json!({"delivery_ids": ids})).await?;
    acknowledged.expect(StatusCode::OK)?;
    let word = if offers.len() == 1 { "offer" } else { "offers" };
    party.screen.aside(party.role.id, &format!("fetches {} {word} from its inbox, acknowledges", offers.len()));
    for offer in offers {
        if let Some(message) = Message::read(&offer["message"]) {
            work::begin(party, message);
        }
    }
    Ok(())
}
