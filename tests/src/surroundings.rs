//! What tests need from outside the test binary: programs, found by what the runner says or made here.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

/// The workspace's root.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(ROOT)
}

/// The gateway's own binary: `MARKETPLACE_TEST_BIN`, as `cargo xtask test` sets it, or else built here.
pub(crate) fn gateway_binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
        variable("MARKETPLACE_TEST_BIN").map_or_else(
            || {
                run(Command::new(env!("CARGO")).args(["build", "--quiet", "--locked", "--package", "standalone"]));
                Path::new(ROOT).join("target/debug/marketplace")
            },
            PathBuf::from,
        )
    });
    &BINARY
}

/// The real `aws` client: `MARKETPLACE_TEST_AWS`, as `cargo xtask test` sets it, or else installed here.
pub(crate) fn aws_client() -> &'static Path {
    static CLIENT: LazyLock<PathBuf> =
        LazyLock::new(|| variable("MARKETPLACE_TEST_AWS").map_or_else(installed_client, PathBuf::from));
    &CLIENT
}

/// The `DynamoDB` engine: `MARKETPLACE_TEST_DYNAMODB`, as `cargo xtask test` sets it, or else what it has installed.
pub(crate) fn dynamodb_server() -> PathBuf {
    installed("MARKETPLACE_TEST_DYNAMODB", "target/tools/bin/dynoxide")
}

/// The emulator of AWS: `MARKETPLACE_TEST_EMULATOR`, as `cargo xtask test` sets it, or else what it has installed.
pub(crate) fn emulator() -> PathBuf {
    installed("MARKETPLACE_TEST_EMULATOR", "target/venv-emulator/bin/ministack")
}

/// The folder of the packaged stack: `MARKETPLACE_TEST_STACK`, as `cargo xtask test` sets it, or else what it has made.
pub(crate) fn stack_folder() -> PathBuf {
    installed("MARKETPLACE_TEST_STACK", "target/lambda")
}

/// Where it is kept what the functions of deployed stacks called: `MARKETPLACE_TEST_CALLS`, as `cargo xtask test` sets it.
pub(crate) fn calls_folder() -> Option<PathBuf> {
    variable("MARKETPLACE_TEST_CALLS").map(PathBuf::from)
}

/// What a variable names, or else this path in the workspace.
fn installed(name: &str, path: &str) -> PathBuf {
    let found = variable(name).map_or_else(|| Path::new(ROOT).join(path), PathBuf::from);
    assert!(found.exists(), "{found:?} is made by `cargo xtask test`");
    found
}

/// A third party's program in Python: `MARKETPLACE_TEST_PYTHON` runs it, as `cargo xtask test` sets it, or else what is
/// installed here.
pub(crate) fn python_receiver() -> Command {
    let mut command = Command::new(python());
    command.arg(Path::new(ROOT).join("tests/receivers/verify.py"));
    command
}

/// The Python that has the official library.
pub(crate) fn python() -> &'static Path {
    static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
        let installed = || python_programs("venv-receivers", "requirements-receivers.txt").join("python");
        variable("MARKETPLACE_TEST_PYTHON").map_or_else(installed, PathBuf::from)
    });
    &PYTHON
}

/// A third party's program in JavaScript, with the libraries in `MARKETPLACE_TEST_NODE_MODULES`, as `cargo xtask test`
/// sets it, or else those that are installed here.
pub(crate) fn javascript_receiver() -> Command {
    let mut command = node();
    command.arg(Path::new(ROOT).join("tests/receivers/verify.js"));
    command
}

/// Node, which finds the official library.
pub(crate) fn node() -> Command {
    static LIBRARIES: LazyLock<PathBuf> = LazyLock::new(|| {
        let installed = || javascript_libraries("receivers", "node-receivers");
        variable("MARKETPLACE_TEST_NODE_MODULES").map_or_else(installed, PathBuf::from)
    });
    let mut command = Command::new("node");
    command.env("NODE_PATH", &*LIBRARIES);
    command
}

/// A program that holds the interface's description and the gateway to each other, such as `schemathesis`: in
/// `MARKETPLACE_TEST_INTERFACE`, as `cargo xtask test` sets it, or else installed here.
pub(crate) fn interface_program(name: &str) -> Command {
    static PROGRAMS: LazyLock<PathBuf> = LazyLock::new(|| {
        let installed = || python_programs("venv-interface", "requirements-interface.txt");
        variable("MARKETPLACE_TEST_INTERFACE").map_or_else(installed, PathBuf::from)
    });
    let mut command = Command::new(PROGRAMS.join(name));
    // They call each other by name.
    let path = variable("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", PROGRAMS.display()));
    command
}

/// The judge of the description of the bus, with the library in `MARKETPLACE_TEST_VALIDATORS`, as `cargo xtask test`
/// sets it, or else the one that is installed here.
pub(crate) fn bus_validator() -> Command {
    static LIBRARIES: LazyLock<PathBuf> = LazyLock::new(|| {
        let installed = || javascript_libraries("validators", "node-validators");
        variable("MARKETPLACE_TEST_VALIDATORS").map_or_else(installed, PathBuf::from)
    });
    let mut command = Command::new("node");
    command.arg(Path::new(ROOT).join("tests/interface/asyncapi.js")).env("NODE_PATH", &*LIBRARIES);
    command
}

/// The client in the folder where `cargo xtask test` installs it, made here when it is not there yet.
fn installed_client() -> PathBuf {
    python_programs("venv", "requirements.txt").join("aws")
}

/// The programs of a Python environment, which is made when it is not there yet.
fn python_programs(environment: &str, requirements: &str) -> PathBuf {
    let folder = Path::new(ROOT).join("target").join(environment);
    let finished = folder.join("installed-requirements.txt");
    let _lock = alone();
    if !finished.exists() {
        let requirements = Path::new(ROOT).join("xtask").join(requirements);
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        run(Command::new(folder.join("bin/python")).args(pip).arg(&requirements));
        fs::copy(&requirements, &finished).expect("the mark that all is installed");
    }
    folder.join("bin")
}

/// A set of JavaScript libraries, which are installed when they are not there yet.
fn javascript_libraries(packages: &str, folder: &str) -> PathBuf {
    let folder = Path::new(ROOT).join("target").join(folder);
    let finished = folder.join("installed-package-lock.json");
    let _lock = alone();
    if !finished.exists() {
        let wanted = Path::new(ROOT).join("xtask").join(packages);
        fs::create_dir_all(&folder).expect("a folder");
        for file in ["package.json", "package-lock.json"] {
            fs::copy(wanted.join(file), folder.join(file)).expect("a copy");
        }
        run(Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
            .arg("--prefix")
            .arg(&folder));
        fs::copy(wanted.join("package-lock.json"), &finished).expect("the mark that all is installed");
    }
    folder.join("node_modules")
}

/// Tests run side by side; one of them installs, the others wait.
fn alone() -> File {
    fs::create_dir_all(Path::new(ROOT).join("target")).expect("a target folder");
    let lock = File::create(Path::new(ROOT).join("target/venv.lock")).expect("a lock file");
    lock.lock().expect("the lock");
    lock
}

fn run(command: &mut Command) {
    let status = command.current_dir(ROOT).status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

#[expect(clippy::disallowed_methods, reason = "the runner says where it put the programs that tests run")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
