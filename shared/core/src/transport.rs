//! What the outcome of one attempt means, so that both platforms retry, give up and pause alike.
//!
//! The rules are the table under "Push rules" in DESIGN section 6. `managed` follows EventBridge API
//! destinations (AWS, "API destinations as targets in Amazon EventBridge"); `direct` is our own sender.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::retry::RetryAfter;

/// Who carries messages to a party's endpoint, and by which rules.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// As EventBridge API destinations do; on AWS it is one.
    #[default]
    Managed,
    /// Our own sender.
    Direct,
}

/// What came of one HTTP attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// A status line arrived in time.
    Answered {
        /// The HTTP status code.
        status: u16,
        /// The answer's `Retry-After`, if it had one that can be read.
        retry_after: Option<RetryAfter>,
    },
    /// No status line arrived.
    Failed(Failure),
}

impl Outcome {
    /// The status code, if there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::Failed(_) => None,
        }
    }

    /// The word that the attempt's record carries.
    #[must_use]
    pub fn word(&self) -> OutcomeWord {
        match self {
            Self::Answered { status: 200..=299, .. } => OutcomeWord::Delivered,
            Self::Answered { .. } => OutcomeWord::RefusedByStatus,
            Self::Failed(failure) => failure.word(),
        }
    }
}

/// Why an attempt ended without an answer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Failure {
    /// The attempt's time was over before a status line arrived.
    Timeout,
    /// No connection: refused, unreachable, or dropped while connecting.
    ConnectFailed,
    /// The connection was closed or reset before an answer.
    ConnectionLost,
    /// What came back is not HTTP.
    MalformedAnswer,
    /// The TLS handshake failed, such as for a certificate that nobody trusts.
    TlsFailed,
    /// The host name does not resolve.
    NameNotResolved,
    /// The endpoint, or its token endpoint, is at an address that is never called ([`crate::address`]).
    AddressRefused,
    /// No access token could be had from the party's token endpoint.
    TokenFailed,
}

impl Failure {
    /// Every failure.
    pub const ALL: [Self; 8] = [
        Self::Timeout,
        Self::ConnectFailed,
        Self::ConnectionLost,
        Self::MalformedAnswer,
        Self::TlsFailed,
        Self::NameNotResolved,
        Self::AddressRefused,
        Self::TokenFailed,
    ];

    /// The word that the attempt's record carries.
    #[must_use]
    pub fn word(self) -> OutcomeWord {
        match self {
            Self::Timeout => OutcomeWord::Timeout,
            Self::ConnectFailed => OutcomeWord::ConnectFailed,
            Self::ConnectionLost => OutcomeWord::ConnectionLost,
            Self::MalformedAnswer => OutcomeWord::MalformedAnswer,
            Self::TlsFailed => OutcomeWord::TlsFailed,
            Self::NameNotResolved => OutcomeWord::NameNotResolved,
            Self::AddressRefused => OutcomeWord::AddressRefused,
            Self::TokenFailed => OutcomeWord::TokenFailed,
        }
    }
}

/// The `outcome` of an attempt as parties and operators read it; the words never change.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeWord {
    /// Any 2xx.
    Delivered,
    /// Any other status.
    RefusedByStatus,
    /// See [`Failure::Timeout`].
    Timeout,
    /// See [`Failure::ConnectFailed`].
    ConnectFailed,
    /// See [`Failure::ConnectionLost`].
    ConnectionLost,
    /// See [`Failure::MalformedAnswer`].
    MalformedAnswer,
    /// See [`Failure::TlsFailed`].
    TlsFailed,
    /// See [`Failure::NameNotResolved`].
    NameNotResolved,
    /// See [`Failure::AddressRefused`].
    AddressRefused,
    /// See [`Failure::TokenFailed`].
    TokenFailed,
}

impl OutcomeWord {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::RefusedByStatus => "refused_by_status",
            Self::Timeout => "timeout",
            Self::ConnectFailed => "connect_failed",
            Self::ConnectionLost => "connection_lost",
            Self::MalformedAnswer => "malformed_answer",
            Self::TlsFailed => "tls_failed",
            Self::NameNotResolved => "name_not_resolved",
            Self::AddressRefused => "address_refused",
            Self::TokenFailed => "token_failed",
        }
    }
}

impl fmt::Display for OutcomeWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a message became a dead letter; the words never change.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadReason {
    /// The endpoint answered a status that the managed transport does not retry.
    StatusNotRetried,
    /// The endpoint asked, with a negative `Retry-After`, not to be tried again.
    NegativeRetryAfter,
    /// The endpoint is at an address that is never called.
    AddressRefused,
    /// As many attempts as are ever made were made ([`crate::retry::MAX_ATTEMPTS`]).
    AttemptsExhausted,
    /// The next attempt would come later than the party's `max_age_hours` after the first.
    MaxAgeReached,
    /// Whoever carries messages to the endpoint found no way to it that it may go: ours to mend, not the party's.
    RouteBroken,
}

impl DeadReason {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::StatusNotRetried,
        Self::NegativeRetryAfter,
        Self::AddressRefused,
        Self::AttemptsExhausted,
        Self::MaxAgeReached,
        Self::RouteBroken,
    ];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StatusNotRetried => "status_not_retried",
            Self::NegativeRetryAfter => "negative_retry_after",
            Self::AddressRefused => "address_refused",
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::MaxAgeReached => "max_age_reached",
            Self::RouteBroken => "route_broken",
        }
    }
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What to do with the message after an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is delivered; there is nothing left to do.
    Delivered,
    /// Try again by the schedule ([`crate::retry::next`]), but not before this time.
    Retry {
        /// When the endpoint asked, with `Retry-After`, to be called again.
        not_before: Option<Timestamp>,
    },
    /// Put it with the dead letters.
    Dead(DeadReason),
    /// The endpoint is gone (410): stop pushing to this party's environment; its offers stay pending.
    PauseEnvironment,
}

