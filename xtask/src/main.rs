//! The project's own commands, so that a person and CI run exactly the same thing.
//!
//! `cargo xtask test` and `cargo xtask check` install what they need into the target folder.

mod check;
mod process;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{process::Step, workspace::Workspace};

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every test of the workspace, or those that the arguments after `--` select.
    Test {
        /// Handed to the test runner as they are, such as a part of a test's name, or `-E 'package(tests)'`.
        #[arg(last = true)]
        filter: Vec<String>,
    },
    /// Check format, lints, documentation, and what the dependencies are and may be used for.
    Check,
    /// Write the JSON Schemas of the events from their types.
    Schemas,
    /// Measure what DESIGN section 8 promises; without a name, all of it.
    Bench {
        /// Names of benchmarks, and their options.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            process::say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    match command {
        Command::Test { filter } => test::run(&workspace, &filter),
        Command::Check => check::run(&workspace),
        Command::Schemas => schemas(&workspace),
        Command::Bench { arguments } => Step::cargo(&workspace.root)
            .args(["run", "--release", "--package", "tests", "--bin", "bench", "--"])
            .args(&arguments)
            .run(),
    }
}

/// Runs the generator that `event-schema` keeps as an example, because only it knows the types.
///
/// # Errors
///
/// When the example is not there, or fails.
fn schemas(workspace: &Workspace) -> anyhow::Result<()> {
    anyhow::ensure!(
        workspace.has_target("event-schema", "example", "generate"),
        "the crate event-schema has no example `generate`, which writes the schemas"
    );
    Step::cargo(&workspace.root).args(["run", "--quiet", "--package", "event-schema", "--example", "generate"]).run()
}
