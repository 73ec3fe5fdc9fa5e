//! Password hashing with argon2id, a few at a time: each takes 19 MiB and tens of milliseconds of a processor.

use std::{io, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{self, PasswordHasher as _, PasswordVerifier as _},
};
use marketplace_core::{delivery::Secret, ports::identity::IdentityError};
use platform_base::randomness::random_bytes;
use tokio::{sync::Semaphore, task};

/// OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How many passwords are hashed at the same time.
const AT_ONCE: usize = 2;

/// How many more may wait for their turn; at 20 ms each the last waits for less than a second.
const WAITING: usize = 64;

/// What the password of an account that does not exist is checked against, so that it takes as long. It has the
/// parameters above and is the hash of no known password.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCE$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and checks passwords.
pub(super) struct Passwords {
    argon2: Argon2<'static>,
    /// For those who are hashing and those who wait.
    seats: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Passwords {
    /// # Errors
    /// When the parameters are none that argon2 knows.
    pub(super) fn new() -> io::Result<Self> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(io::Error::other)?;
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            seats: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// The hash in PHC form, with a random salt.
    pub(super) async fn hash(&self, password: Secret) -> Result<String, IdentityError> {
        let hash = move |argon2: &Argon2<'static>| {
            argon2.hash_password_with_salt(password.expose().as_bytes(), &random_bytes::<16>())
        };
        Ok(self.in_turn(hash).await?.map_err(unexpected)?.to_string())
    }

    /// Whether this is the password of the stored hash; with none, it is not, and that takes as long.
    pub(super) async fn check(&self, stored: Option<String>, password: Secret) -> Result<(), IdentityError> {
        let exists = stored.is_some();
        let verify = move |argon2: &Argon2<'static>| {
            let stored = stored.as_deref().unwrap_or(NOBODY);
            argon2.verify_password(password.expose().as_bytes(), stored)
        };
        match self.in_turn(verify).await? {
            Ok(()) if exists => Ok(()),
            Ok(()) | Err(password_hash::Error::PasswordInvalid) => Err(IdentityError::WrongPassword),
            Err(error) => Err(unexpected(error)),
        }
    }

    /// Does the work on a thread for blocking work, when its turn comes.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, IdentityError> {
        let seat = Arc::clone(&self.seats).try_acquire_owned().map_err(|_| IdentityError::Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(unexpected)?;
        let argon2 = self.argon2.clone();
        let work = move || {
            // Held by the work and not by the caller, who may hang up.
            let _held = (seat, turn);
            work(&argon2)
        };
        task::spawn_blocking(work).await.map_err(unexpected)
    }
}

fn unexpected(error: impl std::error::Error + Send + Sync + 'static) -> IdentityError {
    IdentityError::Unexpected(Box::new(error))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_password_is_kept_as_owasp_recommends() {
        let passwords = Passwords::new().unwrap();
        let first = passwords.hash(Secret::new("correct horse")).await.unwrap();
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert_ne!(first, passwords.hash(Secret::new("correct horse")).await.unwrap());
        assert!(passwords.check(Some(first.clone()), Secret::new("correct horse")).await.is_ok());
        for wrong in ["", "correct hors", "Correct horse", "correct horse "] {
            let checked = passwords.check(Some(first.clone()), Secret::new(wrong)).await;
            assert!(matches!(checked, Err(IdentityError::WrongPassword)), "{wrong:?}");
        }
        let damaged = passwords.check(Some("$argon2id$".to_owned()), Secret::new("correct horse")).await;
        assert!(matches!(damaged, Err(IdentityError::Unexpected(_))));
    }

    #[tokio::test]
    async fn an_account_that_does_not_exist_takes_as_long() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash(Secret::new("correct horse")).await.unwrap();
        let mut best = [Duration::MAX; 2];
        for _ in 0..5 {
            for (stored, best) in [Some(hash.clone()), None].into_iter().zip(&mut best) {
                let begun = Instant::now();
                let checked = passwords.check(stored, Secret::new("wrong")).await;
                *best = begun.elapsed().min(*best);
                assert!(matches!(checked, Err(IdentityError::WrongPassword)));
            }
        }
        let [known, unknown] = best.map(|best| best.as_secs_f64());
        assert!((0.3..3.0).contains(&(unknown / known)), "{best:?}");
    }

    #[tokio::test]
    async fn too_many_at_once_are_turned_away() {
        let passwords = Passwords::new().unwrap();
        let held = Arc::clone(&passwords.turns).acquire_many_owned(AT_ONCE as u32).await.unwrap();
        let checks = join_all((0..AT_ONCE + WAITING + 10).map(|_| passwords.check(None, Secret::new("x"))));
        let release = async {
            tokio::task::yield_now().await;
            drop(held);
        };
        let (results, ()) = futures::join!(checks, release);
        let busy = results.iter().filter(|result| matches!(result, Err(IdentityError::Busy))).count();
        assert_eq!(busy, 10);
        assert_eq!(passwords.seats.available_permits(), AT_ONCE + WAITING, "every seat is given back");
    }
}
