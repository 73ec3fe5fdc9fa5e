//! The gateway's own binary in a process of its own: to be told to stop, killed, starved of disk and started again.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
};

use reqwest::Method;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    net::TcpSocket,
    process::{Child, Command},
};

use crate::{Answer, Market, eventually, surroundings};

/// The operator's token in these processes.
const OPERATOR_TOKEN: &str = "the operator of a test";

/// `marketplace serve` in a folder and on a port of its own. It is killed when this is dropped.
pub struct ServerProcess {
    variables: BTreeMap<String, String>,
    data_dir: PathBuf,
    _folder: Option<TempDir>,
    address: SocketAddr,
    /// Bound and not listening: keeps the port for the process across its restarts.
    _port: TcpSocket,
    child: Option<Child>,
    log: Arc<Mutex<String>>,
}

impl ServerProcess {
    /// Starts it in a new folder and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts it with some more variables and waits until it is ready.
    pub async fn start_with(variables: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut server = Self::stopped(folder.path(), variables);
        server._folder = Some(folder);
        server.spawn().await;
        server
    }

    /// One that is not started yet, in a folder that somebody else cleans up.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn stopped(data_dir: &Path, variables: &[(&str, &str)]) -> Self {
        let port = TcpSocket::new_v4().expect("a socket");
        // With this on both sides a bound port can be listened on by somebody else.
        port.set_reuseaddr(true).expect("an option of every socket");
        port.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let address = port.local_addr().expect("bound");
        let mut all = BTreeMap::from([
            ("MARKETPLACE_LISTEN".to_owned(), address.to_string()),
            ("MARKETPLACE_DATA_DIR".to_owned(), data_dir.display().to_string()),
            ("MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS".to_owned(), "true".to_owned()),
            ("MARKETPLACE_OPERATOR_TOKEN".to_owned(), OPERATOR_TOKEN.to_owned()),
        ]);
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self {
            variables: all,
            data_dir: data_dir.to_owned(),
            _folder: None,
            address,
            _port: port,
            child: None,
            log: Arc::default(),
        }
    }

    /// Its address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The people in it.
    #[must_use]
    pub fn market(&self) -> Market {
        Market::new(&self.url(), OPERATOR_TOKEN, &self.data_dir)
    }

    /// What it wrote to its log in all its lives.
    ///
    /// # Panics
    /// Never: nobody panics while writing to it.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().expect("nobody panics with it").clone()
    }

    /// Sets a variable of the configuration for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it ends before.
    pub async fn spawn(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let mut child = command(&self.variables)
            .arg("serve")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the gateway's binary can be run");
        keep(child.stdout.take().expect("piped"), self.log.clone());
        keep(child.stderr.take().expect("piped"), self.log.clone());
        let anyone = self.market().anyone;
        eventually("the gateway is ready", async || {
            let ended = child.try_wait().expect("a child of ours");
            assert!(ended.is_none(), "{ended:?}\n{}", self.log());
            let answer = Answer::try_to(anyone.request(Method::GET, "/readyz")).await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
        self.child = Some(child);
    }

    /// Asks it to stop (SIGTERM); what it does then is seen with [`Self::ended`].
    pub fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).expect("it runs");
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub async fn kill(&mut self) {
        kill_process(self.pid(), Signal::KILL).expect("it runs");
        self.ended().await;
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        eventually("the gateway ends", async || child.try_wait().expect("a child of ours")).await
    }

    /// From now on no file of its can grow beyond this; `None` lifts that. To a program this is a disk that fails.
    ///
    /// # Panics
    /// When the limit cannot be set.
    pub fn limit_files(&self, bytes: Option<u64>) {
        // Only the soft limit: raising a hard one again takes privileges.
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(self.pid()), Resource::Fsize, limit).expect("a child's limits can be set");
    }

    fn pid(&self) -> Pid {
        let id = self.child.as_ref().and_then(Child::id).expect("it runs");
        Pid::from_raw(id.cast_signed()).expect("no process has the id 0")
    }
}

/// Runs `marketplace` with these arguments and nothing but these variables, and waits for its end.
///
/// # Panics
/// When it cannot be run, or does not end in time.
pub async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut command = command(&variables);
    let output = command.args(arguments).output();
    let output = tokio::time::timeout(crate::eventually::PATIENCE, output).await;
    output.expect("it ends in time").expect("the gateway's binary can be run")
}

/// Copies a backup back into a data folder, as whoever restores it does.
///
/// # Panics
/// When the copy cannot be made.
pub fn restore(backup: &Path, data_dir: &Path) {
    fs::create_dir_all(data_dir).expect("a folder");
    fs::copy(backup, platform_embedded::database(data_dir)).expect("the backup can be copied");
}

fn command(variables: &BTreeMap<String, String>) -> Command {
    // A process that ignores the signal is told by an error that a file cannot grow, as it would be of a full disk.
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(surroundings::gateway_binary())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(variables)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

fn keep(output: impl AsyncRead + Send + Unpin + 'static, log: Arc<Mutex<String>>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut log = log.lock().expect("nobody panics with it");
            log.push_str(&line);
            log.push('\n');
        }
    });
}
