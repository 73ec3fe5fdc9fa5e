//! The processes that are measured, started and watched from outside, and killed when the benchmark ends.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use ::tests::{Answer, Market};
use anyhow::Context as _;
use reqwest::{Method, Url};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpSocket,
    process::{Child, Command},
    time::{sleep, timeout},
};

/// The operator's token in these processes.
const OPERATOR_TOKEN: &str = "the operator of a benchmark";

/// How long a process may take to be ready: a large store has a long log to read.
const READY: Duration = Duration::from_secs(60);

/// How long a gateway may take to stop.
const STOP: Duration = Duration::from_secs(40);

/// A process that listens.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Processor time, of all its threads.
    pub(crate) cpu: Duration,
    /// The most memory that it ever had, in bytes.
    pub(crate) peak_memory: u64,
}

impl Server {
    /// Starts the plain forwarder: this program again, with another command.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) async fn forwarder(endpoints: &[Url]) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("forwarder")
            .args(endpoints.iter().map(Url::as_str))
            // It ends when this end of the pipe is gone, however this process ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().context("its output is a pipe")?;
        let mut line = String::new();
        timeout(READY, BufReader::new(output).read_line(&mut line)).await??;
        let address = line.trim().parse().context("the forwarder says where it listens")?;
        Ok(Self { child, address })
    }

    /// What it has used so far.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.id()?)
    }

    fn id(&self) -> anyhow::Result<u32> {
        self.child.id().context("the process has ended")
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        let id = Pid::from_raw(self.id()?.cast_signed()).context("a process's id")?;
        kill_process(id, Signal::TERM)?;
        let status = timeout(STOP, self.child.wait()).await.context("it does not stop")??;
        anyhow::ensure!(status.success(), "it stopped with {status}");
        Ok(())
    }
}

impl Usage {
    /// What this process has used so far: the load and the sink.
    ///
    /// # Errors
    /// `/proc` is not there.
    pub(crate) fn own() -> anyhow::Result<Self> {
        Self::of(std::process::id())
    }

    /// What a process has used so far.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn of(id: u32) -> anyhow::Result<Self> {
        let folder = Path::new("/proc").join(id.to_string());
        let stat = fs::read_to_string(folder.join("stat"))?;
        let status = fs::read_to_string(folder.join("status"))?;
        Ok(Self { cpu: cpu(&stat).context("stat")?, peak_memory: peak(&status).context("status")? })
    }
}

/// The processor time that all processes together have used so far.
///
/// # Errors
/// `/proc` is not there.
pub(crate) fn cpu_of_all() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let mut fields = stat.lines().next().context("stat")?.split_whitespace().skip(1).map(str::parse::<u64>);
    let mut next = || fields.next().context("stat")?.context("stat");
    // User, nice and system time; then come idle and waiting, which are nobody's.
    Ok(ticks(next()? + next()? + next()?))
}

fn ticks(count: u64) -> Duration {
    Duration::from_secs_f64(count as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Fields 14 and 15 of `/proc/<pid>/stat` (proc(5)); the second field may have spaces and ends with a bracket.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse().ok();
    let (user, system): (u64, u64) = (next()?, next()?);
    Some(ticks(user + system))
}

/// `VmHWM` of `/proc/<pid>/status`, which is in KiB.
fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1_024)
}

/// The gateway's release binary in a process of its own.
pub(crate) struct Gateway {
    /// The process.
    pub(crate) server: Server,
    /// The people in it.
    pub(crate) market: Market,
    /// Bound and not listening: keeps the port for the process.
    _port: TcpSocket,
}

impl Gateway {
    /// Starts it on a folder and waits until it is ready. Its log goes to a file beside the folder.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) async fn start(binary: &Path, data_dir: &Path) -> anyhow::Result<Self> {
        let port = TcpSocket::new_v4()?;
        // With this on both sides a bound port can be listened on by somebody else.
        port.set_reuseaddr(true)?;
        port.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = port.local_addr()?;
        let log = data_dir.with_extension("log");
        let child = Command::new(binary)
            .arg("serve")
            .env_clear()
            .env("MARKETPLACE_LISTEN", address.to_string())
            .env("MARKETPLACE_DATA_DIR", data_dir)
            .env("MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS", "true")
            .env("MARKETPLACE_OPERATOR_TOKEN", OPERATOR_TOKEN)
            // The issuer of users' tokens: they stay good when the gateway starts again at another address.
            .env("MARKETPLACE_PUBLIC_URL", "http://gateway.example")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(&log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let market = Market::new(&format!("http://{address}"), OPERATOR_TOKEN, data_dir);
        let mut gateway = Self { server: Server { child, address }, market, _port: port };
        let ready = timeout(READY, gateway.ready()).await;
        let failure = || format!("the gateway does not start:\n{}", fs::read_to_string(&log).unwrap_or_default());
        ready.with_context(failure)?.with_context(failure)?;
        Ok(gateway)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        loop {
            if let Some(status) = self.server.child.try_wait()? {
                anyhow::bail!("it ended with {status}");
            }
            let answer = Answer::try_to(self.market.anyone.request(Method::GET, "/readyz")).await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Has it drain and end.
    ///
    /// # Errors
    /// It does not, in time or with success.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.server.stop().await
    }
}

/// The gateway's release binary, built here if need be. Both packages are named, so that what they share is
/// compiled with one set of features, and only once.
///
/// # Errors
/// It does not compile.
pub(crate) async fn gateway_binary() -> anyhow::Result<PathBuf> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--package", "standalone", "--package", "tests"])
        .args(["--bin", "marketplace", "--bin", "bench"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .status()
        .await?;
    anyhow::ensure!(status.success(), "the gateway could not be built");
    Ok(std::env::current_exe()?.with_file_name("marketplace"))
}

/// A folder for data beside this program, and so on the disk that the checkout is on: a temporary folder may be
/// memory, on which everything is durable at no cost.
///
/// # Errors
/// It cannot be made.
pub(crate) fn folder() -> anyhow::Result<tempfile::TempDir> {
    let here = std::env::current_exe()?;
    Ok(tempfile::Builder::new().prefix("bench-").tempdir_in(here.parent().context("a folder")?)?)
}

#[cfg(test)]
mod tests_of_proc {
    use super::*;

    #[test]
    fn a_process_is_read() {
        let stat = "1 (a) b) S 0 1 1 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 1 0 5 6 7";
        assert_eq!(cpu(stat), Some(ticks(200)));
        assert_eq!(peak("Name:\ta\nVmHWM:\t  2048 kB\n"), Some(2 * 1_024 * 1_024));
    }
}
