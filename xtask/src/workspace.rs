//! What cargo knows about this workspace, so that no path or target name is guessed.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use crate::process::Step;

/// The workspace this program belongs to.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the root manifest.
    pub(crate) root: PathBuf,
    /// The folder that cargo builds into.
    pub(crate) target: PathBuf,
    packages: Vec<Value>,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    ///
    /// When `cargo metadata` fails, such as for a broken manifest.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = Step::cargo(here).args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
        let metadata: Value = serde_json::from_str(&text).context("output of cargo metadata")?;
        let path = |name: &str| metadata[name].as_str().map(PathBuf::from).with_context(|| format!("no `{name}`"));
        Ok(Self {
            root: path("workspace_root")?,
            target: path("target_directory")?,
            packages: metadata["packages"].as_array().cloned().unwrap_or_default(),
        })
    }

    /// Whether a package has a target of this kind (`bin`, `example`, `test`) and name.
    pub(crate) fn has_target(&self, package: &str, kind: &str, name: &str) -> bool {
        self.targets(package, kind).iter().any(|target| target == name)
    }

    /// The names of a package's targets of this kind; none if there is no such package.
    pub(crate) fn targets(&self, package: &str, kind: &str) -> Vec<String> {
        self.packages
            .iter()
            .filter(|candidate| candidate["name"] == package)
            .flat_map(|candidate| candidate["targets"].as_array().into_iter().flatten())
            .filter(|target| target["kind"][0] == kind)
            .filter_map(|target| target["name"].as_str().map(str::to_owned))
            .collect()
    }
}
