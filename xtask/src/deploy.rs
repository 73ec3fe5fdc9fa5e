//! `cargo xtask deploy --local`: the stack of `infra/template.yaml` on this machine, in an emulator of AWS that runs the
//! real functions.

mod aws;
mod emulator;
mod functions;
mod removal;
mod template;
pub(crate) mod written_out;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

pub(crate) use self::aws::Aws;
use self::emulator::Emulator;
use crate::{
    process::{pause, say},
    tools,
    workspace::Workspace,
};

const STACK: &str = "marketplace";

/// Where the functions' zips and the template lie while the stack is made.
const ARTEFACTS: &str = "marketplace-artefacts";

/// How long the stack may take to come or go, in looks at it.
const LOOKS: u32 = 300;

/// Builds the functions, starts the emulator if none runs, and makes the stack from nothing. Answers the API's URL.
///
/// # Errors
///
/// When something cannot be built, installed or started, or the emulator refuses the stack.
pub(crate) fn up(workspace: &Workspace) -> anyhow::Result<String> {
    functions::build(workspace)?;
    let artefacts = package(workspace)?;
    let emulator = Emulator::find_or_start(workspace)?;
    let aws = client(workspace, &emulator)?;
    removal::stack(&aws)?;
    upload(&aws, &artefacts)?;
    create_stack(&aws, &emulator)?;
    api_url(&aws, &emulator)
}

/// Zips the functions that were built and writes the emulator's template beside them. Answers their folder.
///
/// # Errors
///
/// When there are no functions, or a file cannot be written.
pub(crate) fn package(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let folder = workspace.root.join("target/lambda");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    functions::zip(workspace, &folder)?;
    let (template, left_out) = template::for_emulator(workspace)?;
    for name in left_out {
        say(&format!("left out, since the emulator does not know it: {name}"));
    }
    fs::write(folder.join("template.json"), template.to_string()).context("the emulator's template")?;
    Ok(folder)
}

/// Removes the stack and what was made beside it, sees that nothing is left, and ends the emulator.
///
/// # Errors
///
/// When something cannot be removed, or is left.
pub(crate) fn down(workspace: &Workspace) -> anyhow::Result<()> {
    let Some(emulator) = Emulator::find(workspace) else {
        say("nothing is deployed here");
        return Ok(());
    };
    let aws = client(workspace, &emulator)?;
    removal::stack(&aws)?;
    if has_artefacts(&aws)? {
        aws.run(&["s3", "rb", "--force", &format!("s3://{ARTEFACTS}")])?;
    }
    let left = removal::left_over(&aws)?;
    emulator.stop(workspace)?;
    if !left.is_empty() {
        bail!("the stack is gone, but these were left: {}", left.join(", "));
    }
    say("nothing is left");
    Ok(())
}

/// The `aws` client, aimed at the emulator that runs here.
///
/// # Errors
///
/// When none runs, or the client cannot be installed.
pub(crate) fn local_client(workspace: &Workspace) -> anyhow::Result<Aws> {
    let emulator = Emulator::find(workspace).context("nothing is deployed here: `cargo xtask deploy --local` first")?;
    client(workspace, &emulator)
}

/// One of the stack's outputs.
///
/// # Errors
///
/// When there is no stack, or no such output.
pub(crate) fn output(aws: &Aws, name: &str) -> anyhow::Result<String> {
    let found = aws.call(&["cloudformation", "describe-stacks", "--stack-name", STACK])?;
    let outputs = found["Stacks"][0]["Outputs"].as_array().cloned().unwrap_or_default();
    let output = outputs.iter().find(|output| output["OutputKey"] == name);
    let value = output.and_then(|output| output["OutputValue"].as_str());
    value.map(str::to_owned).with_context(|| format!("the stack has no output {name}"))
}

fn client(workspace: &Workspace, emulator: &Emulator) -> anyhow::Result<Aws> {
    let program = tools::AWS.programs(workspace)?.join("aws");
    Ok(Aws::new(program, emulator.endpoint(), &workspace.root))
}

