//! A thread with a runtime of its own, so that the load and the sink do not wait for each other.

use std::io;

use tokio::{runtime, sync::oneshot};

/// Runs a future on a new thread; its outcome comes through the channel.
///
/// # Errors
/// The thread or its runtime cannot be had.
pub(crate) fn run<T: Send + 'static>(
    name: &str,
    work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> io::Result<oneshot::Receiver<anyhow::Result<T>>> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (done, outcome) = oneshot::channel();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Nobody may be left to hear of it.
        let _ = done.send(runtime.block_on(work));
    })?;
    Ok(outcome)
}
