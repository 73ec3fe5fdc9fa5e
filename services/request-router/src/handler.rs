//! One event in, what follows from it written down.

mod eligible;
mod reoffer;

use std::sync::Arc;

use event_schema::{
    envelope::Metadata,
    id::{DeliveryId, Environment, PartyId, RequestId},
    kind::EventKind,
    names,
    status_update::{StatusUpdateDetail, UpdateStatus},
    third_party::{ThirdPartyChange, ThirdPartyDetail},
};
use futures::future::try_join_all;
use jiff::Timestamp;
use marketplace_core::{
    command::{
        create::Create,
        route::{FIRST_ROUND, MakeOffers},
        withdraw::{WithdrawFromDisabled, WithdrawLosers},
    },
    intake::{self, NewRequest},
    offer::delivery_id,
    party::PartyState,
    ports::{Clock, Inbox, PageQuery, PartyStore, RequestStore, Urgency},
    publish::BusEvent,
    routing::RoutingTable,
};
use serde::Deserialize;
use serde_json::Value;

use self::eligible::eligible;
use crate::{Forged, RouterError};

/// The events that the router consumes.
pub const KINDS: &[EventKind] = &[EventKind::Request, EventKind::StatusUpdate, EventKind::ThirdParty];

/// How many offers of a disabled party are taken back at the same time.
const SWEEP: usize = 50;

/// What the router needs.
pub struct Deps<S> {
    /// Requests and parties.
    pub store: S,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Who can put events on the bus.
    pub bus: Bus,
    /// Who delivers to parties whose transport is `managed`.
    pub managed: Managed,
}

/// Who can put events on the bus, and so what an event proves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bus {
    /// Nobody but us: what an event says of itself is true.
    Ours,
    /// Others, too, under any name: an event is only believed to be about a stored request when it says what is stored.
    Shared,
}

/// Who delivers to parties whose transport is `managed`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Managed {
    /// We do, as to all others.
    Pushed,
    /// The bus does, once it has the event: such offers are `sent` from the start.
    HandedOver,
}

/// An offer that was made, or made before, against a clock: where the store does not wake by itself, somebody has to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Alarm {
    /// The offer.
    pub delivery_id: DeliveryId,
    /// When something is due first.
    pub at: Timestamp,
}

/// Handles one event; other kinds than [`KINDS`] are done at once. Answers which clocks run from now on.
///
/// # Errors
/// [`RouterError`] says whether to try again.
pub async fn handle<S: RequestStore + PartyStore + Inbox>(
    event: &BusEvent,
    deps: &Deps<S>,
) -> Result<Vec<Alarm>, RouterError> {
    match EventKind::from_detail_type(&event.detail_type) {
        Some(EventKind::Request) => route(event, deps).await,
        Some(EventKind::StatusUpdate) => follow(event, deps).await,
        Some(EventKind::ThirdParty) => sweep(event, deps).await.map(|()| vec![]),
        Some(EventKind::Delivery | EventKind::DeliveryResult) | None => Ok(vec![]),
    }
}

/// The part of a request event that tells ours from one from outside.
#[derive(Deserialize)]
struct Origin {
    metadata: Option<Metadata>,
}

async fn route<S: RequestStore + PartyStore>(event: &BusEvent, deps: &Deps<S>) -> Result<Vec<Alarm>, RouterError> {
    let text = event.detail.get();
    let new = intake::from_event_detail(text).map_err(|error| RouterError::Poison(Box::new(error)))?;
    let Origin { metadata } = serde_json::from_str(text)?;
    if deps.bus == Bus::Shared && event.source != names::SOURCE_MARKET {
        return Err(Forged::Source.into());
    }
    let id = match &metadata {
        Some(metadata) => known_request(metadata, &new, deps).await?,
        None => accept_from_outside(event, &new, deps).await?,
    };
    let whole = intake::request_event(event.id, event.time, &new.detail, metadata.as_ref())?;
    let eligible = eligible(&whole, &new, deps).await?;
    let first = |party: &PartyId| (party.clone(), delivery_id(id, party, new.environment, FIRST_ROUND));
    let made: Vec<_> = eligible.parties.iter().map(first).collect();
    let at = deps.clock.now();
    let alarms = eligible.alarms(&made, at);
    let offers = MakeOffers {
        request: id,
        environment: new.environment,
        parties: eligible.parties,
        handed_over: eligible.handed_over,
        clocks: eligible.clocks,
        last_of: None,
        registry_version: eligible.registry_version,
        cause: metadata.map(|metadata| metadata.sequence),
        at,
    };
    let mut batches = MakeOffers::batches(offers);
    // The marker goes last: until it is there, the event is not handled and the offers are made again, as the same.
    let last = batches.pop();
    try_join_all(batches.into_iter().map(|batch| deps.store.apply(batch, Urgency::Ours, None))).await?;
    if let Some(last) = last {
        deps.store.apply(last, Urgency::Ours, None).await?;
    }
    withdraw_from_leavers(made, deps).await?;
    Ok(alarms)
}

