//! How many attempts begin at once, over all parties: a burst of offers opens no more connections than the machine
//! can use, and takes nothing from the parties that it goes to.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::timeout};

/// Most attempts that are both young and on the wire. More of them would take turns on the same cores.
const AT_ONCE: usize = 64;

/// How long an attempt counts as young. After that it waits for its party and no longer for this machine: it makes
/// room, so that parties that are slow, however many, delay no other by more than this.
const YOUNG: Duration = Duration::from_millis(10);

/// See the module. Clones are the same gate.
#[derive(Clone)]
pub(super) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }

    /// Begins the attempt when it is its turn.
    pub(super) async fn pass<T>(&self, attempt: impl Future<Output = T>) -> T {
        // It is never closed; if it were, nothing would be held back.
        let turn = self.0.acquire().await.ok();
        let mut attempt = pin!(attempt);
        if let Ok(ended) = timeout(YOUNG, attempt.as_mut()).await {
            return ended;
        }
        drop(turn);
        attempt.await
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};

    use super::*;

    #[tokio::test]
    async fn attempts_that_never_end_hold_up_no_other() {
        let gate = Gate::new();
        let mut endless: FuturesUnordered<_> = (0..AT_ONCE).map(|_| gate.pass(pending::<()>())).collect();
        assert!(endless.next().now_or_never().is_none(), "all have begun");
        assert!(gate.pass(ready(())).now_or_never().is_none(), "one has to wait");
        tokio::select! {
            _ = endless.next() => unreachable!("they never end"),
            () = gate.pass(ready(())) => {}
        }
    }

    #[tokio::test]
    async fn a_burst_takes_turns() {
        let gate = Gate::new();
        let (begun, mut beginnings) = tokio::sync::mpsc::unbounded_channel();
        let (go, _) = tokio::sync::watch::channel(false);
        let attempt = |number: usize| {
            let (begun, mut told) = (begun.clone(), go.subscribe());
            gate.pass(async move {
                let _ = begun.send(number);
                let _ = told.wait_for(|go| *go).await;
            })
        };
        let mut burst: FuturesUnordered<_> = (0..AT_ONCE + 1).map(attempt).collect();
        assert!(burst.next().now_or_never().is_none());
        assert_eq!(beginnings.len(), AT_ONCE, "the last waits for its turn");
        go.send_replace(true);
        while burst.next().await.is_some() {}
        assert_eq!(std::iter::from_fn(|| beginnings.try_recv().ok()).count(), AT_ONCE + 1);
    }
}
