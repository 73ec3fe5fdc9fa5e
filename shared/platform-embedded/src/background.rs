//! Work that goes on in the background until it is stopped.

use tokio::task::JoinHandle;

/// A task without an end of its own. It is cut off where it waits, also when this is dropped: what is under way then ends
/// or is undone, as after a crash.
#[derive(Debug)]
pub struct Background(JoinHandle<()>);

impl Background {
    /// Starts it.
    pub fn start(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// Stops it, and waits until it is over.
    pub async fn stop(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}