/// Who was disabled while it was offered the request may have been swept before the offer was there.
async fn withdraw_from_leavers<S: RequestStore + PartyStore>(
    offers: Vec<(PartyId, DeliveryId)>,
    deps: &Deps<S>,
) -> Result<(), RouterError> {
    if offers.is_empty() {
        return Ok(());
    }
    let offers = offers.into_iter();
    let left = deps.store.with_routing(|routing| offers.filter(|(party, _)| is_disabled(routing, party)).collect());
    let left: Vec<(PartyId, DeliveryId)> = left.await?;
    withdraw_all(left.into_iter().map(|(_, offer)| offer), deps).await
}

/// A request event of ours carries the request's id as its correlation. Where others can write such events, it has to
/// carry the request itself as well: nobody gets a request offered that was never asked.
async fn known_request<S: RequestStore>(
    metadata: &Metadata,
    new: &NewRequest,
    deps: &Deps<S>,
) -> Result<RequestId, RouterError> {
    let id = metadata.correlation_id.parse().map_err(|error| RouterError::Poison(Box::new(error)))?;
    if deps.bus == Bus::Shared {
        let stored = deps.store.request(id, false).await?.ok_or(Forged::Request)?;
        // As values: a bus may write JSON anew.
        let stored: Value = serde_json::from_str(&stored.detail)?;
        if stored != serde_json::from_str::<Value>(&new.detail)? {
            return Err(Forged::Body.into());
        }
    }
    Ok(id)
}

/// An event from outside is a request that nobody has stored yet; its id is the event's (DESIGN section 6).
async fn accept_from_outside<S: RequestStore>(
    event: &BusEvent,
    new: &NewRequest,
    deps: &Deps<S>,
) -> Result<RequestId, RouterError> {
    let id = RequestId(event.id);
    let create = Create { id, request: new.clone(), at: deps.clock.now() };
    deps.store.apply(create, Urgency::Ours, None).await?;
    Ok(id)
}

/// A win or a cancellation closes the other offers, and what comes back is offered to others; everything else is not the
/// router's. What is stored decides, not what the event says.
async fn follow<S: RequestStore + PartyStore>(event: &BusEvent, deps: &Deps<S>) -> Result<Vec<Alarm>, RouterError> {
    let update: StatusUpdateDetail = serde_json::from_str(event.detail.get())?;
    match (update.status, update.delivery_id) {
        (UpdateStatus::Cancelled, _) => withdraw(&update, deps).await.map(|()| vec![]),
        (UpdateStatus::Expired, Some(vacated)) => reoffer::in_place_of(vacated, &update, deps).await,
        (UpdateStatus::Released, Some(vacated)) => {
            // The round of a winner that gave it back is over: who lost in it hears of that before they are asked again.
            withdraw(&update, deps).await?;
            reoffer::in_place_of(vacated, &update, deps).await
        }
        _ if update.won == Some(true) => withdraw(&update, deps).await.map(|()| vec![]),
        _ => Ok(vec![]),
    }
}

async fn withdraw<S: RequestStore>(update: &StatusUpdateDetail, deps: &Deps<S>) -> Result<(), RouterError> {
    let cause = Some(update.metadata.sequence);
    loop {
        let command = WithdrawLosers { request: update.request_id, cause, at: deps.clock.now() };
        if !deps.store.apply(command, Urgency::Ours, None).await? {
            return Ok(());
        }
    }
}

/// Nobody waits for a party that is disabled: what has not reached it, or waits for it in its inbox, is taken back.
/// Begun anew after a crash, it finds what is left.
async fn sweep<S: RequestStore + PartyStore + Inbox>(event: &BusEvent, deps: &Deps<S>) -> Result<(), RouterError> {
    let ThirdPartyDetail { third_party, change, .. } = serde_json::from_str(event.detail.get())?;
    if change != ThirdPartyChange::Disabled {
        return Ok(());
    }
    let confirmed = deps.bus == Bus::Ours || deps.store.with_routing(|it| is_disabled(it, &third_party)).await?;
    if !confirmed {
        return Err(Forged::Party.into());
    }
    for environment in Environment::ALL {
        let mut cursor = None;
        loop {
            let page = deps.store.waiting(&third_party, environment, PageQuery { cursor, limit: SWEEP }).await?;
            withdraw_all(page.items, deps).await?;
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(())
}

fn is_disabled(routing: &RoutingTable, party: &PartyId) -> bool {
    routing.party(party).is_some_and(|party| party.state == PartyState::Disabled)
}

async fn withdraw_all<S: RequestStore>(
    offers: impl IntoIterator<Item = DeliveryId>,
    deps: &Deps<S>,
) -> Result<(), RouterError> {
    let withdraw = |delivery_id| {
        let command = WithdrawFromDisabled { delivery_id, at: deps.clock.now() };
        deps.store.apply(command, Urgency::Ours, None)
    };
    try_join_all(offers.into_iter().map(withdraw)).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
