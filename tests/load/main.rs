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
mod lambda;
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
    /// Has the messages of a load signed.
    #[arg(long)]
    signed: bool,
    /// How many single requests are timed.
    #[arg(long, default_value_t = 1_000)]
    samples: usize,
    /// How many requests the large store holds.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    stored: u32,
    /// A gateway's release binary; without one, it is built.
    #[arg(long)]
    gateway: Option<PathBuf>,
    /// A folder of the functions' programs, built with the profile `lambda`; without one, they are built.
    #[arg(long)]
    functions: Option<PathBuf>,
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
    /// The functions on AWS: how soon they start, and how large they are.
    Lambda,
}

/// What this program does in a process of its own.
#[derive(Debug, Subcommand)]
enum Part {
    /// The plain forwarder.
    #[command(hide = true)]
    Forwarder(forwarder::Arguments),
    /// A Lambda function that does nothing.
    #[command(hide = true)]
    Echo,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let runtime = match arguments.part {
        // As the functions have it.
        Some(Part::Echo) => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        Some(Part::Forwarder(_)) | None => tokio::runtime::Builder::new_multi_thread().enable_all().build(),
    };
    let runtime = runtime.context("no runtime")?;
    match arguments.part {
        Some(Part::Echo) => match runtime.block_on(lambda::echo()) {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => Err(anyhow::anyhow!(error)),
        },
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

impl Arguments {
    fn wants(&self, benchmark: Benchmark) -> bool {
        self.benchmarks.is_empty() || self.benchmarks.iter().any(|wanted| [benchmark, Benchmark::All].contains(wanted))
    }
}

async fn measure(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    if arguments.wants(Benchmark::Matching) {
        matching::run(&mut report)?;
    }
    let of_gateway = [Benchmark::Throughput, Benchmark::Fanout, Benchmark::Idle, Benchmark::Growth];
    if of_gateway.into_iter().any(|benchmark| arguments.wants(benchmark)) {
        measure_gateway(&arguments, &mut report).await?;
    }
    if arguments.wants(Benchmark::Lambda) {
        let programs = match arguments.functions.clone() {
            Some(programs) => programs,
            None => lambda::programs().await?,
        };
        lambda::run(&programs, &mut report).await?;
    }
    Ok(if report.print() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure_gateway(arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    let binary = match arguments.gateway.clone() {
        Some(binary) => binary,
        None => process::gateway_binary().await?,
    };
    let plan = |fan_out| Plan {
        fan_out,
        window: Duration::from_secs(arguments.seconds),
        rounds: arguments.rounds,
        callers: arguments.callers,
        signed: arguments.signed,
    };
    if arguments.wants(Benchmark::Throughput) {
        throughput::run(&binary, plan(1), report).await?;
    }
    if arguments.wants(Benchmark::Fanout) {
        throughput::run(&binary, plan(10), report).await?;
    }
    if arguments.wants(Benchmark::Idle) {
        idle::run(&binary, arguments.samples, report).await?;
    }
    if arguments.wants(Benchmark::Growth) {
        growth::run(&binary, usize::try_from(arguments.stored)?, arguments.samples, report).await?;
    }
    Ok(())
}
