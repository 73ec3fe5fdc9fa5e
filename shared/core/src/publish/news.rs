//! What became of a message, and how an offer or a request stands: facts as the details of their events.

use event_schema::{
    delivery_result::{DeliveryOutcome, DeliveryResultDetail},
    id::{DeliveryId, PartyId, RequestId},
    status_update::{StatusUpdateDetail, UpdateStatus},
};

use super::{Happened, PublishError};
use crate::{fact::Fact, party::GONE};

/// What became of a message.
pub(super) fn delivery_result(
    happened: &Happened,
    request: RequestId,
    fact: &Fact,
) -> Result<DeliveryResultDetail, PublishError> {
    let detail = |third_party: &PartyId, environment, delivery_id, message, attempts| DeliveryResultDetail {
        metadata: happened.metadata(environment),
        request_id: Some(request),
        delivery_id: Some(delivery_id),
        third_party: third_party.clone(),
        environment,
        result: DeliveryOutcome::Delivered,
        message_type: Some(message),
        via: None,
        reason: None,
        attempts: Some(attempts),
    };
    match fact {
        Fact::MessageDelivered { delivery_id, third_party, environment, message, via, attempts } => {
            Ok(DeliveryResultDetail {
                via: Some(*via),
                ..detail(third_party, *environment, *delivery_id, *message, *attempts)
            })
        }
        Fact::MessageHeld { delivery_id, third_party, environment, message } => Ok(DeliveryResultDetail {
            result: DeliveryOutcome::Paused,
            reason: Some(GONE.to_owned()),
            attempts: None,
            ..detail(third_party, *environment, *delivery_id, *message, 0)
        }),
        Fact::MessageFailed { delivery_id, third_party, environment, message, reason, attempts } => {
            Ok(DeliveryResultDetail {
                result: DeliveryOutcome::Failed,
                reason: Some(reason.clone()),
                ..detail(third_party, *environment, *delivery_id, *message, *attempts)
            })
        }
        _ => Err(PublishError::Incomplete(happened.entry.sequence)),
    }
}

/// How an offer, or the request as a whole, stands now.
pub(super) fn status_update(
    happened: &Happened,
    request: RequestId,
    fact: &Fact,
) -> Result<StatusUpdateDetail, PublishError> {
    let about = happened.about()?;
    let whole = |status| StatusUpdateDetail {
        metadata: happened.metadata(about.environment),
        request_id: request,
        user_id: about.user_id.clone(),
        third_party: None,
        delivery_id: None,
        status,
        reason: None,
        details: None,
        won: None,
    };
    let of = |delivery_id: &DeliveryId, third_party: &PartyId, status| StatusUpdateDetail {
        third_party: Some(third_party.clone()),
        delivery_id: Some(*delivery_id),
        ..whole(status)
    };
    match fact {
        Fact::RequestUnmatched => Ok(whole(UpdateStatus::Unmatched)),
        Fact::RequestCancelled => Ok(whole(UpdateStatus::Cancelled)),
        Fact::OfferExpired { delivery_id, third_party, .. } => Ok(of(delivery_id, third_party, UpdateStatus::Expired)),
        Fact::OfferReleased { delivery_id, third_party, reason, .. } => Ok(StatusUpdateDetail {
            reason: Some(reason.clone()),
            ..of(delivery_id, third_party, UpdateStatus::Released)
        }),
        Fact::OfferAnswered { delivery_id, third_party, status, reason, details, won, .. } => Ok(StatusUpdateDetail {
            reason: reason.clone(),
            details: details.clone(),
            won: won.then_some(true),
            ..of(delivery_id, third_party, (*status).into())
        }),
        _ => Err(PublishError::Incomplete(happened.entry.sequence)),
    }
}
