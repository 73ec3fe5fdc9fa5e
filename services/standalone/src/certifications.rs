//! Certifications go on by one task that looks at each that is under way, and sleeps while there is none.

use std::{collections::HashSet, sync::Arc};

use certifier::{Deps, LOOK_AGAIN};
use event_schema::id::PartyId;
use futures::{StreamExt as _, stream::FuturesUnordered};
use marketplace_core::{
    causes::Causes,
    ports::{Clock, Randomness},
};
use platform_embedded::{Embedded, background::Background};
use webhook_sender::Sender;

/// Starts it; those that were under way before go on.
pub(crate) fn start(
    store: Embedded,
    push: Sender,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
) -> Background {
    let deps = Deps { store, push, clock, randomness };
    Background::start(async move {
        let (mut looks, mut looked_at) = (FuturesUnordered::new(), HashSet::new());
        loop {
            for party in deps.store.certifications() {
                if looked_at.insert(party.clone()) {
                    looks.push(look(party, &deps));
                }
            }
            tokio::select! {
                () = deps.store.certification_begun() => {}
                Some(party) = looks.next() => {
                    looked_at.remove(&party);
                }
            }
        }
    })
}

/// Looks at one, and waits until it may be looked at again: no party waits for another's endpoint.
async fn look(party: PartyId, deps: &Deps<Embedded, Sender>) -> PartyId {
    if let Err(error) = certifier::go_on(&party, deps).await {
        tracing::warn!(error = %Causes(&error), party.id = %party, "a certification will be looked at again");
    }
    tokio::time::sleep(LOOK_AGAIN).await;
    party
}
