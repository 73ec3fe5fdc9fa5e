//! How long one request takes to its delivery when nothing else is going on.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use reqwest::Url;
use tokio::time::{sleep, timeout};

use crate::{
    figures::percentile,
    generator::Target,
    http::Connection,
    ledger::Ledger,
    people,
    process::{self, Gateway, Server},
    report::{Goal, Report, Unit, say},
    request::Template,
    sink::Sink,
    thread::Thread,
};

/// The pause between two requests.
const PAUSE: Duration = Duration::from_millis(4);

/// How many requests come before those that count, so that every party's connection is there.
const WARM_UP: usize = 2 * people::PARTIES;

/// A delivery that takes longer is not coming.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much is written before each `fdatasync`.
const BLOCK: usize = 4_096;

/// Times of one system.
#[derive(Default)]
struct Times {
    answered: Vec<Duration>,
    delivered: Vec<Duration>,
}

/// Measures the forwarder, the disk and the gateway.
///
/// # Errors
/// One of them fails, or a delivery does not come.
pub(crate) async fn run(binary: &Path, samples: usize, report: &mut Report) -> anyhow::Result<()> {
    let ledger = Arc::new(Ledger::new(2 * (samples + WARM_UP), 1));
    let thread = Thread::start("sink")?;
    let mut sink = Sink::telling(&thread, ledger.clone()).await?;
    let endpoint: Url = sink.endpoint(0).parse()?;
    let forwarder = Server::forwarder(&[endpoint]).await?;
    let folder = process::folder()?;
    let gateway = Gateway::start(binary, &folder.path().join("data")).await?;
    people::let_parties_in(&gateway, &sink, 1, false).await;
    let users = people::let_users_in(&gateway).await;
    let to_gateway = people::target(&gateway, &users, 1)?;
    let to_forwarder = Target { address: forwarder.address, ..to_gateway.clone() };

    say(format_args!("\nidle, {samples} requests, one at a time:"));
    let forwarded = requests(&to_forwarder, &ledger, &mut sink, samples).await?;
    print("forwarder, delivered", &forwarded.delivered);
    print("fdatasync of 4 KiB", &syncs(folder.path(), samples).await?);
    let gated = requests(&to_gateway, &ledger, &mut sink, samples).await?;
    print("gateway, answered", &gated.answered);
    print("gateway, delivered", &gated.delivered);
    for (name, share, must, aim) in [("p50", 0.5, 2.0, Some(1.0)), ("p99", 0.99, 8.0, None)] {
        let what = format!("create -> delivered when idle, {name}");
        report.figure(what, percentile(&gated.delivered, share), Unit::Milliseconds, Goal::AtMost { must, aim });
    }
    gateway.stop().await
}

async fn requests(target: &Target, ledger: &Ledger, sink: &mut Sink, samples: usize) -> anyhow::Result<Times> {
    let mut connection = Connection::open(target.address).await?;
    let users = 0..target.credentials.len();
    let mut templates: Vec<Template> = users.map(|user| target.template(user)).collect::<anyhow::Result<_>>()?;
    let count = templates.len();
    let mut times = Times::default();
    for sample in 0..WARM_UP + samples {
        let number = ledger.next().context("room in the ledger")?;
        let call = templates[sample % count].numbered(number);
        let began = Instant::now();
        let answer = connection.call(call).await?;
        anyhow::ensure!(answer.is_success(), "refused with {}", answer.status);
        let answered = began.elapsed();
        let arrived = timeout(PATIENCE, arrival(sink, number)).await.context("a delivery does not come")??;
        if sample >= WARM_UP {
            times.answered.push(answered);
            times.delivered.push(arrived.duration_since(began));
        }
        sleep(PAUSE).await;
    }
    Ok(times)
}

/// When the delivery of a request was there; repeats of earlier ones are passed over.
async fn arrival(sink: &mut Sink, number: u64) -> anyhow::Result<Instant> {
    loop {
        let arrival = sink.arrival().await.context("the sink has ended")?;
        if arrival.number == number {
            return Ok(arrival.at);
        }
    }
}

async fn syncs(folder: &Path, samples: usize) -> anyhow::Result<Vec<Duration>> {
    let mut file = File::create(folder.join("sync"))?;
    let mut times = Vec::with_capacity(samples);
    for _ in 0..samples {
        file.write_all(&[7; BLOCK])?;
        let began = Instant::now();
        file.sync_data()?;
        times.push(began.elapsed());
        sleep(PAUSE).await;
    }
    Ok(times)
}

fn print(name: &str, times: &[Duration]) {
    say(format_args!("  {name:<22} p50 {:>6.3} ms, p99 {:>6.3} ms", percentile(times, 0.5), percentile(times, 0.99)));
}