/// The verdict on an attempt that ended at `now`.
#[must_use]
pub fn verdict(transport: Transport, outcome: &Outcome, now: Timestamp) -> Verdict {
    match (transport, outcome) {
        (_, Outcome::Answered { status: 200..=299, .. }) => Verdict::Delivered,
        (Transport::Managed, Outcome::Answered { status, retry_after }) => managed_answer(*status, *retry_after, now),
        (Transport::Managed, Outcome::Failed(failure)) => managed_failure(*failure),
        (Transport::Direct, Outcome::Answered { status: 410, .. }) => Verdict::PauseEnvironment,
        (Transport::Direct, Outcome::Answered { retry_after, .. }) => retry(*retry_after, now),
        (Transport::Direct, Outcome::Failed(_)) => Verdict::Retry { not_before: None },
    }
}

/// A status outside 100..=599 is treated as a 5xx (RFC 9110, section 15).
fn managed_answer(status: u16, retry_after: Option<RetryAfter>, now: Timestamp) -> Verdict {
    match (status, retry_after) {
        (_, Some(RetryAfter::Negative)) => Verdict::Dead(DeadReason::NegativeRetryAfter),
        (401 | 407 | 409 | 429 | 500.. | ..100, _) => retry(retry_after, now),
        (100..=499, _) => Verdict::Dead(DeadReason::StatusNotRetried),
    }
}

/// EventBridge gives up on a bad address at once. A name that does not resolve is retried all the same,
/// as DESIGN asks for every connection error: most such names resolve again within minutes.
fn managed_failure(failure: Failure) -> Verdict {
    match failure {
        Failure::AddressRefused => Verdict::Dead(DeadReason::AddressRefused),
        Failure::Timeout
        | Failure::ConnectFailed
        | Failure::ConnectionLost
        | Failure::MalformedAnswer
        | Failure::TlsFailed
        | Failure::NameNotResolved
        | Failure::TokenFailed => Verdict::Retry { not_before: None },
    }
}

fn retry(retry_after: Option<RetryAfter>, now: Timestamp) -> Verdict {
    Verdict::Retry { not_before: retry_after.and_then(|wish| wish.not_before(now)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn answered(status: u16) -> Outcome {
        Outcome::Answered { status, retry_after: None }
    }

    #[test]
    fn managed_follows_the_table_for_every_status() {
        for status in 0..=999 {
            let expected = match status {
                200..=299 => Verdict::Delivered,
                401 | 407 | 409 | 429 | 500..=999 | 0..=99 => Verdict::Retry { not_before: None },
                _ => Verdict::Dead(DeadReason::StatusNotRetried),
            };
            assert_eq!(verdict(Transport::Managed, &answered(status), NOW), expected, "{status}");
        }
    }

    #[test]
    fn direct_follows_the_table_for_every_status() {
        for status in 0..=999 {
            let expected = match status {
                200..=299 => Verdict::Delivered,
                410 => Verdict::PauseEnvironment,
                _ => Verdict::Retry { not_before: None },
            };
            assert_eq!(verdict(Transport::Direct, &answered(status), NOW), expected, "{status}");
        }
    }

    #[test]
    fn every_failure_is_retried_but_for_a_refused_address_under_managed() {
        for failure in Failure::ALL {
            let outcome = Outcome::Failed(failure);
            let again = Verdict::Retry { not_before: None };
            assert_eq!(verdict(Transport::Direct, &outcome, NOW), again);
            let managed = verdict(Transport::Managed, &outcome, NOW);
            match failure {
                Failure::AddressRefused => {
                    assert_eq!(managed, Verdict::Dead(DeadReason::AddressRefused));
                }
                _ => assert_eq!(managed, again, "{failure:?}"),
            }
        }
    }

    #[test]
    fn retry_after_travels_with_the_verdict() {
        let later = NOW + jiff::SignedDuration::from_secs(30);
        for transport in [Transport::Managed, Transport::Direct] {
            let outcome = Outcome::Answered { status: 503, retry_after: Some(RetryAfter::Seconds(30)) };
            assert_eq!(verdict(transport, &outcome, NOW), Verdict::Retry { not_before: Some(later) });
        }
    }

    #[test]
    fn a_negative_retry_after_ends_it_under_managed_only_and_never_undoes_a_delivery() {
        let with = |status| Outcome::Answered { status, retry_after: Some(RetryAfter::Negative) };
        let dead = Verdict::Dead(DeadReason::NegativeRetryAfter);
        assert_eq!(verdict(Transport::Managed, &with(503), NOW), dead);
        assert_eq!(verdict(Transport::Managed, &with(404), NOW), dead);
        assert_eq!(verdict(Transport::Managed, &with(204), NOW), Verdict::Delivered);
        let again = Verdict::Retry { not_before: None };
        assert_eq!(verdict(Transport::Direct, &with(503), NOW), again);
    }

    #[test]
    fn words_are_those_that_serde_writes() {
        let outcomes = Failure::ALL.map(Outcome::Failed).into_iter();
        for outcome in outcomes.chain([answered(200), answered(500)]) {
            let word = outcome.word();
            assert_eq!(serde_json::to_value(word).unwrap(), word.as_str());
        }
        for reason in DeadReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
