//! A third party has a `ping` sent to its endpoint and sees at once what came of it.
//!
//! The attempt is a real one: the same sender, credentials and signatures as for any message. Nothing of it is kept, and
//! whatever the endpoint answers changes nothing.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::post};
use event_schema::{id::MessageId, message::render_ping};
use http_edge::{
    body::JsonBody,
    caller::{ManagingParty, PartyCaller},
    edge::{AtEdge, Edge},
    idempotency::{self, Admitted, IdempotencyKey},
    problem::Problem,
    reply,
};
use jiff::Timestamp;
use marketplace_core::{
    delivery::{DeliverySettings, PushSettings},
    endpoint_test::TestTurn,
    ports::{Push, PushReport, Store},
    transport::OutcomeWord,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The state of the route. Cloning is cheap.
#[derive(Clone)]
pub struct EndpointTests<S, P> {
    /// Who is calling, and the store.
    pub edge: Edge<S>,
    /// Makes the attempt.
    pub push: P,
}

impl<S: Store, P: Push> AtEdge for EndpointTests<S, P> {
    type Store = S;

    fn edge(&self) -> &Edge<S> {
        &self.edge
    }
}

/// `/v1/me/delivery/test`.
pub fn routes<S: Store, P: Push>(tests: EndpointTests<S, P>) -> Router {
    Router::new().route("/v1/me/delivery/test", post(test::<S, P>)).with_state(tests)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(rename = "type")]
    _kind: Option<Kind>,
}

/// What is sent.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Ping,
}

/// What came of it.
#[derive(Serialize)]
struct Tested<'a> {
    attempt: Attempt<'a>,
    message: Box<RawValue>,
}

#[derive(Serialize)]
struct Attempt<'a> {
    at: Timestamp,
    outcome: OutcomeWord,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    latency_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a str>,
}

async fn test<S: Store, P: Push>(
    State(tests): State<EndpointTests<S, P>>,
    ManagingParty(caller): ManagingParty,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let Wanted { .. } = body.parse_optional()?;
    let now = tests.edge.now();
    let ticket = match key.admit(&tests.edge.store, &caller, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let stamp = ticket.stamp();
    ticket
        .hold(async move {
            let (ping, report) = tests.ping(&caller, now).await?;
            let mut tested = Tested {
                attempt: attempt(&report, now),
                message: RawValue::from_string(ping).map_err(Problem::internal)?,
            };
            let response = reply::json(StatusCode::OK, &tested);
            // What the endpoint said may repeat what was sent to it, its credential too: that is not kept.
            tested.attempt.answer = None;
            let kept = serde_json::to_string(&tested).map_err(Problem::internal)?;
            idempotency::keep(&tests.edge.store, stamp, &idempotency::answer(StatusCode::OK, kept)).await?;
            Ok(response)
        })
        .await?
}

impl<S: Store, P: Push> EndpointTests<S, P> {
    /// Sends a ping in this party's turn, and answers its text and what came of it.
    async fn ping(&self, caller: &PartyCaller, now: Timestamp) -> Result<(String, PushReport), Problem> {
        let (party, environment) = (&caller.party, caller.environment);
        let DeliverySettings::Push(settings) = &party.environment(environment).delivery else {
            return Err(Problem::state("poll", "nothing is pushed here: `mode` is `poll`"));
        };
        if let TestTurn::After(wait) = self.edge.store.begin_test(&party.id, now).await? {
            return Err(Problem::too_many("an endpoint is tested once at a time and a few times a minute", wait));
        }
        let ping = render_ping(now, &party.id, environment);
        let report = self.attempt(settings, ping.clone(), now).await;
        self.edge.store.end_test(&party.id, now).await?;
        let report = report?;
        let outcome = report.outcome.word();
        metrics::counter!("marketplace_endpoint_tests_total", "outcome" => outcome.as_str()).increment(1);
        tracing::info!(party.id = %party.id, %environment, %outcome, "an endpoint was tested");
        Ok((ping, report))
    }

    async fn attempt(&self, settings: &PushSettings, ping: String, now: Timestamp) -> Result<PushReport, Problem> {
        let endpoint = self.push.endpoint(settings).map_err(Problem::internal)?;
        let id = MessageId(self.edge.randomness.uuid(now).into_bytes());
        Ok(self.push.attempt(&endpoint, id, ping, now).await)
    }
}

fn attempt(report: &PushReport, at: Timestamp) -> Attempt<'_> {
    /// Microseconds in a millisecond.
    const MICROSECONDS: f64 = 1_000.0;
    // An attempt takes some seconds at most.
    let latency_us = u32::try_from(report.latency.as_micros()).unwrap_or(u32::MAX);
    Attempt {
        at,
        outcome: report.outcome.word(),
        status_code: report.outcome.status(),
        latency_ms: f64::from(latency_us) / MICROSECONDS,
        answer: report.outcome.status().map(|_| report.answer.as_str()),
    }
}
