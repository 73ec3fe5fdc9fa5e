//! A party's rate, kept by all senders together: each second has a counter in the table, and a sender takes its turns of
//! that second from it, for all of a batch's rings at once.
//!
//! Who comes when a second is used up learns from the counter how many stand before it, and comes back when it is its
//! turn.

use std::collections::HashMap;

use event_schema::id::{Environment, PartyId};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::delivery::RateLimit;
use platform_aws::{
    item::Key,
    table::{Table, TableError},
};
use tokio::sync::Mutex;

use crate::doorbell::Ring;

/// Attempts a second where the party has set no limit (DESIGN section 6).
const UNSET: f64 = 300.0;

/// How long counters are kept after their time.
const KEPT: SignedDuration = SignedDuration::from_mins(15);

type Place = (PartyId, Environment);

/// The turns of one batch.
pub(super) struct Pace {
    table: Table,
    /// How many rings of the batch are for whom.
    wanted: HashMap<Place, u64>,
    taken: Mutex<HashMap<Place, Turns>>,
}

/// Turns of a party's environment: of `window` the next one to be had is `next`, and `end` is not ours any more.
struct Turns {
    window: Window,
    next: u64,
    end: u64,
}

/// A time in which so many attempts may be made.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Window {
    begins: Timestamp,
    length: SignedDuration,
    turns: u64,
}

impl Pace {
    /// For these rings.
    pub(super) fn new(table: Table, rings: impl Iterator<Item = Ring>) -> Self {
        let mut wanted = HashMap::new();
        for ring in rings {
            *wanted.entry((ring.third_party, ring.environment)).or_default() += 1;
        }
        Self { table, wanted, taken: Mutex::default() }
    }

    /// Takes a turn, or tells how long to wait for one.
    pub(super) async fn wait(
        &self,
        party: &PartyId,
        environment: Environment,
        limit: Option<RateLimit>,
        now: Timestamp,
    ) -> Result<Option<SignedDuration>, TableError> {
        let place = (party.clone(), environment);
        let mut taken = self.taken.lock().await;
        let turns = match taken.remove(&place) {
            Some(turns) if turns.next < turns.end => turns,
            _ => self.take(&place, Window::at(now, limit)).await?,
        };
        let (window, turn) = (turns.window, turns.next);
        taken.insert(place, Turns { next: turn + 1, ..turns });
        Ok(window.wait(turn, now))
    }

    /// Takes as many turns as the batch has rings for this party.
    async fn take(&self, place: &Place, window: Window) -> Result<Turns, TableError> {
        let (party, environment) = place;
        let number = self.wanted.get(place).copied().unwrap_or(1);
        let key = Key::new(format!("RATE#{party}#{environment}"), window.begins.as_second().to_string());
        let expires = window.begins.saturating_add(window.length + KEPT).unwrap_or(Timestamp::MAX);
        let end = self.table.add(&key, number, expires).await?;
        Ok(Turns { window, next: end.saturating_sub(number), end })
    }
}

impl Window {
    /// A second; for less than one attempt a second, as long as one attempt takes. A part of an attempt more is not had.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "limits are 0.01 to 10,000")]
    fn at(now: Timestamp, limit: Option<RateLimit>) -> Self {
        let per_second = limit.map_or(UNSET, RateLimit::per_second);
        let seconds = (1.0 / per_second).ceil().max(1.0) as i64;
        let turns = (per_second.floor() as u64).max(1);
        let begins = now.as_second() - now.as_second().rem_euclid(seconds);
        let begins = Timestamp::from_second(begins).unwrap_or(now);
        Self { begins, length: SignedDuration::from_secs(seconds), turns }
    }

    /// How long to wait for this turn, counted from 0; none when it is one of this window.
    fn wait(self, turn: u64, now: Timestamp) -> Option<SignedDuration> {
        let windows = i32::try_from(turn / self.turns).unwrap_or(i32::MAX);
        let begins = self.begins.saturating_add(self.length.saturating_mul(windows)).unwrap_or(Timestamp::MAX);
        (windows > 0).then(|| begins.duration_since(now).max(SignedDuration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 250_000_000);

    fn window(per_second: f64) -> Window {
        Window::at(NOW, RateLimit::try_from(per_second).ok())
    }

    #[test]
    fn a_window_has_whole_turns() {
        for (per_second, seconds, turns) in
            [(10_000.0, 1, 10_000), (2.9, 1, 2), (1.0, 1, 1), (0.4, 3, 1), (0.01, 100, 1)]
        {
            let window = window(per_second);
            assert_eq!((window.length.as_secs(), window.turns), (seconds, turns), "{per_second}");
            assert!(window.begins <= NOW && NOW < window.begins + window.length);
        }
        assert_eq!(Window::at(NOW, None).turns, 300);
    }

    #[test]
    fn who_comes_late_waits_for_its_turn() {
        let window = window(2.0);
        let wait = |turn| window.wait(turn, NOW).map(|wait| wait.as_millis());
        assert_eq!([wait(0), wait(1), wait(2), wait(3), wait(20)], [None, None, Some(750), Some(750), Some(9_750)]);
    }
}
