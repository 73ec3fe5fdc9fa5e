//! Logs: JSON or text, to standard error, without bodies and secrets.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// What `serve` logs unless `RUST_LOG` says otherwise.
pub(crate) const SERVE: &str = "info";

/// The demo's screen is its own; only what is wrong is logged.
pub(crate) const DEMO: &str = "error";

/// How to log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// JSON instead of text (`MARKETPLACE_LOG`).
    pub json: bool,
    /// Which lines, in the syntax of `tracing-subscriber` (`RUST_LOG`).
    pub filter: Option<String>,
}

/// Starts logging, with this filter unless the configuration has one.
pub(crate) fn start(log: &Log, filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().parse(log.filter.as_deref().unwrap_or(filter))?;
    let registry = tracing_subscriber::registry().with(filter);
    if log.json {
        registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init()?;
    } else {
        let colour = std::io::stderr().is_terminal();
        registry.with(fmt::layer().with_ansi(colour).with_writer(std::io::stderr)).try_init()?;
    }
    Ok(())
}
