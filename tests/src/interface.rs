//! The programs of others that judge how the interface is described, and whether the gateway is as it says.

use std::{
    path::{Path, PathBuf},
    process::Output,
};

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

/// Has Schemathesis call all that a gateway describes, with `tests/interface/schemathesis.toml`; `variables` are what the
/// hooks beside it are told.
///
/// # Panics
/// When it cannot be run.
pub async fn schemathesis(url: &str, arguments: &[String], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::from(surroundings::interface_program("schemathesis"));
    command.current_dir(surroundings::root().join("tests/interface"));
    command.args(["--config-file", "schemathesis.toml", "run", "--no-color", &format!("{url}/openapi.json")]);
    run(command.args(arguments).envs(variables.iter().copied())).await
}

/// Has `openapi-python-client` make a client of what a gateway describes: the package `marketplace_client` in a folder.
///
/// # Panics
/// When it cannot be run.
pub async fn generate_client(url: &str, folder: &Path) -> Output {
    let mut command = Command::from(surroundings::interface_program("openapi-python-client"));
    let config = surroundings::root().join("tests/interface/client.yaml");
    command.args(["generate", "--meta", "none", "--fail-on-warning", "--url", &format!("{url}/openapi.json")]);
    command.arg("--config").arg(config).arg("--output-path").arg(folder.join("marketplace_client"));
    run(&mut command).await
}

/// Plays `tests/interface/client.py` with the client in a folder.
///
/// # Panics
/// When it cannot be run.
pub async fn play_with_client(folder: &Path, url: &str, operator_token: &str) -> Output {
    let mut command = Command::from(surroundings::interface_program("python"));
    command.arg(surroundings::root().join("tests/interface/client.py")).args([url, operator_token]);
    run(command.env("PYTHONPATH", folder)).await
}

async fn run(command: &mut Command) -> Output {
    command.kill_on_drop(true).output().await.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}
