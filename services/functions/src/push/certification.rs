//! It rang for a party's certification: what is to be done is done, and it rings again until it is over.

use certifier::LOOK_AGAIN;
use marketplace_core::{causes::Causes, ports::Push};

use super::Deps;
use crate::{
    doorbell::{CertificationRing, Ring},
    sqs::Failure,
};

/// A ring that is lost would end it here, so one that cannot be made is a failure: this one comes again.
pub(super) async fn go_on<P: Push>(ring: CertificationRing, deps: &Deps<P>) -> Result<(), Failure> {
    let (store, push) = (deps.store.clone(), deps.push.clone());
    let certifier = certifier::Deps { store, push, clock: deps.clock.clone(), randomness: deps.randomness.clone() };
    let next = certifier::go_on(&ring.certification, &certifier).await.unwrap_or_else(|error| {
        // In time: the queue would bring this ring again when the certification's time is over.
        tracing::warn!(error = %Causes(&error), party.id = %ring.certification, "a certification will be looked at again");
        Some(LOOK_AGAIN)
    });
    if let Some(wait) = next {
        deps.doorbell.ring(&[Ring::Certification(ring)], wait).await?;
    }
    Ok(())
}
