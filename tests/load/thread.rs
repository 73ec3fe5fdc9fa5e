//! A thread with a runtime of its own, for what must not share the runtime of what it watches or serves.

use std::io;

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// Runs tasks, all on one thread; the thread ends when this is dropped.
pub(crate) struct Thread {
    handle: Handle,
    _stop: oneshot::Sender<()>,
}

impl Thread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The thread or its runtime cannot be had.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // The other end is never used and only dropped.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self { handle, _stop: stop })
    }

    /// Where its tasks are spawned.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}
