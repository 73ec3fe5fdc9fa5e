//! The emulator's process: one for a workspace, on a port of its own, ended by who started it.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::aws::REGION;
use crate::{
    process::{Step, pause, say},
    tools,
    workspace::Workspace,
};

/// How long it may take to start, in looks at its port.
const LOOKS: u32 = 300;

/// Where everything about the local deployment is kept.
pub(super) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("local-aws")
}

/// An emulator that runs.
#[derive(Debug)]
pub(super) struct Emulator {
    process: u32,
    port: u16,
    endpoint: String,
}

impl Emulator {
    fn new(process: u32, port: u16) -> Self {
        Self { process, port, endpoint: format!("http://127.0.0.1:{port}") }
    }

    /// Where it is called.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The one that runs, or a new one.
    ///
    /// # Errors
    ///
    /// When it cannot be installed or does not come up.
    pub(super) fn find_or_start(workspace: &Workspace) -> anyhow::Result<Self> {
        Self::find(workspace).map_or_else(|| Self::start(workspace), Ok)
    }

    /// The one that this workspace started, if it still runs.
    pub(super) fn find(workspace: &Workspace) -> Option<Self> {
        let text = fs::read_to_string(folder(workspace).join("emulator.json")).ok()?;
        let saved: Value = serde_json::from_str(&text).ok()?;
        let number = |name: &str| saved[name].as_u64();
        let emulator = Self::new(number("process")?.try_into().ok()?, number("port")?.try_into().ok()?);
        (emulator.is_ours() && emulator.answers()).then_some(emulator)
    }

    fn start(workspace: &Workspace) -> anyhow::Result<Self> {
        let program = tools::EMULATOR.programs(workspace)?.join("ministack");
        let folder = folder(workspace);
        fs::create_dir_all(&folder).context("the folder of the local deployment")?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr())?.port();
        let log = File::create(folder.join("emulator.log")).context("the emulator's log")?;
        let process = Command::new(&program)
            .current_dir(&folder)
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            // Functions call what this names, not AWS.
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
            .env("MINISTACK_REGION", REGION)
            // It unpacks functions there, and nobody else would remove them.
            .env("TMPDIR", &folder)
            .env("IOT_MTLS_ENABLED", "0")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let emulator = Self::new(process.id(), port);
        let saved = json!({ "process": emulator.process, "port": port });
        fs::write(folder.join("emulator.json"), saved.to_string()).context("the emulator's port")?;
        emulator.wait().with_context(|| format!("see {}", folder.join("emulator.log").display()))?;
        say(&format!("the emulator listens on {}", emulator.endpoint));
        Ok(emulator)
    }

    fn wait(&self) -> anyhow::Result<()> {
        for _ in 0..LOOKS {
            if self.answers() {
                return Ok(());
            }
            pause();
        }
        bail!("the emulator does not come up")
    }

    fn answers(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }

    /// Process ids are used again: only one that runs the emulator on our port is ours.
    fn is_ours(&self) -> bool {
        let environment = fs::read(format!("/proc/{}/environ", self.process)).unwrap_or_default();
        let wanted = format!("GATEWAY_PORT={}", self.port);
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    }

    /// Ends it and forgets it.
    ///
    /// # Errors
    ///
    /// When it cannot be ended.
    pub(super) fn stop(self, workspace: &Workspace) -> anyhow::Result<()> {
        Step::new("kill", &workspace.root).args([self.process.to_string()]).run()?;
        for _ in 0..LOOKS {
            if !self.answers() {
                return fs::remove_dir_all(folder(workspace)).context("the folder of the local deployment");
            }
            pause();
        }
        bail!("the emulator does not end")
    }
}
