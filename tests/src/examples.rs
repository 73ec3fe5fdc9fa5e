//! What the project shows to third parties: the programs in `examples/`, and the README's tour of ten minutes.

use std::{
    fs,
    net::SocketAddr,
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        process::CommandExt as _,
    },
    path::Path,
    process::{Command as Program, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::{
    net::TcpSocket,
    process::{Child, Command},
};

use crate::surroundings;

/// A third party's program in `examples/`.
#[derive(Clone, Copy, Debug)]
pub enum Example {
    /// `examples/python`.
    Python,
    /// `examples/node`.
    JavaScript,
}

impl Example {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Python, Self::JavaScript];

    fn program(self) -> Program {
        let (mut program, source) = match self {
            Self::Python => (Program::new(surroundings::python()), "examples/python/receiver.py"),
            Self::JavaScript => (surroundings::node(), "examples/node/receiver.mjs"),
        };
        program.arg(surroundings::root().join(source));
        program
    }
}

/// A place for a third party's program, which takes it when it is started.
pub struct Stall {
    /// Where it will listen.
    pub address: SocketAddr,
    folder: TempDir,
    /// Bound and not listening: keeps the port.
    _port: TcpSocket,
    child: Option<Child>,
}

impl Stall {
    /// Reserves a port and a folder.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it takes a port; that is no default")]
    pub fn new() -> Self {
        let port = free_port();
        let address = port.local_addr().expect("bound");
        Self { address, folder: TempDir::new().expect("a folder"), _port: port, child: None }
    }

    /// Starts a program there, with this key and this secret.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn start(&mut self, example: Example, marketplace: &str, key: &str, secret: &str) {
        let mut program = example.program();
        program
            .current_dir(self.folder.path())
            .env("MARKETPLACE_URL", marketplace)
            .env("MARKETPLACE_KEY", key)
            .env("SIGNING_SECRET", secret)
            .env("LISTEN", self.address.to_string())
            .stdin(Stdio::null());
        self.child = Some(Command::from(program).kill_on_drop(true).spawn().expect("the example can be run"));
    }
}

/// A port of this machine's. With this option on both sides another socket can listen on it.
fn free_port() -> TcpSocket {
    let port = TcpSocket::new_v4().expect("a socket");
    port.set_reuseaddr(true).expect("an option of every socket");
    port.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    port
}

/// The commands in a section of the README.
///
/// # Panics
/// When there is no such section.
#[must_use]
pub fn commands_of(section: &str) -> String {
    let readme = fs::read_to_string(surroundings::root().join("README.md")).expect("a README");
    let (_, rest) = readme.split_once(&format!("\n## {section}\n")).expect("such a section");
    let section = rest.split("\n## ").next().unwrap_or_default();
    let blocks = section.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    blocks.collect()
}

/// Plays commands as somebody types them, in a new folder that has the examples in it; what they said. `cargo` is the
/// gateway that is built already, and environments of Python have all that they are asked for.
///
/// # Panics
/// When they cannot be run, or do not end in time.
pub async fn play(commands: &str) -> Output {
    let folder = TempDir::new().expect("a folder");
    symlink(surroundings::root().join("examples"), folder.path().join("examples")).expect("a link");
    let python = surroundings::python().display();
    let gateway = surroundings::gateway_binary().display();
    let programs = folder.path().join("programs");
    fs::create_dir(&programs).expect("a folder");
    stand_in(&programs.join("cargo"), &format!("until [ \"$1\" = -- ]; do shift; done; shift; exec {gateway} \"$@\""));
    let environment = format!(
        "mkdir -p \"$3/bin\"\n\
         printf '#!/bin/sh\\nexec {python} \"$@\"\\n' > \"$3/bin/python\"\n\
         printf '#!/bin/sh\\nexec {python} -m pip \"$@\"\\n' > \"$3/bin/pip\"\n\
         chmod +x \"$3/bin/python\" \"$3/bin/pip\""
    );
    stand_in(&programs.join("python3"), &environment);
    let (market, party) = (free_port(), free_port());
    let address = |port: &TcpSocket| port.local_addr().expect("bound").to_string();
    let mut shell = Program::new("sh");
    shell
        .args(["-c", commands])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
        .env("MARKETPLACE_LISTEN", address(&market))
        .env("ENDPOINT", address(&party))
        .stdin(Stdio::null())
        .stdout(Stdio::from(fs::File::create(folder.path().join("said")).expect("a file")))
        .stderr(Stdio::inherit())
        .process_group(0);
    let mut child = Command::from(shell).kill_on_drop(true).spawn().expect("a shell");
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("it runs");
    let ended = tokio::time::timeout(crate::eventually::PATIENCE, child.wait()).await;
    // Whatever they left running.
    let _ = kill_process_group(group, Signal::TERM);
    let status = ended.expect("they end in time").expect("a child of ours");
    Output { status, stdout: fs::read(folder.path().join("said")).expect("a file"), stderr: vec![] }
}

fn stand_in(program: &Path, does: &str) {
    fs::write(program, format!("#!/bin/sh\n{does}\n")).expect("a file");
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("a file of ours");
}
