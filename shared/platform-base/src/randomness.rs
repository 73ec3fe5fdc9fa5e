//! Randomness from the operating system, and ids that rise with time because they are keys of B-trees.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use marketplace_core::ports::Randomness;
use uuid::{Builder, Uuid};

/// An id's time in steps of 1/4096 millisecond: 48 bits of milliseconds and 12 bits of fraction (RFC 9562
/// section 6.2, method 3).
const STEPS_PER_MILLISECOND: u64 = 4_096;

/// How far the clock may step back before ids follow it, in steps: ten seconds.
const FURTHEST_STEP_BACK: u64 = 10_000 * STEPS_PER_MILLISECOND;

/// What the state of a `SplitMix64` generator grows by.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The operating system's randomness.
#[derive(Debug)]
pub struct OsRandomness {
    /// The newest id's time.
    newest: AtomicU64,
    /// State of the cheap generator behind [`Randomness::fraction`].
    cheap: AtomicU64,
}

impl OsRandomness {
    /// Opens the source.
    ///
    /// # Errors
    /// When the operating system has no randomness; once this has worked, reading cannot fail (getrandom(2)).
    pub fn new() -> Result<Self, getrandom::Error> {
        let seed = getrandom::u64()?;
        Ok(Self { newest: AtomicU64::new(0), cheap: AtomicU64::new(seed) })
    }

    /// The time of the next id: now, or one step after the newest id where that is not later.
    fn next_step(&self, now: Timestamp) -> u64 {
        let microseconds = u64::try_from(now.as_microsecond()).unwrap_or(0);
        let fraction = microseconds % 1_000 * STEPS_PER_MILLISECOND / 1_000;
        let now = microseconds / 1_000 * STEPS_PER_MILLISECOND + fraction;
        let after = |newest: u64| {
            let ahead = newest.saturating_sub(now);
            if newest < now || ahead > FURTHEST_STEP_BACK { now } else { newest + 1 }
        };
        let step = |newest| Some(after(newest));
        match self.newest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step) {
            Ok(newest) | Err(newest) => after(newest),
        }
    }
}

impl Randomness for OsRandomness {
    fn secret(&self) -> [u8; 32] {
        random_bytes()
    }

    fn uuid(&self, now: Timestamp) -> Uuid {
        let step = self.next_step(now);
        let mut rest = [0; 10];
        // The version takes the upper four of these sixteen bits.
        let fraction = (step % STEPS_PER_MILLISECOND) as u16;
        rest[..2].copy_from_slice(&fraction.to_be_bytes());
        rest[2..].copy_from_slice(&random_bytes::<8>());
        Builder::from_unix_timestamp_millis(step / STEPS_PER_MILLISECOND, &rest).into_uuid()
    }

    fn fraction(&self) -> f64 {
        let state = self.cheap.fetch_add(GOLDEN, Ordering::Relaxed).wrapping_add(GOLDEN);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // The upper 53 bits: as many as an `f64` holds exactly.
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Bytes that nobody can guess, from the operating system.
#[expect(clippy::expect_used, reason = "without randomness no secret can be made, and the source has worked before")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, thread};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_id_says_its_time_in_the_form_of_rfc_9562() {
        let now = at("2026-11-21T08:00:00.123999Z");
        let id = OsRandomness::new().unwrap().uuid(now);
        assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
        assert_eq!(id.get_timestamp().unwrap().to_unix().0, u64::try_from(now.as_second()).unwrap());
        let milliseconds = u64::from_be_bytes(id.as_bytes()[..8].try_into().unwrap()) >> 16;
        assert_eq!(milliseconds, u64::try_from(now.as_millisecond()).unwrap());
        let fraction = u16::from_be_bytes(id.as_bytes()[6..8].try_into().unwrap()) & 0xfff;
        assert_eq!(u32::from(fraction), 999 * 4_096 / 1_000);
    }

    #[test]
    fn ids_rise_although_the_clock_stands_or_steps_back() {
        let randomness = OsRandomness::new().unwrap();
        let times = ["2026-01-01T00:00:01Z", "2026-01-01T00:00:01Z", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:02Z"];
        let ids: Vec<_> = times.map(|time| randomness.uuid(at(time))).into();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }

    #[test]
    fn ids_follow_a_clock_that_was_far_ahead() {
        let randomness = OsRandomness::new().unwrap();
        randomness.uuid(at("2099-01-01T00:00:00Z"));
        let now = at("2026-01-01T00:00:00Z");
        let id = randomness.uuid(now);
        assert_eq!(id.get_timestamp().unwrap().to_unix().0, u64::try_from(now.as_second()).unwrap());
    }

    #[test]
    fn threads_get_different_ids_each_in_order() {
        let randomness = OsRandomness::new().unwrap();
        let now = at("2026-01-01T00:00:00Z");
        let made: Vec<Vec<Uuid>> = thread::scope(|scope| {
            let make = || (0..5_000).map(|_| randomness.uuid(now)).collect();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(made.iter().all(|ids: &Vec<Uuid>| ids.is_sorted()));
        assert_eq!(made.iter().flatten().collect::<BTreeSet<_>>().len(), 20_000);
    }

    #[test]
    fn secrets_differ_and_fractions_are_spread() {
        let randomness = OsRandomness::new().unwrap();
        assert_ne!(randomness.secret(), randomness.secret());
        let fractions: Vec<_> = (0..10_000).map(|_| randomness.fraction()).collect();
        assert!(fractions.iter().all(|fraction| (0.0..1.0).contains(fraction)));
        for tenth in 0..10 {
            let count = fractions.iter().filter(|fraction| (**fraction * 10.0) as usize == tenth).count();
            assert!((850..1_150).contains(&count), "{count} in tenth {tenth}");
        }
    }
}
