//! What a simulated third party does about a message: it answers an offer step by step, or puts it aside.

use std::{sync::Arc, time::Duration};

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::Party;
use crate::demo::{
    answers::{CREATED, WITHDRAWN},
    api::Reply,
    line,
};

/// How long each step takes, in milliseconds.
const STEP: std::ops::Range<u64> = 150..700;

/// How often an answer is sent when the gateway cannot be reached.
const TRIES: u32 = 5;

/// The wait before an answer is sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// What a party reads of a message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    kind: String,
    delivery_id: String,
    /// Which request, shortened.
    request: String,
    /// What is asked for, in words.
    wish: String,
}

impl Message {
    /// None if it is not a message about an offer.
    pub(super) fn read(body: &Value) -> Option<Self> {
        let kind = body.get("type")?.as_str()?.to_owned();
        let delivery_id = body.pointer("/data/delivery_id")?.as_str()?.to_owned();
        let request = body.pointer("/data/request")?;
        Some(Self { kind, delivery_id, request: line::short(request["id"].as_str()?), wish: line::wish(request) })
    }
}

/// Takes note of a message and starts to work on it.
pub(super) fn begin(party: &Arc<Party>, message: Message) {
    let mut notes = party.notes();
    match message.kind.as_str() {
        CREATED if notes.offers.insert(message.delivery_id.clone()) => {
            let what = format!("is offered {}: {}", message.request, message.wish);
            party.screen.routine(party.role.id, &what);
            tokio::spawn(answer(Arc::clone(party), message));
        }
        WITHDRAWN => {
            notes.withdrawn.insert(message.delivery_id);
            drop(notes);
            party.screen.aside(party.role.id, "is told that an offer is withdrawn, and stops");
        }
        _ => {}
    }
}

async fn answer(party: Arc<Party>, message: Message) {
    let Message { delivery_id, request, .. } = message;
    for status in party.role.manner.answers() {
        let pause = party.chance().wait(STEP);
        tokio::time::sleep(pause).await;
        if party.notes().withdrawn.contains(&delivery_id) {
            return;
        }
        let Some(reply) = say(&party, &delivery_id, status).await else {
            return;
        };
        if reply.status == StatusCode::OK {
            party.screen.routine(party.role.id, &format!("says {status} about {request}"));
            party.notes().answered.insert((delivery_id.clone(), (*status).to_owned()));
        } else {
            party.screen.aside(party.role.id, &format!("says {status}, hears {}: {}", reply.status, reply.detail()));
            return;
        }
    }
}

/// Says it until the gateway has heard it; none if it never does.
async fn say(party: &Party, delivery_id: &str, status: &str) -> Option<Reply> {
    let mut body = json!({"status": status});
    if status == "declined" {
        body["reason"] = "fully booked".into();
    }
    let path = format!("/v1/deliveries/{delivery_id}/status");
    let key = format!("{delivery_id}-{status}");
    for _ in 0..TRIES {
        match party.api.post_once(&party.key, &path, &body, &key).await {
            Ok(reply) if !reply.status.is_server_error() => return Some(reply),
            Ok(reply) => tracing::warn!(status = %reply.status, "an answer is sent again"),
            Err(error) => tracing::warn!(%error, "an answer is sent again"),
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
    party.screen.aside(party.role.id, &format!("could not say {status}"));
    None
}
