//! Which of its offers a party wants again.

use event_schema::fault::Fault;
use http_edge::problem::Problem;
use jiff::Timestamp;
use marketplace_core::{
    lifecycle::OfferState,
    replay::{CHOOSABLE, Selection},
};
use serde::Deserialize;

/// The body of `POST /v1/me/replay`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayBody {
    since: Timestamp,
    until: Option<Timestamp>,
    status: Option<Vec<OfferState>>,
    dry_run: Option<bool>,
}

impl ReplayBody {
    /// What is chosen, and whether it is only to be counted.
    pub(super) fn check(self, now: Timestamp) -> Result<(Selection, bool), Problem> {
        let mut faults = Vec::new();
        let since = self.since.max(Timestamp::UNIX_EPOCH);
        let until = self.until.unwrap_or(now);
        if since > until {
            faults.push(Fault::new("/since", "must not be after `until`, nor in the future"));
        }
        let states = self.status.unwrap_or_else(|| CHOOSABLE.to_vec());
        if states.is_empty() || states.len() > CHOOSABLE.len() {
            faults.push(Fault::new("/status", format!("must have 1 to {} entries", CHOOSABLE.len())));
        }
        for (place, _) in states.iter().enumerate().filter(|(_, state)| !CHOOSABLE.contains(state)) {
            let words = CHOOSABLE.map(OfferState::as_str).join("`, `");
            faults.push(Fault::new(format!("/status/{place}"), format!("must be one of `{words}`")));
        }
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        Ok((Selection { since, until: until.min(now), states }, self.dry_run == Some(true)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn check(body: Value) -> Result<(Selection, bool), Problem> {
        serde_json::from_value::<ReplayBody>(body).unwrap().check(NOW)
    }

    #[test]
    fn everything_that_was_sent_until_now_is_chosen_unless_it_says_otherwise() {
        let since: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let (selection, dry_run) = check(json!({ "since": since })).unwrap();
        assert_eq!(selection, Selection { since, until: NOW, states: CHOOSABLE.to_vec() });
        assert!(!dry_run);
        let late = json!({ "since": since, "until": "2999-01-01T00:00:00Z", "status": ["failed"], "dry_run": true });
        let (selection, dry_run) = check(late).unwrap();
        assert_eq!(selection, Selection { since, until: NOW, states: vec![OfferState::Failed] });
        assert!(dry_run);
    }

    #[test]
    fn faults_are_named() {
        let faults =
            |body| check(body).unwrap_err().errors().iter().map(|fault| fault.pointer.clone()).collect::<Vec<_>>();
        assert_eq!(faults(json!({ "since": "2999-01-01T00:00:00Z" })), ["/since"]);
        assert_eq!(faults(json!({ "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z" })), ["/since"]);
        let since = "2026-01-31T12:00:00Z";
        assert_eq!(faults(json!({ "since": since, "status": [] })), ["/status"]);
        assert_eq!(faults(json!({ "since": since, "status": ["failed", "declined"] })), ["/status/1"]);
        assert_eq!(faults(json!({ "since": since, "status": vec!["failed"; 5] })), ["/status"]);
    }
}
