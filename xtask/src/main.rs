//! The project's own commands, so that a person and CI run exactly the same thing.
//!
//! `cargo xtask test` and `cargo xtask check` install what they need into the target folder.

mod check;
mod deploy;
mod process;
mod test;
mod token;
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
    /// Build the functions and deploy the stack to an emulator of AWS on this machine; prints the API's URL.
    Deploy {
        /// On this machine; for AWS there is `sam deploy` in `infra/`.
        #[arg(long, required = true)]
        local: bool,
        /// Remove everything instead.
        #[arg(long)]
        destroy: bool,
    },
    /// Print access tokens of a user and of an operator of the stack, as lines that a shell can evaluate.
    Token {
        /// Of the stack on this machine.
        #[arg(long, required = true)]
        local: bool,
    },
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
        Command::Deploy { destroy: true, .. } => deploy::down(&workspace),
        Command::Deploy { .. } => deploy::up(&workspace).map(|url| process::answer(&url)),
        Command::Token { .. } => token::tokens(&workspace).map(|tokens| {
            process::answer(&format!("token={}", tokens.user));
            process::answer(&format!("operator_token={}", tokens.operator));
        }),
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
