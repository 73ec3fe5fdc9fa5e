//! Whoever leads a party's backlog pushes what is due, oldest first, as far as the party's rate goes, and rings for the
//! next turn of the lead, until nothing is due any more.

use std::time::Duration;

use event_schema::id::DeliveryId;
use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    causes::Causes,
    delivery::PushSettings,
    health::Admission,
    ports::{PartyStore as _, Push},
    transport::Transport,
};
use platform_aws::gate::{Lead, Place, spacing};
use tokio::time::Instant;

use super::{Deps, Way, push_due, pushed_to, ring_again, watch::Watch};
use crate::{
    doorbell::{BacklogRing, Ring},
    sqs::Failure,
};

/// Most messages that are looked at in one turn of the lead.
const MOST: usize = 512;

/// Messages of which one is the probe: the index may still have some that are delivered or leased by now.
const CANDIDATES: usize = 5;

/// Attempts at the same time.
const AT_ONCE: usize = 64;

/// No attempt of a turn begins later than this; a function ends after 30 s, and an attempt takes up to 5.
const LONGEST: Duration = Duration::from_secs(15);

/// By how much the index of what is due may lag behind the table.
const LAG: SignedDuration = SignedDuration::from_secs(2);

/// What is due now is in the index before this much later.
const MOMENT: SignedDuration = SignedDuration::from_micros(1);

/// A turn of the lead.
pub(super) async fn lead<P: Push>(ring: &BacklogRing, watch: &Watch, deps: &Deps<P>) -> Result<(), Failure> {
    let place = (&ring.third_party, ring.environment);
    let party = deps.store.party(place.0).await?;
    let pushed = party.as_deref().and_then(|party| Some((party, pushed_to(party, place.1)?)));
    let Some((party, push)) = pushed else {
        return end(place, ring.lease, deps).await;
    };
    match turn(ring, push, watch, deps).await? {
        Turn::Elsewhere => Ok(()),
        Turn::Nothing => end(place, ring.lease, deps).await,
        Turn::Again(lead) => {
            ring_for(place, Some(lead.lease), lead.at, deps).await;
            Ok(())
        }
        Turn::Probe { oldest, lead } => {
            let way = Way { party, push, watch, probe: true };
            for delivery in oldest {
                // By what comes of it the breaker turns, and somebody is rung for.
                if push_due(delivery, &way, deps).await? {
                    return Ok(());
                }
            }
            ring_for(place, Some(lead.lease), lead.at, deps).await;
            Ok(())
        }
        Turn::Due { granted, left, lead } => {
            push_all(&granted, &Way { party, push, watch, probe: false }, place, deps).await;
            if !left {
                return end(place, Some(lead.lease), deps).await;
            }
            ring_for(place, Some(lead.lease), lead.at, deps).await;
            Ok(())
        }
    }
}

/// What there is to do for whoever comes to lead.
enum Turn {
    /// Nothing: somebody else leads.
    Elsewhere,
    /// Nothing is due.
    Nothing,
    /// Nothing for now.
    Again(Lead),
    /// One message, to find out whether the endpoint works again: the oldest that is still due.
    Probe { oldest: Vec<DeliveryId>, lead: Lead },
    /// So many messages, in their order.
    Due {
        granted: Vec<DeliveryId>,
        /// Whether more is due than that.
        left: bool,
        lead: Lead,
    },
}

async fn turn<P: Push>(
    ring: &BacklogRing,
    push: &PushSettings,
    watch: &Watch,
    deps: &Deps<P>,
) -> Result<Turn, Failure> {
    let place = (&ring.third_party, ring.environment);
    let spacing = spacing(push.rate_limit_per_second);
    loop {
        let now = deps.clock.now();
        let Some(standing) = deps.gates.standing(place, ring.lease, now).await? else {
            return Ok(Turn::Elsewhere);
        };
        watch.saw(place, standing.health().clone()).await;
        let works = push.transport == Transport::Managed || standing.health().admits(now) == Admission::Attempts;
        let most = if works { MOST } else { CANDIDATES };
        let mut due = deps.store.overdue(place.0, place.1, now.saturating_add(MOMENT)?, most).await?;
        if due.is_empty() {
            return Ok(Turn::Nothing);
        }
        let turn = if works {
            let turns = deps.gates.lead(place, &standing, spacing, due.len() as u64, now).await?;
            turns.map(|(granted, lead)| {
                let granted = usize::try_from(granted).unwrap_or(usize::MAX);
                let left = due.len() == MOST || granted < due.len();
                due.truncate(granted);
                Turn::Due { granted: std::mem::take(&mut due), left, lead }
            })
        } else {
            let probe = deps.gates.probe(place, &standing, spacing, &deps.health, now).await?;
            probe.map(|(granted, lead)| match granted {
                0 => Turn::Again(lead),
                _ => Turn::Probe { oldest: std::mem::take(&mut due), lead },
            })
        };
        if let Some(turn) = turn {
            return Ok(turn);
        }
    }
}

/// Pushes them, side by side, for as long as the endpoint works. One that could not be made or recorded stays due, and
/// holds up no other.
async fn push_all<P: Push>(granted: &[DeliveryId], way: &Way<'_>, place: Place<'_>, deps: &Deps<P>) {
    let began = Instant::now();
    let attempt = |delivery: DeliveryId| async move {
        if began.elapsed() < LONGEST
            && !way.watch.is_shut(place).await
            && let Err(error) = push_due(delivery, way, deps).await
        {
            tracing::error!(delivery.id = %delivery, error = %Causes(&*error), "a push was not made");
        }
    };
    stream::iter(granted.iter().copied().map(attempt)).buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// Gives the lead back. What became due while there was a backlog was left to it, and may not be in the index yet, so
/// somebody looks once more.
async fn end<P: Push>(place: Place<'_>, lease: Option<u64>, deps: &Deps<P>) -> Result<(), Failure> {
    if let Some(lease) = lease
        && deps.gates.end(place, lease).await?
    {
        ring_for(place, None, deps.clock.now().saturating_add(LAG)?, deps).await;
    }
    Ok(())
}

/// Rings for whoever leads the backlog next.
pub(super) async fn ring_for<P: Push>(place: Place<'_>, lease: Option<u64>, at: Timestamp, deps: &Deps<P>) {
    let ring = BacklogRing { third_party: place.0.clone(), environment: place.1, lease };
    ring_again(Ring::Backlog(ring), at, deps).await;
}
