//! What a polling party may ask for, with its bounds (DESIGN section 6).

use std::ops::RangeInclusive;

use event_schema::fault::Fault;
use http_edge::problem::Problem;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// Most offers that one call names.
const MAX_IDS: usize = 1_000;

/// How many offers one lease takes.
const MAX: RangeInclusive<u16> = 1..=100;

/// How many seconds a caller may wait for something to come.
const WAIT_SECONDS: RangeInclusive<u16> = 0..=20;

/// How many seconds a lease holds.
const LEASE_SECONDS: RangeInclusive<u16> = 10..=3_600;

/// The body of `POST /v1/inbox/lease`; everything has a default.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LeaseBody {
    max: Option<u16>,
    wait_seconds: Option<u16>,
    lease_seconds: Option<u16>,
}

/// What a lease is to be.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct LeaseTerms {
    pub(super) max: usize,
    pub(super) wait_seconds: u16,
    pub(super) lease: SignedDuration,
}

impl LeaseBody {
    pub(super) fn check(&self) -> Result<LeaseTerms, Problem> {
        let mut faults = Vec::new();
        let max = bounded(&mut faults, "/max", self.max.unwrap_or(10), &MAX);
        let wait_seconds = bounded(&mut faults, "/wait_seconds", self.wait_seconds.unwrap_or(0), &WAIT_SECONDS);
        let lease = bounded(&mut faults, "/lease_seconds", self.lease_seconds.unwrap_or(60), &LEASE_SECONDS);
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        Ok(LeaseTerms { max: max.into(), wait_seconds, lease: SignedDuration::from_secs(lease.into()) })
    }
}

/// The body of `POST /v1/inbox/ack`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Acknowledged {
    delivery_ids: Vec<String>,
}

/// The body of `POST /v1/inbox/release`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Released {
    delivery_ids: Vec<String>,
}

/// The body of `POST /v1/inbox/extend`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Extended {
    delivery_ids: Vec<String>,
    lease_seconds: u16,
}

impl Acknowledged {
    pub(super) fn check(self) -> Result<Vec<String>, Problem> {
        few_enough(self.delivery_ids)
    }
}

impl Released {
    pub(super) fn check(self) -> Result<Vec<String>, Problem> {
        few_enough(self.delivery_ids)
    }
}

impl Extended {
    /// The offers, and until when they are to be kept.
    pub(super) fn check(self, now: Timestamp) -> Result<(Vec<String>, Timestamp), Problem> {
        let mut faults = Vec::new();
        let lease = bounded(&mut faults, "/lease_seconds", self.lease_seconds, &LEASE_SECONDS);
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        let until = now.saturating_add(SignedDuration::from_secs(lease.into())).map_err(Problem::internal)?;
        Ok((few_enough(self.delivery_ids)?, until))
    }
}

fn few_enough(ids: Vec<String>) -> Result<Vec<String>, Problem> {
    if ids.len() > MAX_IDS {
        return Err(Problem::invalid_field("/delivery_ids", format!("must have at most {MAX_IDS} entries")));
    }
    Ok(ids)
}

fn bounded(faults: &mut Vec<Fault>, pointer: &str, value: u16, range: &RangeInclusive<u16>) -> u16 {
    if !range.contains(&value) {
        faults.push(Fault::new(pointer, format!("must be a whole number from {} to {}", range.start(), range.end())));
    }
    value
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn terms(body: Value) -> Result<LeaseTerms, Vec<String>> {
        let body: LeaseBody = serde_json::from_value(body).unwrap();
        body.check().map_err(|problem| problem.errors().iter().map(|fault| fault.pointer.clone()).collect())
    }

    #[test]
    fn a_lease_is_of_ten_for_a_minute_at_once_unless_asked_otherwise() {
        let expected = LeaseTerms { max: 10, wait_seconds: 0, lease: SignedDuration::from_mins(1) };
        assert_eq!(terms(json!({})), Ok(expected));
        let expected = LeaseTerms { max: 100, wait_seconds: 20, lease: SignedDuration::from_hours(1) };
        assert_eq!(terms(json!({ "max": 100, "wait_seconds": 20, "lease_seconds": 3600 })), Ok(expected));
    }

    #[test]
    fn every_bound_holds_and_every_fault_is_named() {
        let faults = Err(vec!["/max".to_owned(), "/wait_seconds".to_owned(), "/lease_seconds".to_owned()]);
        assert_eq!(terms(json!({ "max": 0, "wait_seconds": 21, "lease_seconds": 9 })), faults);
        assert_eq!(terms(json!({ "max": 101, "wait_seconds": 60, "lease_seconds": 3601 })), faults);
    }

    #[test]
    fn a_thousand_ids_are_enough() {
        let acknowledged = |count: usize| Acknowledged { delivery_ids: vec![String::new(); count] }.check();
        assert!(acknowledged(MAX_IDS).is_ok());
        assert_eq!(acknowledged(MAX_IDS + 1).unwrap_err().errors()[0].pointer, "/delivery_ids");
    }
}
