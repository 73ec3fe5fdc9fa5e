//! `cargo xtask bench`: measures what DESIGN section 8 promises and compares it with what must be.
//!
//! Absolute figures depend on the machine and on what else it does; the ratios, of systems that are measured in
//! one run and in turn, do not.

mod figures;
mod forwarder;
mod generator;
mod growth;
mod http;
mod idle;
mod ledger;
mod matching;
mod people;
mod process;
mod report;
mod request;
mod sink;
mod thread;
mod throughput;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};

use crate::{report::Report, throughput::Plan};

// The gateway's; the forwarder is to have no worse one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the gateway beside a plain forwarder that stores nothing.
#[derive(Debug, Parser)]
#[command(name = "bench", args_conflicts_with_subcommands = true)]
struct Arguments {
    /// What to measure; without a name, all of it.
    #[arg(value_enum)]
    benchmarks: Vec<Benchmark>,
    /// How long each round of a load counts; the promise is for 60.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How often the forwarder and the gateway take turns.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// How many requests are under way at once.
    #[arg(long, default_value_t = 128)]
    callers: usize,
    /// How many single requests are timed.
    #[arg(long, default_value_t = 1_000)]
    samples: usize,
    /// How many requests the large store holds.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    stored: u32,
    /// A gateway's release binary; without one, it is built.
    #[arg(long)]
    gateway: Option<PathBuf>,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Benchmark {
    /// Everything.
    All,
    /// Requests a second, accepted and delivered, against the forwarder.
    Throughput,
    /// The same with ten deliveries for each request.
    Fanout,
    /// From create to delivered, one request at a time.
    Idle,
    /// Matching an event against 10,000 filters and against 10.
    Matching,
    /// Calls to a gateway that has stored much and to one that has stored little.
    Growth,
}

/// What this program does in a process of its own.
#[derive(Debug, Subcommand)]
enum Part {
    /// The plain forwarder.
    #[command(hide = true)]
    Forwarder(forwarder::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    match arguments.part {
        Some(Part::Forwarder(forwarder)) => {
            let ended = runtime.block_on(forwarder::run(forwarder)).map(|()| ExitCode::SUCCESS);
            runtime.shutdown_background();
            ended
        }
        None => runtime.block_on(async {
            tokio::select! {
                // What runs is dropped then, and the processes that it started end.
                interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| ExitCode::FAILURE).context("no signals"),
                measured = measure(arguments) => measured,
            }
        }),
    }
}

async fn measure(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let wants = |benchmark| {
        arguments.benchmarks.is_empty()
            || arguments.benchmarks.iter().any(|wanted| [benchmark, Benchmark::All].contains(wanted))
    };
    let binary = match arguments.gateway.clone() {
        Some(binary) => binary,
        None => process::gateway_binary().await?,
    };
    let plan = |fan_out| Plan {
        fan_out,
        window: Duration::from_secs(arguments.seconds),
        rounds: arguments.rounds,
        callers: arguments.callers,
    };
    let mut report = Report::default();
    if wants(Benchmark::Matching) {
        matching::run(&mut report)?;
    }
    if wants(Benchmark::Throughput) {
        throughput::run(&binary, plan(1), &mut report).await?;
    }
    if wants(Benchmark::Fanout) {
        throughput::run(&binary, plan(10), &mut report).await?;
    }
    if wants(Benchmark::Idle) {
        idle::run(&binary, arguments.samples, &mut report).await?;
    }
    if wants(Benchmark::Growth) {
        growth::run(&binary, usize::try_from(arguments.stored)?, arguments.samples, &mut report).await?;
    }
    Ok(if report.print() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
