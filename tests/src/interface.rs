//! The programs of others that judge how the interface is described, and whether the gateway is as it says.

use std::{path::PathBuf, process::Output};

use tokio::process::Command;

use crate::surroundings;

/// A file of `schemas/`.
#[must_use]
pub fn description(name: &str) -> PathBuf {
    surroundings::root().join("schemas").join(name)
}

/// Has `openapi-spec-validator` judge a file.
///
/// # Panics
/// When it cannot be run.
pub async fn judge_openapi(file: &PathBuf) -> Output {
    run(Command::from(surroundings::interface_program("openapi-spec-validator")).arg(file)).await
}

/// Has `@asyncapi/parser` judge a file.
///
/// # Panics
/// When it cannot be run.
pub async fn judge_asyncapi(file: &PathBuf) -> Output {
    run(Command::from(surroundings::bus_validator()).arg(file)).await
}

async fn run(command: &mut Command) -> Output {
    command.kill_on_drop(true).output().await.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}
