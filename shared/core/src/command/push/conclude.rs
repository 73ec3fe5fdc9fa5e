//! What follows from an attempt, by the party's transport and the schedule of retries: the same wherever it was made.

use jiff::Timestamp;

use super::{Disposition, RecordAttempt};
use crate::{
    delivery::PushSettings,
    offer::{Attempt, Offer, Outgoing},
    ports::PushReport,
    retry,
    transport::{Verdict, verdict},
};

/// What is to be recorded of an attempt at this offer's message that began and ended at these times, and whether the
/// party asked to be paused. None when the offer has no message. `shut` says that messages wait for the endpoint to work
/// again; `fraction` is for jitter, in `[0, 1)`.
#[must_use]
pub fn conclude(
    offer: &Offer,
    push: &PushSettings,
    report: PushReport,
    (began, ended): (Timestamp, Timestamp),
    shut: bool,
    fraction: f64,
) -> Option<(RecordAttempt, bool)> {
    let message = offer.message.as_ref()?;
    let (disposition, pause) = dispose(message, push, &report, (began, ended), shut, fraction);
    let attempt = Attempt {
        at: began,
        message: message.kind,
        outcome: report.outcome.word().as_str().to_owned(),
        status_code: report.outcome.status(),
        latency_us: u64::try_from(report.latency.as_micros()).unwrap_or(u64::MAX),
        answer: (!report.answer.is_empty()).then_some(report.answer),
    };
    Some((RecordAttempt { delivery_id: offer.delivery_id, attempt, disposition, at: ended }, pause))
}

fn dispose(
    message: &Outgoing,
    push: &PushSettings,
    report: &PushReport,
    (began, ended): (Timestamp, Timestamp),
    shut: bool,
    fraction: f64,
) -> (Disposition, bool) {
    let first = message.first_attempt_at.unwrap_or(began);
    let max_age = push.max_age_hours.duration();
    match verdict(push.transport, &report.outcome, ended) {
        Verdict::Delivered => (Disposition::Delivered, false),
        Verdict::Dead(reason) => (Disposition::Dead(reason.to_string()), false),
        Verdict::PauseEnvironment => (Disposition::Hold, true),
        Verdict::Retry { not_before } => {
            let next = if shut {
                retry::wait_in_line(message.created_at, first, ended, max_age, not_before)
            } else {
                retry::next(message.attempts + 1, first, ended, fraction, max_age, not_before)
            };
            match next {
                retry::Next::At(at) if shut => (Disposition::Wait(at), false),
                retry::Next::At(at) => (Disposition::RetryAt(at), false),
                retry::Next::GiveUp(reason) => (Disposition::Dead(reason.to_string()), false),
            }
        }
    }
}
