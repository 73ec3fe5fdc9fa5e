//! The `aws` client, aimed at the emulator: no credentials or settings of the machine reach it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use crate::process::Step;

/// The emulator takes any region; this one is in every example.
pub(super) const REGION: &str = "eu-west-1";

/// The client.
#[derive(Debug)]
pub(crate) struct Aws {
    program: PathBuf,
    endpoint: String,
    root: PathBuf,
}

impl Aws {
    /// The client that is this program, calling this endpoint.
    pub(super) fn new(program: PathBuf, endpoint: &str, root: &Path) -> Self {
        Self { program, endpoint: endpoint.to_owned(), root: root.to_owned() }
    }

    /// Calls an operation and answers what it says; null for nothing.
    ///
    /// # Errors
    ///
    /// When it is refused, or its answer is no JSON.
    pub(crate) fn call(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let text = self.step(arguments).args(["--output", "json"]).output()?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("answer of `aws {}`", arguments.join(" ")))
    }

    /// Calls an operation that lists `items`, and answers what they are or, of objects, their `name`.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub(crate) fn names(&self, list: &[&str], items: &str, name: &str) -> anyhow::Result<Vec<String>> {
        let found = self.call(list)?;
        let items = found[items].as_array().into_iter().flatten();
        Ok(items.filter_map(|item| item.as_str().or_else(|| item[name].as_str())).map(str::to_owned).collect())
    }

    /// Does something of which only success matters.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub(crate) fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.step(arguments).output().map(drop)
    }

    fn step(&self, arguments: &[&str]) -> Step {
        // Said twice: `sqs` does not hear the variable, and what `cloudformation package` uploads not the argument.
        let step = Step::new(&self.program, &self.root).args(["--endpoint-url", &self.endpoint]).args(arguments);
        let step = step.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_DEFAULT_REGION", REGION);
        let step = step.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        step.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null").env("AWS_PAGER", "")
    }
}
