//! One instance of a function: its `bootstrap`, started as Lambda starts it.

use std::{
    fs::File,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::body::Bytes;
use tokio::process::{Child, Command};

use super::runtime_api::RuntimeApi;
use crate::process::Usage;

/// An instance. It is killed when this is dropped.
pub(crate) struct Instance {
    api: RuntimeApi,
    child: Child,
}

impl Instance {
    /// Starts one with its first event waiting; its answer, and the time from the start until it came. What it logs goes
    /// to the file. The programs of functions have no arguments.
    ///
    /// # Errors
    /// It does not start, or fails.
    pub(crate) async fn start(
        (bootstrap, arguments): (&Path, &[&str]),
        environment: &[(&str, String)],
        first: String,
        log: &Path,
    ) -> anyhow::Result<(Self, Bytes, Duration)> {
        let api = RuntimeApi::open().await?;
        api.lay_out(first)?;
        let log_file = File::options().create(true).append(true).open(log)?;
        let mut command = Command::new(bootstrap);
        command
            .args(arguments)
            .env_clear()
            .envs(lambdas_own(bootstrap, &api))
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file)
            .kill_on_drop(true);
        let started = Instant::now();
        let child = command.spawn().with_context(|| bootstrap.display().to_string())?;
        let mut instance = Self { api, child };
        let (answer, at) = instance.api.answer().await?;
        Ok((instance, answer, at.duration_since(started)))
    }

    /// Wakes it once more; its answer.
    ///
    /// # Errors
    /// It fails.
    pub(crate) async fn wake(&mut self, wake: String) -> anyhow::Result<Bytes> {
        self.api.lay_out(wake)?;
        Ok(self.api.answer().await?.0)
    }

    /// What it has used so far.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.child.id().context("the function has ended")?)
    }
}

/// What every function finds in its environment (AWS Lambda Developer Guide, "Defined runtime environment variables").
fn lambdas_own(bootstrap: &Path, api: &RuntimeApi) -> Vec<(&'static str, String)> {
    let name = bootstrap.file_name().unwrap_or_default().to_string_lossy();
    let texts = [
        ("_HANDLER", "bootstrap"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/21/[1]5f1b"),
        ("AWS_ACCESS_KEY_ID", "nobody"),
        ("AWS_SECRET_ACCESS_KEY", "nothing"),
        ("AWS_SESSION_TOKEN", "never"),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("LANG", "en_US.UTF-8"),
        ("PATH", "/usr/local/bin:/usr/bin/:/bin"),
        ("TZ", ":UTC"),
    ];
    let mut all = texts.map(|(name, text)| (name, text.to_owned())).to_vec();
    all.push(("AWS_LAMBDA_RUNTIME_API", api.address.to_string()));
    all.push(("AWS_LAMBDA_FUNCTION_NAME", name.into_owned()));
    all
}
