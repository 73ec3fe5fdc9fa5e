//! Something that is brought up to date for everybody who waits for it, as rarely as can be.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// Counts the times that something was brought up to date.
#[derive(Default)]
pub(super) struct Latest {
    begun: AtomicU64,
    /// The number of the last time that it succeeded; held while one runs.
    succeeded: Mutex<u64>,
}

impl Latest {
    /// Runs `refresh`, unless one that was begun after this was called has succeeded meanwhile. Callers that come while
    /// another's runs share the next one; the running one may have read too early for them.
    pub(super) async fn after_now<E>(&self, refresh: impl Future<Output = Result<(), E>>) -> Result<(), E> {
        let begun_before = self.begun.load(Ordering::SeqCst);
        let mut succeeded = self.succeeded.lock().await;
        if *succeeded > begun_before {
            return Ok(());
        }
        let this = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        refresh.await?;
        *succeeded = this;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures::future::join_all;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn those_who_ask_at_the_same_time_share_a_refresh() {
        let (latest, read) = (Latest::default(), AtomicUsize::new(0));
        let refresh = async || {
            yield_now().await;
            read.fetch_add(1, Ordering::SeqCst);
            Ok::<(), ()>(())
        };
        let all = join_all((0..100).map(|_| latest.after_now(refresh()))).await;
        assert!(all.iter().all(Result::is_ok));
        // The first by itself, and the others together, since it may have read before they asked.
        assert_eq!(read.load(Ordering::SeqCst), 2);
        latest.after_now(refresh()).await.unwrap();
        assert_eq!(read.load(Ordering::SeqCst), 3, "who comes later looks again");
    }

    #[tokio::test]
    async fn a_refresh_that_fails_or_is_given_up_is_nobodys_answer() {
        let (latest, read) = (Latest::default(), AtomicUsize::new(0));
        let fail = async || {
            yield_now().await;
            read.fetch_add(1, Ordering::SeqCst);
            Err(())
        };
        assert_eq!(join_all((0..5).map(|_| latest.after_now(fail()))).await, [Err(()); 5]);
        assert_eq!(read.load(Ordering::SeqCst), 5);
        let mut given_up = Box::pin(latest.after_now(fail()));
        assert!(futures::poll!(&mut given_up).is_pending());
        drop(given_up);
        latest.after_now(async { Ok::<(), ()>(()) }).await.unwrap();
        assert_eq!(latest.after_now(fail()).await, Err(()));
    }
}
