//! What goes out is counted: the business, as the dashboard shows it.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use event_schema::{
    delivery_result::{DeliveryOutcome, DeliveryResultDetail},
    kind::EventKind,
    status_update::{StatusUpdateDetail, UpdateStatus},
    words::MessageType,
};
use jiff::Timestamp;
use marketplace_core::ports::Clock;
use platform_aws::outbox::{Bus, BusError};
use serde::Deserialize;

use crate::telemetry::{Metric, Metrics, Unit};

/// A bus whose events are counted as it takes them.
#[derive(Clone)]
pub struct Measured<B> {
    bus: B,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
}

impl<B> Measured<B> {
    /// Counts what this bus takes.
    pub fn new(bus: B, metrics: Metrics, clock: Arc<dyn Clock>) -> Self {
        Self { bus, metrics, clock }
    }
}

impl<B: Bus> Bus for Measured<B> {
    async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Result<Vec<Option<String>>, BusError> {
        let seen: Vec<_> = entries.iter().map(seen).collect();
        let taken = self.bus.put(entries).await?;
        let mut tally = Tally::default();
        for seen in seen.into_iter().zip(&taken).filter_map(|(seen, id)| seen.filter(|_| id.is_some())) {
            tally.count(seen);
        }
        self.metrics.tell(&tally.metrics(), self.clock.now());
        Ok(taken)
    }
}

/// What an event means to the business.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Seen {
    Request,
    Offer,
    Delivered,
    Dead,
    /// After so many milliseconds, if it is known when the request was made.
    Answered(Option<u64>),
}

fn seen(entry: &PutEventsRequestEntry) -> Option<Seen> {
    let detail = entry.detail()?;
    match EventKind::from_detail_type(entry.detail_type()?)? {
        EventKind::Request => Some(Seen::Request),
        EventKind::Delivery => {
            let Delivery { message } = serde_json::from_str(detail).ok()?;
            (message.kind == MessageType::OfferCreated).then_some(Seen::Offer)
        }
        EventKind::DeliveryResult => match serde_json::from_str::<DeliveryResultDetail>(detail).ok()?.result {
            DeliveryOutcome::Delivered => Some(Seen::Delivered),
            DeliveryOutcome::Failed => Some(Seen::Dead),
            DeliveryOutcome::Paused => None,
        },
        EventKind::StatusUpdate => {
            let update: StatusUpdateDetail = serde_json::from_str(detail).ok()?;
            // What an offer's answer is; work on it and its end come besides.
            let answers = matches!(update.status, UpdateStatus::Accepted | UpdateStatus::Declined);
            answers.then(|| Seen::Answered(time_to(&update)))
        }
        EventKind::ThirdParty => None,
    }
}

/// As much of a delivery as says what it tells.
#[derive(Deserialize)]
struct Delivery {
    message: Kind,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: MessageType,
}

/// Ids of requests that were made here begin with their time (RFC 9562, version 7); those from the bus do not.
fn time_to(update: &StatusUpdateDetail) -> Option<u64> {
    let (seconds, nanoseconds) = update.request_id.0.get_timestamp()?.to_unix();
    let asked = Timestamp::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?).ok()?;
    let waited = update.metadata.occurred_at.duration_since(asked).as_millis();
    u64::try_from(waited).ok()
}

#[derive(Default)]
struct Tally {
    counts: BTreeMap<&'static str, u64>,
    times: Vec<u64>,
}

impl Tally {
    fn count(&mut self, seen: Seen) {
        let name = match seen {
            Seen::Request => "Requests",
            Seen::Offer => "Offers",
            Seen::Delivered => "Delivered",
            Seen::Dead => "Dead",
            Seen::Answered(time) => {
                self.times.extend(time);
                "Answered"
            }
        };
        *self.counts.entry(name).or_default() += 1;
    }

    fn metrics(self) -> Vec<Metric> {
        let count = |(name, count)| Metric { name, unit: Unit::Count, values: vec![count] };
        let mut metrics: Vec<_> = self.counts.into_iter().map(count).collect();
        if !self.times.is_empty() {
            metrics.push(Metric { name: "TimeToAnswer", unit: Unit::Milliseconds, values: self.times });
        }
        metrics
    }
}
