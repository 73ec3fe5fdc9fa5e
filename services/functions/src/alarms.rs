//! Clocks of offers: when something is due, the doorbell rings for it, to the second.
//!
//! When that is stands in the table. Whoever makes an offer rings ahead for what is due soon; a sweep every minute rings
//! for what is due before the next one and for whatever was missed. A ring that is doubled changes nothing.

use std::{collections::BTreeMap, time::Duration};

use event_schema::id::DeliveryId;
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    causes::Causes,
    command::{Refusal, deadline::KeepDeadline},
    ports::{Clock, RequestStore as _, StoreError, Urgency},
};
use platform_aws::Aws;

use crate::{
    doorbell::{AlarmRing, Doorbell, DoorbellError, Ring},
    sqs::Failure,
};

/// How far ahead it is rung: further than from one sweep to the next.
pub const LOOK_AHEAD: SignedDuration = SignedDuration::from_secs(90);

/// Rings for those of these that are due soon, when they are; answers for how many.
///
/// # Errors
/// [`DoorbellError`] when some rings may not have been heard: the sweep has to ring.
pub async fn ring(
    alarms: impl IntoIterator<Item = (DeliveryId, Timestamp)>,
    now: Timestamp,
    doorbell: &Doorbell,
) -> Result<usize, DoorbellError> {
    let mut by_wait = BTreeMap::<Duration, Vec<Ring>>::new();
    for (alarm, at) in alarms {
        let wait = at.duration_since(now);
        if wait < LOOK_AHEAD {
            // SQS waits for whole seconds, and never rings early.
            let seconds = Duration::try_from(wait).unwrap_or(Duration::ZERO).as_secs_f64().ceil();
            by_wait.entry(Duration::from_secs_f64(seconds)).or_default().push(Ring::Alarm(AlarmRing { alarm }));
        }
    }
    let mut count = 0;
    for (wait, rings) in by_wait {
        doorbell.ring(&rings, wait).await?;
        count += rings.len();
    }
    Ok(count)
}

/// The same where it is not worth failing for.
pub async fn try_to_ring(
    alarms: impl IntoIterator<Item = (DeliveryId, Timestamp)>,
    now: Timestamp,
    doorbell: &Doorbell,
) {
    if let Err(error) = ring(alarms, now, doorbell).await {
        tracing::warn!(error = %Causes(&error), "the sweeper has to ring");
    }
}

/// It rang for the clock of this offer: what is due is done, and what is due next rings again.
///
/// # Errors
/// The table could not be read or written.
pub async fn keep(delivery_id: DeliveryId, store: &Aws, doorbell: &Doorbell, clock: &dyn Clock) -> Result<(), Failure> {
    let command = KeepDeadline { delivery_id, at: clock.now() };
    let next = match store.apply(command, Urgency::Ours, None).await {
        Ok(next) => next,
        Err(StoreError::Refused(Refusal::NotFound)) => None,
        Err(error) => return Err(error.into()),
    };
    try_to_ring(next.map(|next| (delivery_id, next)), clock.now(), doorbell).await;
    Ok(())
}
