//! An emulator of AWS in a process of its own, with everything that it keeps in a folder of its own.

use std::{
    fs::{self, File},
    net::SocketAddr,
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::{
    net::{TcpSocket, TcpStream},
    process::{Child, Command},
};

use crate::{eventually, surroundings};

/// The emulator takes any region; this one is in every example.
pub const REGION: &str = "eu-west-1";

/// A running `ministack`. It is killed with the functions that it runs when this is dropped.
pub struct Emulator {
    address: SocketAddr,
    folder: TempDir,
    child: Child,
    /// Bound and not listening: keeps the port for the process.
    _port: TcpSocket,
}

impl Emulator {
    /// Starts one with nothing in it and waits until it listens. Functions will call AWS at this address, each with
    /// credentials of its own role, and are refused what it does not allow.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn start(functions_call: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let port = TcpSocket::new_v4().expect("a socket");
        // With this on both sides a bound port can be listened on by somebody else.
        port.set_reuseaddr(true).expect("an option of every socket");
        port.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let address = port.local_addr().expect("bound");
        let log = File::create(folder.path().join("log")).expect("a log");
        let child = Command::new(surroundings::emulator())
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .env("GATEWAY_PORT", address.port().to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("AUTH", "true")
            // Whoever calls with this key may do everything.
            .env("AWS_ACCESS_KEY_ID", crate::aws::ACCESS_KEY)
            .env("AWS_ENDPOINT_URL", functions_call)
            .env("MINISTACK_REGION", REGION)
            .env("IOT_MTLS_ENABLED", "0")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            // Functions are its children, and end with it.
            .process_group(0)
            .spawn()
            .expect("the emulator can be run");
        let mut emulator = Self { address, folder, child, _port: port };
        eventually("the emulator listens", async || {
            let ended = emulator.child.try_wait().expect("a child of ours");
            assert!(ended.is_none(), "{ended:?}: {}", emulator.log());
            TcpStream::connect(address).await.ok().map(drop)
        })
        .await;
        emulator
    }

    /// Its address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process, whose children the functions are.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// What it and the functions wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(self.folder.path().join("log"))
            .map_or_else(|error| error.to_string(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(process) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // It may have ended by itself.
            kill_process_group(process, Signal::KILL).ok();
        }
        if std::thread::panicking() {
            let kept = std::env::temp_dir().join(format!("emulator-{}.log", self.address.port()));
            fs::write(kept, self.log()).ok();
        }
    }
}
