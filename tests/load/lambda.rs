//! What the functions cost on Lambda: how soon a new one answers, and what an invocation, and the upload, take.
//!
//! Each function's `bootstrap` is started as Lambda starts it, by a Runtime API on loopback, with a `DynamoDB` engine and
//! stand-ins for the rest of AWS. An instance answers its first event, and then some hundred more, one after the other.
//! Beside them, in the same run, one that does nothing. The processor is this machine's, and whole: Lambda gives a
//! function of 128 MB a fourteenth of one, but for the start, which is not throttled.

mod instance;
mod runtime_api;
mod stand_in;
mod wakes;
mod world;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tokio::process::Command;

use self::{instance::Instance, wakes::Function, world::World};
use crate::{
    figures::{median, percentile},
    process,
    report::{Goal, Report, Unit, say},
};

/// How often each function is started.
const STARTS: usize = 15;

/// How many events the last of them handles after its first.
const INVOCATIONS: usize = 300;

/// The function that has a goal of its own.
const ROUTER: &str = "request-router";

/// What was measured of one function.
struct Measured {
    name: &'static str,
    /// From the start of the process to the first answer.
    starts: Vec<Duration>,
    /// Processor time of an invocation.
    cpu: Duration,
    /// The most memory that it ever had, in bytes.
    memory: u64,
    /// Its program, zipped, in bytes.
    zip: u64,
}

/// Measures every function; `programs` is the folder of their programs.
///
/// # Errors
/// A function fails, or what it needs cannot be made.
pub(crate) async fn run(programs: &Path, report: &mut Report) -> anyhow::Result<()> {
    let folder = process::folder()?;
    say("\nlambda: preparing events");
    let world = World::open(folder.path()).await?;
    let count = STARTS + INVOCATIONS;
    let functions = wakes::functions(&world, count).await?;
    let here = std::env::current_exe()?;
    let echo = measure(here.parent().context("a folder")?, wakes::echo(count), folder.path()).await?;
    say(format_args!(
        "a function that does nothing answers {:.2} ms after its start, and takes {:.2} ms of processor time a call",
        echo.start(),
        echo.cpu.as_secs_f64() * 1_000.0,
    ));
    say(format_args!(
        "{:<20} {:>9} {:>9} {:>9} {:>8} {:>11} {:>11} {:>9}",
        "function", "start", "fastest", "slowest", "x echo", "cpu a call", "peak memory", "zip"
    ));
    for function in functions {
        let measured = measure(programs, function, folder.path()).await?;
        measured.tell(&echo);
        measured.judge(report);
    }
    Ok(())
}

/// The functions' programs, built with the profile of what is uploaded; in a folder of their own, since the template's
/// functions lie where this profile's programs would.
///
/// # Errors
/// They do not compile.
pub(crate) async fn programs() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let target = here.ancestors().nth(2).context("a target folder")?.join("functions");
    say("lambda: building the functions, which takes a quarter of an hour the first time");
    let began = Instant::now();
    let status = Command::new(env!("CARGO"))
        .args(["build", "--profile", "lambda", "--quiet", "--package", "functions", "--bins"])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .status()
        .await?;
    anyhow::ensure!(status.success(), "the functions could not be built");
    say(format_args!("lambda: built in {} s", began.elapsed().as_secs()));
    Ok(target.join("lambda"))
}

/// The function that does nothing but what every function on `lambda_runtime` does.
///
/// # Errors
/// Lambda is gone.
pub(crate) async fn echo() -> Result<(), lambda_runtime::Error> {
    let give_back = async |event: LambdaEvent<Value>| Ok::<_, lambda_runtime::Error>(event.payload);
    lambda_runtime::run(lambda_runtime::service_fn(give_back)).await
}

async fn measure(programs: &Path, function: Function, folder: &Path) -> anyhow::Result<Measured> {
    let Function { name, arguments, environment, wakes, is_done } = function;
    let (bootstrap, log) = (programs.join(name), folder.join(name).with_extension("log"));
    let mut wakes = wakes.into_iter();
    let checked = |answer: &[u8]| {
        let value: Value = serde_json::from_slice(answer).with_context(|| name.to_owned())?;
        let failure = || format!("{name} answered {value}\n{}", std::fs::read_to_string(&log).unwrap_or_default());
        anyhow::ensure!(is_done(&value), failure());
        Ok(())
    };
    let (mut starts, mut last) = (vec![], None);
    for first in wakes.by_ref().take(STARTS) {
        let (instance, answer, time) = Instance::start((&bootstrap, arguments), &environment, first.to_string(), &log)
            .await
            .with_context(|| format!("{name}: {}", std::fs::read_to_string(&log).unwrap_or_default()))?;
        checked(&answer)?;
        starts.push(time);
        last = Some(instance);
    }
    let mut instance = last.context("an instance")?;
    let before = instance.usage()?;
    let mut invocations = 0;
    for wake in wakes {
        checked(&instance.wake(wake.to_string()).await?)?;
        invocations += 1;
    }
    let after = instance.usage()?;
    let cpu = (after.cpu - before.cpu) / invocations;
    Ok(Measured { name, starts, cpu, memory: after.peak_memory, zip: zipped(&bootstrap, folder).await? })
}

/// The size of a program, zipped by Python as `cargo xtask deploy` does.
async fn zipped(program: &Path, folder: &Path) -> anyhow::Result<u64> {
    let zip = folder.join("bootstrap.zip");
    let status = Command::new("python3").args(["-m", "zipfile", "-c"]).arg(&zip).arg(program).status().await?;
    anyhow::ensure!(status.success(), "the program could not be zipped");
    Ok(zip.metadata()?.len())
}

impl Measured {
    fn start(&self) -> f64 {
        median(self.starts.iter().map(|time| time.as_secs_f64() * 1_000.0).collect())
    }

    fn tell(&self, echo: &Self) {
        say(format_args!(
            "{:<20} {:>6.2} ms {:>6.2} ms {:>6.2} ms {:>7.1}x {:>8.2} ms {:>8.1} MB {:>6.2} MB",
            self.name,
            self.start(),
            percentile(&self.starts, 0.0),
            percentile(&self.starts, 1.0),
            self.start() / echo.start(),
            self.cpu.as_secs_f64() * 1_000.0,
            megabytes(self.memory),
            megabytes(self.zip),
        ));
    }

    fn judge(&self, report: &mut Report) {
        // The router begins with ten thousand filters, and keeps them in memory.
        let of_router = self.name == ROUTER;
        let (must, aim) = if of_router { (100.0, 50.0) } else { (25.0, 12.0) };
        let name = self.name;
        report.figure(
            format!("{name}: start"),
            self.start(),
            Unit::Milliseconds,
            Goal::AtMost { must, aim: Some(aim) },
        );
        let size = Goal::AtMost { must: 5.0, aim: Some(3.0) };
        report.figure(format!("{name}: zip"), megabytes(self.zip), Unit::Megabytes, size);
        if !of_router {
            let memory = Goal::AtMost { must: 40.0, aim: Some(20.0) };
            report.figure(format!("{name}: peak memory"), megabytes(self.memory), Unit::Megabytes, memory);
        }
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
