//! Logs: JSON or text, to standard error, without bodies and secrets.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// What `serve` logs unless `RUST_LOG` says otherwise.
pub(crate) const SERVE: &str = "info";

/// The demo's screen is its own; only what is wrong is logged.
pub(crate) const DEMO: &str = "error";

/// Starts logging; `MARKETPLACE_LOG` is `json` or `text` (the default), `RUST_LOG` the filter.
pub(crate) fn start(lookup: &impl Fn(&str) -> Option<String>, filter: &str) -> anyhow::Result<()> {
    let filter = lookup("RUST_LOG").unwrap_or_else(|| filter.to_owned());
    let filter = EnvFilter::builder().parse(filter).context("RUST_LOG cannot be read")?;
    let registry = tracing_subscriber::registry().with(filter);
    match lookup("MARKETPLACE_LOG").as_deref() {
        Some("json") => registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init()?,
        None | Some("" | "text") => {
            let colour = std::io::stderr().is_terminal();
            registry.with(fmt::layer().with_ansi(colour).with_writer(std::io::stderr)).try_init()?;
        }
        Some(_) => anyhow::bail!("MARKETPLACE_LOG must be json or text"),
    }
    Ok(())
}
