//! What the contract's rules need of a platform besides its ports: to be opened, closed, and looked into.

use jiff::Timestamp;
use marketplace_core::{ports::Store, publish::BusEvent};

/// A platform that claims to implement the ports.
pub(crate) trait PlatformUnderTest: Sized {
    /// Its store.
    type Store: Store;

    /// Keeps pushes on the wire while it lives.
    type OnTheWire;

    /// The rules that it does not keep, each with the reason.
    const SKIPS: &'static [(&'static str, &'static str)];

    /// A new one, with nothing in it, that nobody else uses.
    async fn open() -> Self;

    /// Its store.
    fn store(&self) -> Self::Store;

    /// Ends it and starts it again, as a crash or a deployment would.
    async fn reopen(self) -> Self;

    /// The same, once this handle of its store is gone.
    async fn reopen_after(self, store: Self::Store) -> Self {
        drop(store);
        self.reopen().await
    }

    /// Everything that it has stored, as it lies there.
    async fn stored_bytes(&self) -> Vec<u8>;

    /// The first so many events of its bus, once each, in the order in which a new consumer happens to get them.
    async fn events(&self, count: usize) -> Vec<BusEvent>;

    /// Does what the clocks of offers say is due by now.
    async fn keep_deadlines(&self, now: Timestamp);

    /// Starts pushing to endpoints that never answer; ends when so many pushes are on the wire.
    async fn push_without_end(&self, pushes: usize) -> Self::OnTheWire;
}
