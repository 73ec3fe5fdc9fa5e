//! One event in, what follows from it written down.

use std::sync::Arc;

use event_schema::{
    envelope::Metadata,
    id::RequestId,
    kind::EventKind,
    status_update::{StatusUpdateDetail, UpdateStatus},
};
use futures::future::try_join_all;
use marketplace_core::{
    command::{create::Create, route::MakeOffers, withdraw::WithdrawLosers},
    intake::{self, NewRequest},
    pattern::Fields,
    ports::{Clock, PartyStore, RequestStore, Urgency},
    publish::BusEvent,
};
use serde::Deserialize;
use serde_json::Value;

use crate::RouterError;

/// The events that the router consumes.
pub const KINDS: &[EventKind] = &[EventKind::Request, EventKind::StatusUpdate];

/// What the router needs.
pub struct Deps<S> {
    /// Requests and parties.
    pub store: S,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// Handles one event; other kinds than [`KINDS`] are done at once.
///
/// # Errors
/// [`RouterError`] says whether to try again.
pub async fn handle<S: RequestStore + PartyStore>(event: &BusEvent, deps: &Deps<S>) -> Result<(), RouterError> {
    match EventKind::from_detail_type(&event.detail_type) {
        Some(EventKind::Request) => route(event, deps).await,
        Some(EventKind::StatusUpdate) => withdraw(event, deps).await,
        Some(EventKind::Delivery | EventKind::DeliveryResult | EventKind::ThirdParty) | None => Ok(()),
    }
}

/// The part of a request event that tells ours from one from outside.
#[derive(Deserialize)]
struct Origin {
    metadata: Option<Metadata>,
}

async fn route<S: RequestStore + PartyStore>(event: &BusEvent, deps: &Deps<S>) -> Result<(), RouterError> {
    let text = event.detail.get();
    let new = intake::from_event_detail(text).map_err(|error| RouterError::Poison(Box::new(error)))?;
    let Origin { metadata } = serde_json::from_str(text)?;
    let id = match &metadata {
        Some(metadata) => request_id(metadata)?,
        None => accept_from_outside(event, &new, deps).await?,
    };
    let whole = intake::request_event(event.id, event.time, &new.detail, metadata.as_ref())?;
    let (parties, registry_version) = eligible(&whole, &new, deps).await?;
    let offers = MakeOffers {
        request: id,
        environment: new.environment,
        parties,
        last_of: None,
        registry_version,
        cause: metadata.map(|metadata| metadata.sequence),
        at: deps.clock.now(),
    };
    let mut batches = MakeOffers::batches(offers);
    // The marker goes last: until it is there, the event is not handled and the offers are made again, as the same.
    let last = batches.pop();
    try_join_all(batches.into_iter().map(|batch| deps.store.apply(batch, Urgency::Ours, None))).await?;
    if let Some(last) = last {
        deps.store.apply(last, Urgency::Ours, None).await?;
    }
    Ok(())
}

/// A request event of ours carries the request's id as its correlation.
fn request_id(metadata: &Metadata) -> Result<RequestId, RouterError> {
    metadata.correlation_id.parse().map_err(|error| RouterError::Poison(Box::new(error)))
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

async fn eligible<S: PartyStore>(
    event: &Value,
    new: &NewRequest,
    deps: &Deps<S>,
) -> Result<(Vec<event_schema::id::PartyId>, u64), RouterError> {
    let fields = Fields::new(event);
    let matched = deps
        .store
        .with_routing(|routing| {
            (routing.route(&fields, new.environment, new.addressed_to.as_deref()), routing.version())
        })
        .await?;
    Ok(matched)
}

/// A win or a cancellation closes the other offers; everything else is not the router's.
async fn withdraw<S: RequestStore>(event: &BusEvent, deps: &Deps<S>) -> Result<(), RouterError> {
    let update: StatusUpdateDetail = serde_json::from_str(event.detail.get())?;
    if update.won != Some(true) && update.status != UpdateStatus::Cancelled {
        return Ok(());
    }
    let cause = Some(update.metadata.sequence);
    loop {
        let command = WithdrawLosers { request: update.request_id, cause, at: deps.clock.now() };
        if !deps.store.apply(command, Urgency::Ours, None).await? {
            return Ok(());
        }
    }
}
