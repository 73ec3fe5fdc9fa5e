//! Failed sign-ins slow an account down, so that passwords cannot be tried out, and never lock it for good.
//!
//! Kept in memory: a restart forgives, which gains an attacker one more handful of tries.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher as _,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

/// Tries that cost nothing but a password check each: people mistype.
const FREE_TRIES: u32 = 5;

/// The wait after the last free try; it doubles with every further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait: 288 tries a day, and the owner is never shut out for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// After this long without a try all is forgiven.
const FORGIVEN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Most accounts that are kept in mind, existing or not; 4 MB.
const MOST_ACCOUNTS: usize = 100_000;

/// How often sign-ins to each account failed of late.
#[derive(Default)]
pub(super) struct FailedSignIns {
    /// Keys are hashes with a secret seed: small, and nobody can aim at another account's.
    seed: RandomState,
    accounts: Mutex<HashMap<u64, Failures>>,
}

#[derive(Clone, Copy)]
struct Failures {
    tries: u32,
    last: Timestamp,
}

impl Failures {
    /// How long after the last try the next one is let through.
    fn wait(self) -> Duration {
        let Some(doublings) = self.tries.checked_sub(FREE_TRIES) else {
            return Duration::ZERO;
        };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT)
    }

    /// How long is left of that. A clock that stepped back does not make it longer.
    fn left(self, now: Timestamp) -> Duration {
        let passed = Duration::try_from(now.duration_since(self.last)).unwrap_or_default();
        self.wait().saturating_sub(passed)
    }
}

impl FailedSignIns {
    /// Counts a try that has begun as failed; refused with the time to wait when it comes too soon.
    pub(super) fn begin(&self, account: &str, now: Timestamp) -> Result<(), Duration> {
        let key = self.seed.hash_one(account);
        let mut accounts = self.lock();
        if accounts.len() >= MOST_ACCOUNTS && !accounts.contains_key(&key) {
            make_room(&mut accounts, now);
        }
        let failures = accounts.entry(key).or_insert(Failures { tries: 0, last: now });
        if is_forgiven(failures, now) {
            failures.tries = 0;
        }
        let left = failures.left(now);
        if !left.is_zero() {
            return Err(left);
        }
        *failures = Failures { tries: failures.tries.saturating_add(1), last: now };
        Ok(())
    }

    /// The password was right: the account starts anew.
    pub(super) fn forget(&self, account: &str) {
        self.lock().remove(&self.seed.hash_one(account));
    }

    /// The password was not looked at after all.
    pub(super) fn take_back(&self, account: &str) {
        if let Some(failures) = self.lock().get_mut(&self.seed.hash_one(account)) {
            failures.tries = failures.tries.saturating_sub(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Failures>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_forgiven(failures: &Failures, now: Timestamp) -> bool {
    now.duration_since(failures.last) >= FORGIVEN_AFTER
}

/// Drops what is forgiven and, if that is not enough, the quarter that was tried longest ago.
fn make_room(accounts: &mut HashMap<u64, Failures>, now: Timestamp) {
    accounts.retain(|_, failures| !is_forgiven(failures, now));
    if accounts.len() < MOST_ACCOUNTS {
        return;
    }
    let mut times: Vec<_> = accounts.values().map(|failures| failures.last).collect();
    let (_, oldest_kept, _) = times.select_nth_unstable(MOST_ACCOUNTS / 4);
    let oldest_kept = *oldest_kept;
    accounts.retain(|_, failures| failures.last > oldest_kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).unwrap()
    }

    #[test]
    fn the_wait_doubles_to_its_longest_and_no_try_is_shut_out_for_good() {
        let failures = FailedSignIns::default();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..40 {
            if let Err(wait) = failures.begin("ann", at(now)) {
                waits.push(wait.as_secs());
                now += i64::try_from(wait.as_millis()).unwrap();
                assert_eq!(failures.begin("ann", at(now)), Ok(()), "after waiting");
            }
        }
        assert_eq!(waits[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert!(waits[10..].iter().all(|wait| *wait == 300));
    }

    #[test]
    fn a_try_that_comes_too_soon_does_not_lengthen_the_wait() {
        let failures = FailedSignIns::default();
        for _ in 0..FREE_TRIES {
            failures.begin("ann", at(0)).unwrap();
        }
        for now in 0..1_000 {
            assert_eq!(failures.begin("ann", at(now)), Err(Duration::from_millis(1_000 - u64::try_from(now).unwrap())));
        }
        assert_eq!(failures.begin("ann", at(1_000)), Ok(()));
        assert_eq!(failures.begin("ben", at(0)), Ok(()), "another account");
    }

    #[test]
    fn success_and_time_forgive() {
        let failures = FailedSignIns::default();
        let exhaust = |now| (0..).take_while(|_| failures.begin("ann", at(now)).is_ok()).count();
        assert_eq!(exhaust(0), FREE_TRIES as usize);
        failures.forget("ann");
        assert_eq!(exhaust(0), FREE_TRIES as usize);
        assert_eq!(exhaust(3_600_000), FREE_TRIES as usize);
        assert_eq!(failures.begin("ann", at(0)), Err(FIRST_WAIT), "the clock stepped back");
    }

    #[test]
    fn a_password_that_was_not_looked_at_does_not_count() {
        let failures = FailedSignIns::default();
        for _ in 0..100 {
            failures.begin("ann", at(0)).unwrap();
            failures.take_back("ann");
        }
    }

    #[test]
    fn a_flood_of_accounts_stays_bounded_and_does_not_wipe_the_newest() {
        let failures = FailedSignIns::default();
        let most = i64::try_from(MOST_ACCOUNTS).unwrap();
        for number in 0..most {
            failures.begin(&format!("stranger {number}"), at(number)).unwrap();
        }
        for _ in 0..FREE_TRIES {
            failures.begin("ann", at(most)).unwrap();
        }
        for number in 0..most / 10 {
            failures.begin(&format!("another {number}"), at(most)).unwrap();
        }
        assert!(failures.lock().len() <= MOST_ACCOUNTS);
        assert!(failures.begin("ann", at(most)).is_err());
    }
}
