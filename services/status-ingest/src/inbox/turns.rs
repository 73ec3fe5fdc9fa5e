//! Calls that name many offers take turns, party by party: one call can be a thousand changes, and a party that makes
//! a hundred such calls at once must not fill the queue of the writer for everybody (DESIGN section 4, invariant 6).

use std::{
    array,
    hash::{BuildHasher as _, RandomState},
};

use event_schema::id::PartyId;
use tokio::sync::{Mutex, MutexGuard};

/// So many parties can have a turn at the same time; two that share a place wait for each other.
const PLACES: usize = 64;

/// Whose turn it is.
pub(super) struct Turns {
    hasher: RandomState,
    places: [Mutex<()>; PLACES],
}

impl Default for Turns {
    fn default() -> Self {
        Self { hasher: RandomState::new(), places: array::from_fn(|_| Mutex::default()) }
    }
}

impl Turns {
    /// Waits for this party's turn, in the order of asking. The turn ends when the guard is dropped.
    pub(super) async fn take(&self, party: &PartyId) -> MutexGuard<'_, ()> {
        let place = usize::try_from(self.hasher.hash_one(party) % PLACES as u64).unwrap_or_default();
        self.places[place].lock().await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn party(number: usize) -> PartyId {
        format!("party-{number}").parse().unwrap()
    }

    #[tokio::test]
    async fn a_partys_calls_take_turns() {
        let turns = Turns::default();
        let first = turns.take(&party(0)).await;
        assert!(turns.take(&party(0)).now_or_never().is_none(), "the first has not ended");
        drop(first);
        assert!(turns.take(&party(0)).now_or_never().is_some());
    }

    #[tokio::test]
    async fn other_parties_do_not_wait() {
        let turns = Turns::default();
        let _held = turns.take(&party(0)).await;
        let free = (1..=60).filter(|number| turns.take(&party(*number)).now_or_never().is_some()).count();
        assert!(free > 40, "{free} of 60");
    }
}
