//! `clock`: what nothing else wakes for. Every minute: clocks of offers, the outbox, and what is overdue. Every hour: inboxes, the
//! registry's snapshot, and routes that are not as they should be. And whenever a party's settings change: its routes.
//!
//! Attempts, idempotency keys and counters need no sweep: DynamoDB deletes them when their time is over.

mod routes;
pub(crate) mod sweeps;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use marketplace_core::{causes::Causes, ports::Clock};
use platform_aws::{
    Aws,
    gate::Gates,
    managed::{Managed, Spread, buses::Buses},
    outbox::Outbox,
};
use serde::{Deserialize, Serialize};

use crate::{
    doorbell::Doorbell,
    publish::Measured,
    settings,
    sqs::{self, Failure},
    telemetry::Metrics,
};

/// The bus that the clock sweeps the outbox to.
pub type SweptTo = Measured<Spread<aws_sdk_eventbridge::Client>>;

/// What the clock needs.
pub struct Deps {
    /// Offers and parties.
    pub store: Aws,
    /// What waits for the bus.
    pub outbox: Outbox<SweptTo>,
    /// Where endpoints' health is kept.
    pub gates: Gates,
    /// For pushes that are overdue.
    pub doorbell: Doorbell,
    /// Routes.
    pub managed: Managed,
    /// Over how many buses they are spread.
    pub buses: Buses,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// For the alarm.
    pub metrics: Metrics,
}

/// What wakes the clock.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Wake {
    /// Its own schedules.
    Tick(Tick),
    /// Parties' changes.
    Changes(SqsEvent),
}

/// A schedule's input.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Tick {
    /// Which schedule.
    pub tick: Every,
}

/// How often.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Every {
    /// Every minute.
    Minute,
    /// Every hour.
    Hour,
}

/// What the clock answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Nothing.
    Tick(()),
    /// Which changes were not dealt with.
    Changes(SqsBatchResponse),
}

/// Does what it is woken for.
///
/// # Errors
/// The first of what could not be done; the rest was done all the same.
pub async fn handle(wake: Wake, deps: &Deps) -> Result<Answer, Failure> {
    let done = match wake {
        Wake::Changes(batch) => {
            let handled = sqs::handle(&batch, |message| settings::changed(message, deps));
            return Ok(Answer::Changes(handled.await));
        }
        Wake::Tick(Tick { tick: Every::Minute }) => {
            // The clocks first: they are told to the second.
            let alarms = sweeps::alarms(deps).await;
            [("alarms", alarms), ("outbox", sweeps::outbox(deps).await), ("overdue", sweeps::overdue(deps).await)]
                .into_iter()
                .collect()
        }
        Wake::Tick(Tick { tick: Every::Hour }) => [
            ("inboxes", sweeps::inboxes(deps).await),
            ("snapshot", sweeps::snapshot(deps).await),
            ("routes", routes::repair(deps).await),
        ]
        .into_iter()
        .collect::<Vec<_>>(),
    };
    first_failure(done).map(Answer::Tick)
}

fn first_failure(done: Vec<(&'static str, Result<(), Failure>)>) -> Result<(), Failure> {
    let mut first = Ok(());
    for (what, done) in done {
        if let Err(failure) = done {
            tracing::error!(what, error = %Causes(&*failure), "a sweep was not finished");
            first = first.and(Err(failure));
        }
    }
    first
}
