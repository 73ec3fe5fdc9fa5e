//! What a back-test may be asked, with its bounds.

use event_schema::{fault::Fault, id::RequestId};
use http_edge::{caller::PartyCaller, problem::Problem};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{backtest::BackTest, ports::Window};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::pattern_field;

/// How far back a window goes that does not say.
const DAYS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Most samples of each kind, and how many there are unless asked otherwise.
const MOST_SAMPLES: u8 = 20;
const SAMPLES: u8 = 5;

/// The body of `POST /v1/me/filter/test`. As with the setting, `{"pattern": null}` is a filter, and `{}` a mistake.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    #[serde(deserialize_with = "Option::deserialize")]
    pattern: Option<Box<RawValue>>,
    window: Option<WindowBody>,
    request_id: Option<RequestId>,
    samples: Option<u8>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowBody {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// What is to be done.
pub(super) struct Asked {
    pub(super) test: BackTest,
    pub(super) window: Window,
    pub(super) request_id: Option<RequestId>,
    pub(super) samples: usize,
}

impl Body {
    pub(super) fn check(self, caller: &PartyCaller, now: Timestamp) -> Result<Asked, Problem> {
        let mut faults = Vec::new();
        let filter = self.pattern.map(|raw| pattern_field::read("/pattern", &raw)).transpose();
        let filter = filter.unwrap_or_else(|fault| {
            faults.push(fault);
            None
        });
        let window = self.window.unwrap_or_default().check(now);
        if window.from > window.to {
            faults.push(Fault::new("/window/from", "must not be after the window's end"));
        }
        let samples = self.samples.unwrap_or(SAMPLES);
        if samples > MOST_SAMPLES {
            faults.push(Fault::new("/samples", format!("must be a whole number from 0 to {MOST_SAMPLES}")));
        }
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        if !caller.party.environment(caller.environment).open {
            return Err(Problem::state("closed", "this environment is not open to you yet, nor is its past"));
        }
        let test = BackTest {
            party: caller.party.id.clone(),
            environment: caller.environment,
            scope: caller.party.scope.clone(),
            filter,
        };
        Ok(Asked { test, window, request_id: self.request_id, samples: samples.into() })
    }
}

impl WindowBody {
    /// The future has no requests.
    fn check(&self, now: Timestamp) -> Window {
        let to = self.to.map_or(now, |to| to.min(now));
        let from = self.from.unwrap_or_else(|| to.checked_sub(DAYS).unwrap_or(Timestamp::MIN));
        Window { from, to }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn window(body: Value) -> (Timestamp, Timestamp) {
        let Window { from, to } = serde_json::from_value::<WindowBody>(body).unwrap().check(NOW);
        (from, to)
    }

    #[test]
    fn a_window_is_the_last_seven_days_unless_it_says_otherwise() {
        let early: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        assert_eq!(window(json!({})), (NOW - DAYS, NOW));
        assert_eq!(window(json!({ "from": early })), (early, NOW));
        assert_eq!(window(json!({ "to": early })), (early - DAYS, early));
        assert_eq!(window(json!({ "from": early, "to": "2999-01-01T00:00:00Z" })), (early, NOW));
    }
}
