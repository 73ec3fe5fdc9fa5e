//! Logs, metrics and failures: JSON lines on standard output, which is where Lambda reads them. No bodies, no secrets.
//!
//! The runtime gives every line the id of its invocation (`requestId`), and [`crate::sqs`] the message that it is about.

use std::{
    io::{self, Write as _},
    sync::Arc,
};

use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use marketplace_core::causes::Causes;
use serde_json::{Map, Value, json};
use tracing::level_filters::LevelFilter;

use crate::{config, sqs::Failure};

/// Where metrics are found in `CloudWatch`.
const NAMESPACE: &str = "Marketplace";

/// Starts logging, at the level that Lambda's own settings say (`AWS_LAMBDA_LOG_LEVEL`).
pub fn start() {
    let level = config::environment("AWS_LAMBDA_LOG_LEVEL").and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .init();
}

/// What Lambda is told of a failed invocation: a word that never changes, by which it is counted, and the whole story.
pub fn failed(word: &'static str) -> impl Fn(Failure) -> Diagnostic {
    move |failure| Diagnostic { error_type: word.to_owned(), error_message: Causes(&*failure).to_string() }
}

/// What a metric counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// Things.
    Count,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
}

/// One metric and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// In which unit.
    pub unit: Unit,
    /// At least one.
    pub values: Vec<u64>,
}

/// Tells metrics of one table.
#[derive(Clone, Debug)]
pub struct Metrics {
    table: Arc<str>,
}

impl Metrics {
    /// Of the table of this name.
    pub fn new(table: impl Into<Arc<str>>) -> Self {
        Self { table: table.into() }
    }

    /// Tells these metrics, if there are any.
    pub fn tell(&self, metrics: &[Metric], now: Timestamp) {
        if metrics.is_empty() {
            return;
        }
        let line = self.line(metrics, now);
        if let Err(error) = writeln!(io::stdout().lock(), "{line}") {
            tracing::warn!(error = %Causes(&error), "metrics were not told");
        }
    }

    /// A line in `CloudWatch`'s embedded metric format (`CloudWatch` User Guide, "Specification: Embedded metric format").
    #[must_use]
    pub fn line(&self, metrics: &[Metric], now: Timestamp) -> Value {
        let definition = |metric: &Metric| json!({ "Name": metric.name, "Unit": format!("{:?}", metric.unit) });
        let directive = json!({
            "Namespace": NAMESPACE,
            "Dimensions": [["Table"]],
            "Metrics": metrics.iter().map(definition).collect::<Vec<_>>(),
        });
        let mut line = Map::new();
        line.insert("_aws".into(), json!({ "Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive] }));
        line.insert("Table".into(), json!(self.table));
        line.extend(metrics.iter().map(|metric| (metric.name.to_owned(), json!(metric.values))));
        Value::Object(line)
    }
}

#[cfg(test)]
mod tests {
    use marketplace_core::ports::StoreError;

    use super::*;

    #[test]
    fn a_failure_is_told_with_all_that_led_to_it() {
        let cause = "x".parse::<u8>().unwrap_err();
        let told = failed("ClockFailed")(Box::new(StoreError::Unexpected(Box::new(cause))));
        assert_eq!(told.error_type, "ClockFailed");
        assert_eq!(told.error_message, "the store failed: invalid digit found in string");
    }

    #[test]
    fn metrics_are_in_the_embedded_format() {
        let requests = Metric { name: "Requests", unit: Unit::Count, values: vec![3] };
        let time = Metric { name: "TimeToAnswer", unit: Unit::Milliseconds, values: vec![12, 7] };
        let now = Timestamp::constant(1_800_000_000, 5_000_000);
        assert_eq!(
            Metrics::new("marketplace-table").line(&[requests, time], now),
            json!({
                "_aws": {
                    "Timestamp": 1_800_000_000_005_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Marketplace",
                        "Dimensions": [["Table"]],
                        "Metrics": [
                            { "Name": "Requests", "Unit": "Count" },
                            { "Name": "TimeToAnswer", "Unit": "Milliseconds" },
                        ],
                    }],
                },
                "Table": "marketplace-table",
                "Requests": [3],
                "TimeToAnswer": [12, 7],
            })
        );
    }
}
