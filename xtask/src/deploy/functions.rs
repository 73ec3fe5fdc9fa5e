//! Builds what the template's `CodeUri`s name, for this machine.

use std::fs;

use anyhow::Context as _;

use crate::{process::Step, workspace::Workspace};

const PACKAGE: &str = "functions";

/// Builds every function in the dev profile and puts it where the template looks, `target/lambda/<name>/bootstrap`,
/// without its symbols: the emulator unpacks it for every version.
///
/// # Errors
///
/// When there are no functions, or they cannot be built.
pub(super) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    let names = workspace.targets(PACKAGE, "bin");
    anyhow::ensure!(!names.is_empty(), "the crate `{PACKAGE}` has no programs, which the stack's functions are");
    Step::cargo(&workspace.root).args(["build", "--locked", "--package", PACKAGE, "--bins"]).run()?;
    for name in names {
        let built = workspace.target.join("debug").join(&name);
        let folder = workspace.root.join("target/lambda").join(&name);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let bootstrap = folder.join("bootstrap");
        let stripped = Step::new("strip", &workspace.root).args(["--output-file"]).args([&bootstrap]).args([&built]);
        if !stripped.succeeds() {
            fs::copy(&built, &bootstrap).with_context(|| built.display().to_string())?;
        }
    }
    Ok(())
}
