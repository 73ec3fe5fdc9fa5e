//! Whether a party's endpoint works: a circuit breaker, and for how long nothing but failures has come of attempts.
//!
//! Values in, values out. On one machine a party's worker has it in its hands; senders that share nothing but a store
//! keep it in a row. It is for the direct transport: EventBridge retries by rules of its own.

mod breaker;
mod streak;
mod view;

use event_schema::id::Environment;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use self::breaker::Breaker;
pub use self::{
    breaker::Admission,
    streak::{Failing, PauseAfter, Streak, Warning},
    view::{HealthState, HealthView},
};
use crate::{
    delivery::{DeliverySettings, PushSettings},
    party::{Party, PartyCommand},
    transport::{Outcome, Transport, Verdict, verdict},
};

/// When a breaker opens and for how long, and when nothing but failures is too much.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HealthRules {
    /// How far back the breaker looks.
    pub window: SignedDuration,
    /// With fewer attempts than this in the window it does not open.
    pub least: u32,
    /// Nor with fewer failures among a hundred attempts than this.
    pub percent: u32,
    /// How long it is open at first; it doubles with each probe that fails.
    pub first_wait: SignedDuration,
    /// How long it is open at most.
    pub longest_wait: SignedDuration,
    /// A probe that has not ended after this is lost.
    pub probe: SignedDuration,
    /// After this time of nothing but failures the party is warned.
    pub warn_after: SignedDuration,
    /// After this time it is paused, unless it has set another.
    pub pause_after: SignedDuration,
}

impl Default for HealthRules {
    fn default() -> Self {
        Self {
            window: SignedDuration::from_mins(1),
            least: 10,
            percent: 50,
            first_wait: SignedDuration::from_secs(5),
            longest_wait: SignedDuration::from_mins(5),
            probe: SignedDuration::from_secs(15),
            warn_after: SignedDuration::from_hours(1),
            pause_after: SignedDuration::from_hours(5 * 24),
        }
    }
}

/// What is known of an endpoint.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Health {
    #[serde(default)]
    breaker: Breaker,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failing: Option<Streak>,
}

/// An attempt that has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ended {
    /// Whether it was answered 2xx.
    pub well: bool,
    /// Whether it was the probe.
    pub probe: bool,
    /// When the endpoint asked, with `Retry-After`, to be called again.
    pub not_before: Option<Timestamp>,
    /// When it ended.
    pub at: Timestamp,
}

impl Ended {
    /// What an attempt that ended like this says of the endpoint; none where no breaker is, or the endpoint asks to be
    /// paused.
    #[must_use]
    pub fn of(push: &PushSettings, outcome: &Outcome, probe: bool, at: Timestamp) -> Option<Self> {
        if push.transport == Transport::Managed {
            return None;
        }
        match verdict(push.transport, outcome, at) {
            Verdict::Delivered => Some(Self { well: true, probe, not_before: None, at }),
            Verdict::Retry { not_before } => Some(Self { well: false, probe, not_before, at }),
            Verdict::Dead(_) | Verdict::PauseEnvironment => None,
        }
    }
}

impl Health {
    /// Of an endpoint that has been failing since then, for those who know no more of it.
    #[must_use]
    pub fn failing_since(since: Option<Timestamp>) -> Self {
        Self { breaker: Breaker::default(), failing: since.map(Streak::since) }
    }

    /// Whether attempts may be made now.
    #[must_use]
    pub fn admits(&self, now: Timestamp) -> Admission {
        self.breaker.admits(now)
    }

    /// The one attempt begins by which an open breaker finds out whether the endpoint works again.
    pub fn begin_probe(&mut self, now: Timestamp, rules: &HealthRules) {
        self.breaker.begin_probe(now, rules);
    }

    /// Takes in what came of an attempt.
    pub fn record(&mut self, ended: &Ended, rules: &HealthRules) {
        self.breaker.record(ended, rules);
        if ended.well {
            self.failing = None;
        } else {
            self.failing.get_or_insert_with(|| Streak::since(ended.at)).add();
        }
    }

    /// Whether messages wait for the endpoint to work again.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.breaker.is_shut()
    }

    /// Whether there is nothing to be remembered: another success would change nothing.
    #[must_use]
    pub fn is_untroubled(&self) -> bool {
        self.failing.is_none() && self.breaker.is_untroubled()
    }

    /// Since when nothing but failures has come of attempts.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        self.failing.map(|streak| streak.since)
    }

    /// How bad it has become.
    #[must_use]
    pub fn warning(&self, now: Timestamp, pause_after: Option<PauseAfter>, rules: &HealthRules) -> Option<Failing> {
        let pause_after = pause_after.map_or(rules.pause_after, PauseAfter::duration);
        self.failing.and_then(|streak| streak.warning(now, pause_after, rules))
    }

    /// What is to be done to the party after an attempt on which this is its endpoint's health; none if nothing is.
    #[must_use]
    pub fn consequence(
        &self,
        ended: &Ended,
        party: &Party,
        environment: Environment,
        rules: &HealthRules,
    ) -> Option<PartyCommand> {
        let settings = party.environment(environment);
        if ended.well {
            return settings.failing.map(|_| PartyCommand::Recover(environment));
        }
        let DeliverySettings::Push(push) = &settings.delivery else {
            return None;
        };
        let failing = self.warning(ended.at, push.auto_pause_after_hours, rules)?;
        (!failing.is_told(settings)).then_some(PartyCommand::Fail(environment, failing))
    }

    /// When the next probe may be made; none while the breaker is closed.
    #[must_use]
    pub fn next_probe_at(&self) -> Option<Timestamp> {
        self.breaker.next_probe_at()
    }

    /// What the party sees of it.
    #[must_use]
    pub fn view(&self) -> HealthView {
        HealthView { state: self.breaker.state(), failing_since: self.since(), next_probe_at: self.next_probe_at() }
    }
}

#[cfg(test)]
mod tests;
