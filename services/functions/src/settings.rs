//! A party's settings changed: its managed routes are made what the settings ask for, and what waited is pushed.

use aws_lambda_events::sqs::SqsMessage;
use event_schema::{
    id::Environment,
    names,
    third_party::{ThirdPartyChange, ThirdPartyDetail},
};
use platform_aws::managed::Route;

use crate::{
    sqs::{self, Failure},
    tick::{Deps, sweeps},
};

/// The name, in an event's `changed_fields`, of what routes are made of.
const DELIVERY: &str = "delivery";

/// Reconciles the routes of the party that an event is about, and rings for what waited for the change: what was kept
/// while the party was paused, or what its inbox holds when it wants pushes from now on.
pub(crate) async fn changed(message: &SqsMessage, deps: &Deps) -> Result<(), Failure> {
    let event = sqs::event(message)?;
    if event.detail_type != names::THIRD_PARTY {
        return Ok(());
    }
    let change: ThirdPartyDetail = serde_json::from_str(event.detail.get())?;
    if !concerns_routes(&change) {
        return Ok(());
    }
    let environments = change.environment.map_or_else(|| Environment::ALL.to_vec(), |one| vec![one]);
    for environment in environments {
        reconcile(&Route { party: change.third_party.clone(), environment }, deps).await?;
        sweeps::ring(&change.third_party, environment, deps.clock.now(), deps).await?;
    }
    Ok(())
}

/// Filters, keys and names make no difference to a route, and its calls are few (EventBridge quotas).
fn concerns_routes(detail: &ThirdPartyDetail) -> bool {
    let fields = detail.changed_fields.as_deref().unwrap_or_default();
    detail.change != ThirdPartyChange::Changed || fields.is_empty() || fields.iter().any(|field| field == DELIVERY)
}

/// Makes a route what its party's settings ask for.
pub(crate) async fn reconcile(route: &Route, deps: &Deps) -> Result<(), Failure> {
    let plan = deps.store.managed_plan(route, deps.buses).await?;
    if deps.managed.reconcile(route, plan.as_ref()).await? {
        tracing::info!(%route, exists = plan.is_some(), "a route was changed");
    }
    Ok(())
}
