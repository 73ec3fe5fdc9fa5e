//! The functions that the template's `CodeUri`s name, for this machine.

use std::{fs, path::Path};

use anyhow::Context as _;

use crate::{process::Step, workspace::Workspace};

/// The crate whose programs the functions are.
const PACKAGE: &str = "functions";

/// Builds every function in the dev profile.
///
/// # Errors
///
/// When they cannot be built.
pub(super) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    Step::cargo(&workspace.root).args(["build", "--locked", "--package", PACKAGE, "--bins"]).run()
}

/// Puts what was built where the template looks, `<folder>/<name>/bootstrap`, and zips it beside that: without its
/// symbols, since the emulator unpacks it for every stack. What is there and newer stays.
///
/// # Errors
///
/// When there are no functions, or a file cannot be written.
pub(super) fn zip(workspace: &Workspace, folder: &Path) -> anyhow::Result<()> {
    let names = workspace.targets(PACKAGE, "bin");
    anyhow::ensure!(!names.is_empty(), "the crate `{PACKAGE}` has no programs, which the stack's functions are");
    for name in names {
        let built = workspace.target.join("debug").join(&name);
        let (zip, bootstrap) = (folder.join(format!("{name}.zip")), folder.join(&name).join("bootstrap"));
        if is_newer(&zip, &built) {
            continue;
        }
        fs::create_dir_all(folder.join(&name)).with_context(|| name.clone())?;
        let stripped = Step::new("strip", &workspace.root).args(["--output-file"]).args([&bootstrap]).args([&built]);
        if !stripped.succeeds() {
            fs::copy(&built, &bootstrap).with_context(|| built.display().to_string())?;
        }
        Step::new("python3", &workspace.root).args(["-m", "zipfile", "-c"]).args([&zip]).args([&bootstrap]).output()?;
    }
    Ok(())
}

fn is_newer(file: &Path, than: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    modified(file).zip(modified(than)).is_some_and(|(file, than)| file > than)
}
