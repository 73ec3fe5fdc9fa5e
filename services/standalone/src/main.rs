//! The binary `marketplace`: reads the configuration, wires, and runs until it is told to stop.

use anyhow::Context as _;
use clap::Parser as _;
use standalone::command::{self, Arguments};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<std::process::ExitCode> {
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    let lookup = |variable: &str| std::env::var(variable).ok();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(command::run(Arguments::parse(), lookup))
}
