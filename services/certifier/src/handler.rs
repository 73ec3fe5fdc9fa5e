//! One look at a party's certification, and what follows from it.

use std::{sync::Arc, time::Duration};

use event_schema::id::PartyId;
use futures::future::join_all;
use marketplace_core::{
    certification::{self, Action, Certification, Ended, Plays, Scene},
    command::{Command, Refusal, cancel::Cancel, rehearse::Rehearse, repeat::Repeat, withdraw::WithdrawLosers},
    party::{Party, PartyCommand},
    ports::{Clock, PartyStore, Push, Randomness, RequestStore, StoreError, Urgency},
};

use crate::{CertifierError, forgery};

/// How soon to look again at one that is under way.
pub const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What goes on with certifications.
#[derive(Clone)]
pub struct Deps<S, P> {
    /// Requests and parties.
    pub store: S,
    /// Makes attempts with wrong signatures.
    pub push: P,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// For keys that are nobody's.
    pub randomness: Arc<dyn Randomness>,
}

/// Goes on with a party's certification; answers when to look again, if it is not over.
///
/// # Errors
/// [`CertifierError`]: look again all the same.
pub async fn go_on<S, P>(id: &PartyId, deps: &Deps<S, P>) -> Result<Option<Duration>, CertifierError>
where
    S: RequestStore + PartyStore,
    P: Push,
{
    let Some(party) = deps.store.party(id).await? else {
        return Ok(None);
    };
    let Some(run) = certification::under_way(&party) else {
        return Ok(None);
    };
    let plays = certification::plays(run, &deps.store).await?;
    let review = certification::review(run, &plays, deps.clock.now());
    // What one of them has begun is ended, whatever becomes of the others.
    let acted = join_all(review.actions.iter().map(|action| act(*action, run, &party, &plays, deps))).await;
    acted.into_iter().collect::<Result<(), _>>()?;
    let Some(faults) = review.end else {
        return Ok(Some(LOOK_AGAIN));
    };
    let (now, passed) = (deps.clock.now(), faults.is_empty());
    let ended = PartyCommand::EndCertification(run.id, Ended { at: now, faults });
    refused_is_done(deps.store.apply_to_party(id.clone(), ended, "certification".to_owned(), now, None).await)?;
    tracing::info!(party.id = %id, certification.id = %run.id, passed, "a certification is over");
    Ok(None)
}

async fn act<S, P>(
    action: Action,
    run: &Certification,
    party: &Party,
    plays: &Plays,
    deps: &Deps<S, P>,
) -> Result<(), CertifierError>
where
    S: RequestStore,
    P: Push,
{
    let (store, at) = (&deps.store, deps.clock.now());
    let delivery = |scene| run.delivery(&party.id, scene);
    match action {
        Action::Begin(scene) => {
            let request = run.asks(&party.id)?;
            let (certification, party) = (run.clone(), party.id.clone());
            apply(store, Rehearse { scene, certification, party, request, at }).await?;
        }
        Action::Repeat(scene) => {
            apply(store, Repeat { delivery_id: delivery(scene), at }).await?;
        }
        Action::Withdraw(scene) => {
            apply(store, WithdrawLosers { request: run.request(scene), cause: None, at }).await?;
        }
        Action::Clear(scene) => {
            apply(store, Cancel { request: run.request(scene), user: None, at }).await?;
        }
        Action::Forge => {
            if let Some(record) = plays.get(&Scene::Forged) {
                forgery::send(run, party, record, deps).await?;
            }
        }
    }
    Ok(())
}

async fn apply<S: RequestStore, C: Command>(store: &S, command: C) -> Result<(), StoreError> {
    refused_is_done(store.apply(command, Urgency::Ours, None).await)
}

/// What is not as it was a moment ago is looked at again.
fn refused_is_done<T>(done: Result<T, StoreError>) -> Result<(), StoreError> {
    match done {
        Ok(_) | Err(StoreError::Refused(Refusal::NotFound | Refusal::State { .. })) => Ok(()),
        Err(error) => Err(error),
    }
}
