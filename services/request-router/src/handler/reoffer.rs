//! An offer came back: the request goes to everybody else whom routing would choose now.

use event_schema::{id::DeliveryId, status_update::StatusUpdateDetail};
use marketplace_core::{
    backtest::PastRequest,
    command::reoffer::{Progress, Reoffer},
    intake,
    ports::{PartyStore, RequestStore, StoreError, Urgency},
};

use super::{Alarm, Deps, eligible, withdraw_from_leavers};
use crate::RouterError;

/// Offers the request to others in place of this offer, if it came back and that was not done before.
pub(super) async fn in_place_of<S: RequestStore + PartyStore>(
    vacated: DeliveryId,
    update: &StatusUpdateDetail,
    deps: &Deps<S>,
) -> Result<Vec<Alarm>, RouterError> {
    let Some(record) = deps.store.request(vacated.request(), false).await? else {
        return Ok(vec![]);
    };
    if !record.offers.iter().any(|offer| offer.delivery_id == vacated && offer.vacant) {
        return Ok(vec![]);
    }
    let new = intake::from_event_detail(&record.detail).map_err(|error| RouterError::Poison(Box::new(error)))?;
    let event = PastRequest::of(&record).event(record.head.environment)?;
    let eligible = eligible(&event, &new, deps).await?;
    let mut alarms = Vec::new();
    loop {
        let at = deps.clock.now();
        let reoffer = Reoffer {
            vacated,
            eligible: eligible.parties.clone(),
            handed_over: eligible.handed_over.clone(),
            clocks: eligible.clocks.clone(),
            cause: Some(update.metadata.sequence),
            at,
        };
        let reoffered = deps.store.apply(reoffer, Urgency::Ours, None).await?;
        alarms.extend(eligible.alarms(&reoffered.made, at));
        withdraw_from_leavers(reoffered.made, deps).await?;
        match reoffered.progress {
            Progress::Done => return Ok(alarms),
            Progress::More => {}
            Progress::TooEarly => {
                return Err(RouterError::Retry(StoreError::Unavailable("its first round is not over")));
            }
        }
    }
}
