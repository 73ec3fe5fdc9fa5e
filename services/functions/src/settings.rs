//! A party's settings changed: its managed routes are made what the settings ask for, and what waited is pushed. Or it is
//! certified: that begins.

use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use event_schema::{id::Environment, names, third_party::ThirdPartyDetail};
use marketplace_core::{
    party::{PartyCommand, concerns_routes, fields},
    ports::{PartyStore as _, StoreError},
};
use platform_aws::managed::Route;

use crate::{
    doorbell::{CertificationRing, Ring},
    sqs::{self, Failure},
    tick::{Deps, sweeps},
};

/// Reconciles the routes of the party that an event is about, and rings for what waited for the change: what was kept
/// while the party was paused, or what its inbox holds when it wants pushes from now on; and for its certification.
pub(crate) async fn changed(message: &SqsMessage, deps: &Deps) -> Result<(), Failure> {
    let event = sqs::event(message)?;
    if event.detail_type != names::THIRD_PARTY {
        return Ok(());
    }
    let change: ThirdPartyDetail = serde_json::from_str(event.detail.get())?;
    let changed = change.changed_fields.as_deref().unwrap_or_default();
    if changed.iter().any(|field| field == fields::CERTIFICATION) {
        let ring = CertificationRing { certification: change.third_party.clone() };
        deps.doorbell.ring(&[Ring::Certification(ring)], Duration::ZERO).await?;
    }
    if !concerns_routes(change.change, changed) {
        return Ok(());
    }
    let environments = change.environment.map_or_else(|| Environment::ALL.to_vec(), |one| vec![one]);
    for environment in environments {
        reconcile(&Route { party: change.third_party.clone(), environment }, deps).await?;
        // It may be another endpoint, or one that is said to work again.
        deps.gates.forget((&change.third_party, environment)).await?;
        sweeps::ring(&change.third_party, environment, deps.clock.now(), deps).await?;
    }
    Ok(())
}

/// Makes a route what its party's settings ask for, and says so: from then on offers are handed over to it.
pub(crate) async fn reconcile(route: &Route, deps: &Deps) -> Result<(), Failure> {
    let plan = deps.store.managed_plan(route, deps.buses).await?;
    if deps.managed.reconcile(route, plan.as_ref()).await? {
        tracing::info!(%route, exists = plan.is_some(), "a route was changed");
    }
    if let Some(plan) = plan.filter(|plan| plan.enabled) {
        let made = PartyCommand::RouteMade(route.environment, Box::new(plan.made_for));
        let (party, now) = (route.party.clone(), deps.clock.now());
        match deps.store.apply_to_party(party, made, "delivery".to_owned(), now, None).await {
            // Disabled meanwhile: that event is on its way, too.
            Ok(_) | Err(StoreError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