fn has_artefacts(aws: &Aws) -> anyhow::Result<bool> {
    Ok(aws.names(&["s3api", "list-buckets"], "Buckets", "Name")?.iter().any(|name| name == ARTEFACTS))
}

/// Uploads the zips and the template.
fn upload(aws: &Aws, folder: &Path) -> anyhow::Result<()> {
    if !has_artefacts(aws)? {
        aws.run(&["s3", "mb", &format!("s3://{ARTEFACTS}")])?;
    }
    let (from, to) = (folder.to_string_lossy(), format!("s3://{ARTEFACTS}"));
    let only = ["--exclude", "*", "--include", "*.zip", "--include", "template.json"];
    aws.run(&[&["s3", "cp", "--recursive", "--only-show-errors", &from, &to], &only[..]].concat())
}

fn create_stack(aws: &Aws, emulator: &Emulator) -> anyhow::Result<()> {
    let architecture = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" };
    let parameters = [
        ("Architecture", architecture),
        ("PasswordSignIn", "true"),
        ("AllowPrivateEndpoints", "true"),
        ("CognitoEndpoint", emulator.endpoint()),
        ("MailFrom", "notices@marketplace.example"),
        ("MailIdentity", "marketplace.example"),
    ];
    let input = json!({
        "StackName": STACK,
        "TemplateURL": format!("{}/{ARTEFACTS}/template.json", emulator.endpoint()),
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Tags": [{ "Key": "project", "Value": "marketplace" }, { "Key": "stage", "Value": "dev" }],
        "Parameters": parameters.map(|(key, value)| json!({ "ParameterKey": key, "ParameterValue": value })),
    });
    // As one document: given by themselves, the client would fetch what looks like a URL.
    aws.call(&["cloudformation", "create-stack", "--cli-input-json", &input.to_string()])?;
    match settled(aws)?.as_deref() {
        Some("CREATE_COMPLETE") => Ok(()),
        state => bail!("the stack is {}: {}", state.unwrap_or("gone"), failures(aws)?),
    }
}

/// The stack's state once nothing is under way; none when there is no stack.
fn settled(aws: &Aws) -> anyhow::Result<Option<String>> {
    for _ in 0..LOOKS {
        let found = aws.call(&["cloudformation", "list-stacks"])?;
        let stacks = found["StackSummaries"].as_array().cloned().unwrap_or_default();
        let mut ours = stacks.iter().filter(|stack| stack["StackName"] == STACK);
        let state = ours.find_map(|stack| stack["StackStatus"].as_str().filter(|state| *state != "DELETE_COMPLETE"));
        match state {
            None => return Ok(None),
            Some(state) if !state.ends_with("_IN_PROGRESS") => return Ok(Some(state.to_owned())),
            Some(_) => pause(),
        }
    }
    bail!("the stack does not settle")
}

fn failures(aws: &Aws) -> anyhow::Result<String> {
    let found = aws.call(&["cloudformation", "describe-stack-events", "--stack-name", STACK])?;
    let events = found["StackEvents"].as_array().cloned().unwrap_or_default();
    let failed = events.iter().filter(|event| event["ResourceStatus"].as_str().is_some_and(|s| s.ends_with("FAILED")));
    let text = |event: &Value| format!("{}: {}", event["LogicalResourceId"], event["ResourceStatusReason"]);
    Ok(failed.map(text).collect::<Vec<_>>().join("; "))
}

/// Names under `localhost` are this machine's, and the emulator tells APIs by the host's name.
fn api_url(aws: &Aws, emulator: &Emulator) -> anyhow::Result<String> {
    let url = output(aws, "ApiUrl")?;
    let api = url.trim_start_matches("https://").split('.').next().unwrap_or_default();
    Ok(format!("http://{api}.execute-api.localhost:{}", emulator.port()))
}
