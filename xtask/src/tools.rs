//! Tools that tests and checks need, installed into the target folder when the machine has none.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{
    process::{Step, say},
    workspace::Workspace,
};

/// A cargo subcommand from crates.io.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CargoTool {
    subcommand: &'static str,
    /// The version that is installed when there is none; one that is already there is used as it is.
    version: &'static str,
}

/// The test runner.
pub(crate) const NEXTEST: CargoTool = CargoTool { subcommand: "nextest", version: "0.9.143" };

/// The judge of dependencies.
pub(crate) const DENY: CargoTool = CargoTool { subcommand: "deny", version: "0.20.2" };

/// The `DynamoDB` engine that the contract runs on. A program and no crate, since its SQLite cannot be linked next to
/// ours.
const DYNAMODB: &str = "dynoxide-rs@3.2.0";

/// Installs the `DynamoDB` engine's server where it is not there yet, and answers where it is.
///
/// # Errors
///
/// When it cannot be installed.
pub(crate) fn dynamodb_server(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let folder = workspace.target.join("tools");
    let program = folder.join("bin/dynoxide");
    if !program.exists() {
        let features = ["--no-default-features", "--features", "native-sqlite,http-server,cli"];
        install(&workspace.root, &folder, DYNAMODB, &features)?;
    }
    Ok(program)
}

impl CargoTool {
    /// The start of a command line that runs this tool; installs it first where needed.
    ///
    /// # Errors
    ///
    /// When it is not there and cannot be installed.
    pub(crate) fn step(self, workspace: &Workspace) -> anyhow::Result<Step> {
        let root = &workspace.root;
        if Step::cargo(root).args([self.subcommand, "--version"]).succeeds() {
            return Ok(Step::cargo(root).args([self.subcommand]));
        }
        let folder = workspace.target.join("tools");
        let program = folder.join("bin").join(format!("cargo-{}", self.subcommand));
        if !program.exists() {
            install(root, &folder, &format!("cargo-{}@{}", self.subcommand, self.version), &[])?;
        }
        Ok(Step::new(program, root).args([self.subcommand]))
    }
}

fn install(root: &Path, folder: &Path, package: &str, features: &[&str]) -> anyhow::Result<()> {
    say(&format!("installing {package}, once; this takes some minutes"));
    Step::cargo(root)
        .args(["install", "--quiet", "--locked", "--root"])
        .args([folder])
        .args(features)
        .args([package])
        .run()
        .with_context(|| format!("cannot install {package}"))
}

/// A set of Python programs, in an environment of its own, because each set pins what the others need otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PythonTools {
    /// The list of packages, in `xtask/`.
    requirements: &'static str,
    /// The environment's folder, in the target folder.
    folder: &'static str,
}

/// The `aws` client.
pub(crate) const AWS: PythonTools = PythonTools { requirements: "requirements.txt", folder: "venv" };

/// `ministack`, the emulator of AWS.
pub(crate) const EMULATOR: PythonTools =
    PythonTools { requirements: "requirements-emulator.txt", folder: "venv-emulator" };

/// `cfn-lint` and `sam`.
pub(crate) const TEMPLATE_LINT: PythonTools =
    PythonTools { requirements: "requirements-lint.txt", folder: "venv-lint" };

/// The library with which third parties verify messages in Python.
pub(crate) const RECEIVERS: PythonTools =
    PythonTools { requirements: "requirements-receivers.txt", folder: "venv-receivers" };

/// What holds the interface's description and the gateway to each other.
pub(crate) const INTERFACE: PythonTools =
    PythonTools { requirements: "requirements-interface.txt", folder: "venv-interface" };

impl PythonTools {
    /// Makes the environment where it is not there yet, and answers the folder of its programs.
    ///
    /// # Errors
    ///
    /// When there is no `python3` with `venv`, or a package cannot be installed.
    pub(crate) fn programs(self, workspace: &Workspace) -> anyhow::Result<PathBuf> {
        let requirements = workspace.root.join("xtask").join(self.requirements);
        let wanted = fs::read_to_string(&requirements).context(self.requirements)?;
        let folder = workspace.target.join(self.folder);
        let programs = folder.join("bin");
        // Written last, so an installation that was interrupted starts anew.
        let finished = folder.join("installed-requirements.txt");
        if fs::read_to_string(&finished).is_ok_and(|installed| installed == wanted) {
            return Ok(programs);
        }
        Step::new("python3", &workspace.root)
            .args(["-m", "venv", "--clear"])
            .args([&folder])
            .run()
            .context("the tests need python3 with venv (Debian: apt-get install python3-venv)")?;
        Step::new(programs.join("python"), &workspace.root)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .args([&requirements])
            .run()?;
        fs::write(&finished, wanted).context("cannot write into the Python environment")?;
        Ok(programs)
    }
}

/// A set of JavaScript libraries, in a folder of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeTools {
    /// The folder in `xtask/` with the list of packages.
    packages: &'static str,
    /// The folder that they are installed into, in the target folder.
    folder: &'static str,
}

/// The library with which third parties verify messages in JavaScript.
pub(crate) const JAVASCRIPT_RECEIVERS: NodeTools = NodeTools { packages: "receivers", folder: "node-receivers" };

/// What judges the description of the bus.
pub(crate) const VALIDATORS: NodeTools = NodeTools { packages: "validators", folder: "node-validators" };

impl NodeTools {
    /// Installs the libraries where they are not there yet, and answers the folder that Node finds them in.
    ///
    /// # Errors
    ///
    /// When there is no `npm`, or it cannot install.
    pub(crate) fn modules(self, workspace: &Workspace) -> anyhow::Result<PathBuf> {
        let wanted = workspace.root.join("xtask").join(self.packages);
        let lock = fs::read_to_string(wanted.join("package-lock.json")).context("package-lock.json")?;
        let folder = workspace.target.join(self.folder);
        // Written last, so an installation that was interrupted starts anew.
        let finished = folder.join("installed-package-lock.json");
        if !fs::read_to_string(&finished).is_ok_and(|installed| installed == lock) {
            fs::create_dir_all(&folder).context("cannot make a folder for npm")?;
            for file in ["package.json", "package-lock.json"] {
                fs::copy(wanted.join(file), folder.join(file)).context(file)?;
            }
            Step::new("npm", &folder)
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
                .run()
                .context("the tests need node with npm (Debian: apt-get install nodejs npm)")?;
            fs::write(&finished, lock).context("cannot write beside the libraries")?;
        }
        Ok(folder.join("node_modules"))
    }
}
