//! `cargo xtask test`: every test of the workspace, with all that the tests themselves need.

mod roles;

use std::{fs, path::PathBuf};

use anyhow::Context as _;

use crate::{
    deploy,
    process::{Step, say},
    tools,
    workspace::Workspace,
};

/// Tells tests where the real `aws` client is.
const AWS_CLIENT: &str = "MARKETPLACE_TEST_AWS";

/// Tells tests where the `DynamoDB` engine's server is.
const DYNAMODB: &str = "MARKETPLACE_TEST_DYNAMODB";

/// Tells tests where the gateway's own binary is, built in the dev profile.
const GATEWAY: &str = "MARKETPLACE_TEST_BIN";

/// Tells tests where the emulator of AWS is.
const EMULATOR: &str = "MARKETPLACE_TEST_EMULATOR";

/// Tells tests in which folder the zips of the stack's functions and its template are.
const STACK: &str = "MARKETPLACE_TEST_STACK";

/// Tells tests which Python has the library that third parties verify messages with.
const PYTHON: &str = "MARKETPLACE_TEST_PYTHON";

/// Tells tests in which folder Node finds that library.
const NODE_MODULES: &str = "MARKETPLACE_TEST_NODE_MODULES";

/// Tells tests in which folder the programs are that hold the interface's description and the gateway to each other.
const INTERFACE: &str = "MARKETPLACE_TEST_INTERFACE";

/// Tells tests in which folder Node finds what judges the description of the bus.
const VALIDATORS: &str = "MARKETPLACE_TEST_VALIDATORS";

/// Tells tests in which folder to keep what the functions of deployed stacks called.
const CALLS: &str = "MARKETPLACE_TEST_CALLS";

/// Builds, then runs the documentation's tests and all others; with a filter, only what it selects.
///
/// # Errors
///
/// When something cannot be built or installed, or a test fails.
pub(crate) fn run(workspace: &Workspace, filter: &[String]) -> anyhow::Result<()> {
    let mut surroundings = tools(workspace)?;
    surroundings.extend(build(workspace)?.map(|gateway| (GATEWAY, gateway)));
    surroundings.push((STACK, deploy::package(workspace)?));
    let calls = workspace.target.join("stack-calls");
    if calls.exists() {
        fs::remove_dir_all(&calls).context("what an earlier run has kept")?;
    }
    surroundings.push((CALLS, calls.clone()));
    let with_tools = |step: Step| surroundings.iter().fold(step, |step, (name, path)| step.env(name, path));
    // The documentation's tests come first, so that the other runner's summary stands at the end.
    if filter.is_empty() {
        let doc_tests = ["test", "--locked", "--quiet", "--workspace", "--doc"];
        with_tools(Step::cargo(&workspace.root).args(doc_tests)).run()?;
    }
    with_tools(runner(workspace)).args(filter).run()?;
    // Only all flows together do all that a role is for.
    if filter.is_empty() {
        roles::check(workspace, &calls)?;
    }
    say(match filter {
        [] => "test passed: the documentation's tests and all others",
        _ => "test passed: what the filter selected",
    });
    Ok(())
}

/// Installs what tests need from others, and answers how they are told of it.
fn tools(workspace: &Workspace) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    Ok(vec![
        (AWS_CLIENT, tools::AWS.programs(workspace)?.join("aws")),
        (DYNAMODB, tools::dynamodb_server(workspace)?),
        (EMULATOR, tools::EMULATOR.programs(workspace)?.join("ministack")),
        (PYTHON, tools::RECEIVERS.programs(workspace)?.join("python")),
        (NODE_MODULES, tools::JAVASCRIPT_RECEIVERS.modules(workspace)?),
        (INTERFACE, tools::INTERFACE.programs(workspace)?),
        (VALIDATORS, tools::VALIDATORS.modules(workspace)?),
    ])
}

/// Builds binaries and tests in one go, so that dependencies are compiled with one set of features.
/// Answers the gateway's binary, which the flow tests start and kill.
fn build(workspace: &Workspace) -> anyhow::Result<Option<PathBuf>> {
    Step::cargo(&workspace.root).args(["build", "--locked", "--workspace", "--bins", "--tests"]).run()?;
    let exists = workspace.has_target("standalone", "bin", "marketplace");
    Ok(exists.then(|| workspace.target.join("debug/marketplace")))
}

/// The runner: nextest, which runs each test in its own process, or else cargo's own. Every crate is named, since
/// cargo alone would take the workspace's default member.
fn runner(workspace: &Workspace) -> Step {
    match tools::NEXTEST.step(workspace) {
        Ok(step) => step.args(["run", "--locked", "--workspace"]),
        Err(error) => {
            say(&format!("{error:#}; running the tests with cargo's own runner"));
            Step::cargo(&workspace.root).args(["test", "--locked", "--workspace", "--lib", "--bins", "--tests"])
        }
    }
}
