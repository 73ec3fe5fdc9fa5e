//! Leasing: what waits now, or what comes within the time that the caller is willing to wait.

use std::{
    fmt::Write as _,
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use axum::{extract::State, http::StatusCode, response::Response};
use http_edge::{body::JsonBody, caller::PartyCaller, problem::Problem, reply};
use marketplace_core::{
    mapping::Mapping,
    offer::message_id,
    ports::{LeasedOffer, Store},
};
use tokio::sync::watch;

use super::input::{LeaseBody, LeaseTerms};
use crate::{Deps, MAX_WAIT};

/// Longest that nobody looks: a lease that runs out elsewhere wakes nobody.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// When a caller who waited should come back: at once would be too soon if it is not allowed to wait.
const SOON: u8 = 1;

/// When a caller who did not want to wait should come back for what is not there yet.
const LATER: u8 = 5;

pub(super) async fn lease<S: Store>(
    State(mut deps): State<Deps<S>>,
    party: PartyCaller,
    body: JsonBody,
) -> Result<Response, Problem> {
    let terms = body.parse_optional::<LeaseBody>()?.check()?;
    let wait = Duration::from_secs(terms.wait_seconds.into()).min(deps.max_wait).min(MAX_WAIT);
    let offers = lease_within(&mut deps, &party, &terms, wait).await?;
    let next_poll = if offers.len() == terms.max {
        0
    } else if offers.is_empty() && wait.is_zero() {
        LATER
    } else {
        SOON
    };
    Ok(reply::json_text(StatusCode::OK, render(&offers, next_poll, party.settings().mapping.as_deref())))
}

/// Leases are taken only to be answered with at once: who hangs up while waiting has leased nothing.
async fn lease_within<S: Store>(
    deps: &mut Deps<S>,
    party: &PartyCaller,
    terms: &LeaseTerms,
    wait: Duration,
) -> Result<Vec<LeasedOffer>, Problem> {
    let until = Instant::now() + wait;
    let store = deps.edge.store.clone();
    let (id, environment) = (&party.party.id, party.environment);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let mut something = pin!(store.wait(id, environment, left.min(LOOK_AGAIN)));
        // Listens before it looks, so that nothing comes in between unheard.
        let heard =
            !left.is_zero() && poll_fn(|context| Poll::Ready(something.as_mut().poll(context).is_ready())).await;
        let now = deps.edge.now();
        let lease_end = now.saturating_add(terms.lease).map_err(Problem::internal)?;
        let leased = store.lease(id, environment, terms.max, now, lease_end).await?;
        if !leased.is_empty() || left.is_zero() || *deps.closing.borrow() {
            return Ok(leased);
        }
        if !heard {
            tokio::select! {
                () = something => {}
                () = closed(&mut deps.closing) => {}
            }
        }
    }
}

/// Ends when the server is about to stop; never, when nobody is left who could say so.
async fn closed(closing: &mut watch::Receiver<bool>) {
    if closing.wait_for(|closing| *closing).await.is_err() {
        std::future::pending().await
    }
}

/// Every part is JSON already, or an id, a time or a number, which need no escaping.
fn render(offers: &[LeasedOffer], next_poll_after_seconds: u8, mapping: Option<&Mapping>) -> String {
    let mut text = String::from(r#"{"offers":["#);
    for leased in offers {
        if !text.ends_with('[') {
            text.push(',');
        }
        render_offer(&mut text, leased, mapping);
    }
    // Writing to a string cannot fail.
    let _ = write!(text, r#"],"next_poll_after_seconds":{next_poll_after_seconds}}}"#);
    text
}

fn render_offer(text: &mut String, LeasedOffer { offer, detail }: &LeasedOffer, mapping: Option<&Mapping>) {
    let Some(outgoing) = &offer.message else {
        return;
    };
    let id = offer.delivery_id;
    let rendered = offer.text(outgoing, detail, mapping);
    let _ = write!(
        text,
        r#"{{"delivery_id":"{id}","message_id":"{}","lease_expires_at":"{}","message":{rendered}}}"#,
        message_id(id, outgoing.kind),
        outgoing.available_at,
    );
}

#[cfg(test)]
mod tests {
    use event_schema::{
        id::{Environment, RequestId},
        words::MessageType,
    };
    use jiff::Timestamp;
    use marketplace_core::offer::Offer;
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    fn leased(request: u128) -> LeasedOffer {
        let request = RequestId(Uuid::from_u128(request));
        let made = Timestamp::UNIX_EPOCH;
        let mut offer = Offer::new(request, "3rdparty1".parse().unwrap(), Environment::Prod, 1, made);
        if let Some(message) = &mut offer.message {
            message.lease("2026-01-02T03:04:05Z".parse().unwrap());
        }
        LeasedOffer { offer, detail: r#"{"user_id":"u","request_status":"new","amount":1.50}"#.into() }
    }

    #[test]
    fn offers_are_json_with_these_fields() {
        for count in 0..3 {
            let offers: Vec<_> = (0..count).map(leased).collect();
            let text = render(&offers, 5, None);
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["next_poll_after_seconds"], 5);
            let listed = value["offers"].as_array().unwrap();
            assert_eq!(listed.len(), offers.len());
            for (listed, leased) in listed.iter().zip(&offers) {
                let id = leased.offer.delivery_id;
                assert_eq!(listed["delivery_id"], id.to_string());
                assert_eq!(listed["message_id"], message_id(id, MessageType::OfferCreated).to_string());
                assert_eq!(listed["lease_expires_at"], "2026-01-02T03:04:05Z");
                assert_eq!(listed["message"]["type"], "offer.created");
                assert_eq!(listed["message"]["timestamp"], "1970-01-01T00:00:00Z");
                assert_eq!(listed["message"]["data"]["delivery_id"], id.to_string());
            }
            assert_eq!(text.matches(r#""amount":1.50"#).count(), offers.len());
        }
    }
}
