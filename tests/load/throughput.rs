//! Requests a second, accepted and delivered, of the gateway and of the plain forwarder in turn.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::Url;
use tokio::time::sleep;

use crate::{
    figures::median,
    generator::{Load, Target},
    ledger::Ledger,
    people,
    process::{self, Gateway, Server},
    report::{Goal, Report, Unit, say},
    sink::Sink,
};

/// How long a system is under load before anything is counted.
const WARM_UP: Duration = Duration::from_secs(3);

/// How long the deliveries may stand still at the end before what is missing counts as lost.
const STANDSTILL: Duration = Duration::from_secs(15);

/// More requests a second than any system answers here; what the ledger has room for.
const MOST_PER_SECOND: u64 = 100_000;

/// How the load is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Deliveries of each request.
    pub(crate) fan_out: usize,
    /// How long one round counts.
    pub(crate) window: Duration,
    /// How often each system has its turn.
    pub(crate) rounds: u32,
    /// How many requests are under way at once.
    pub(crate) callers: usize,
}

/// What one system did in one round.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// Requests accepted a second.
    accepted: f64,
    /// Deliveries that arrived a second.
    delivered: f64,
    /// Deliveries that had not arrived when the load ended, and how long they then took.
    backlog: u64,
    drained_in: Duration,
}

impl Round {
    /// What counts: what was accepted and delivered, in deliveries a second.
    fn rate(&self, fan_out: usize) -> f64 {
        self.delivered.min(self.accepted * fan_out as f64)
    }
}

/// Measures both systems in turn.
///
/// # Errors
/// A system fails under the load.
pub(crate) async fn run(binary: &Path, plan: Plan, report: &mut Report) -> anyhow::Result<()> {
    let Plan { fan_out, .. } = plan;
    let seconds = 2 * u64::from(plan.rounds) * (plan.window + WARM_UP).as_secs();
    let room = usize::try_from(seconds * MOST_PER_SECOND)?;
    let ledger = Arc::new(Ledger::new(room, fan_out));
    let sink = Sink::start(ledger.clone()).await?;
    let endpoints: Vec<Url> = (0..fan_out).map(|place| sink.endpoint(place).parse()).collect::<Result<_, _>>()?;
    let forwarder = Server::forwarder(&endpoints).await?;
    let folder = process::folder()?;
    let gateway = Gateway::start(binary, &folder.path().join("data")).await?;
    people::let_parties_in(&gateway, &sink, fan_out).await;
    let users = people::let_users_in(&gateway).await;
    let to_gateway = people::target(&gateway, &users, fan_out)?;
    let to_forwarder = Target { address: forwarder.address, ..to_gateway.clone() };

    say(format_args!("\nfan-out {fan_out}, {} callers, {} s a round:", plan.callers, plan.window.as_secs()));
    let (mut forwarded, mut gated) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        forwarded.push(round("forwarder", &forwarder, &to_forwarder, plan, &ledger).await?);
        gated.push(round("gateway", &gateway.server, &to_gateway, plan, &ledger).await?);
    }
    conclude(plan, &forwarded, &gated, report);
    let (mine, its) = (gateway.server.usage()?, forwarder.usage()?);
    let mib = |bytes: u64| bytes / (1_024 * 1_024);
    say(format_args!("peak memory: gateway {} MiB, forwarder {} MiB", mib(mine.peak_memory), mib(its.peak_memory)));
    audit(&ledger, fan_out, report);
    gateway.stop().await
}

async fn round(
    name: &str,
    server: &Server,
    target: &Target,
    plan: Plan,
    ledger: &Arc<Ledger>,
) -> anyhow::Result<Round> {
    let load = Load::start(target.clone(), ledger.clone(), plan.callers)?;
    sleep(WARM_UP).await;
    let (began, before, used_before) = (Instant::now(), ledger.counts(), server.usage()?);
    sleep(plan.window).await;
    let (seconds, after, used) = (began.elapsed().as_secs_f64(), ledger.counts(), server.usage()?);
    load.stop().await?;
    let backlog = ledger.backlog();
    let drained_in = drain(ledger).await;
    let delivered = after.delivered - before.delivered;
    let cpu = (used.cpu - used_before.cpu).div_f64((delivered as f64).max(1.0));
    let round = Round {
        accepted: (after.accepted - before.accepted) as f64 / seconds,
        delivered: delivered as f64 / seconds,
        backlog,
        drained_in,
    };
    say(format_args!(
        "  {name:<9} accepted {:>7.0}/s, delivered {:>7.0}/s, {:>5.1} us of CPU each; backlog at the end {}, drained in {:.2} s",
        round.accepted,
        round.delivered,
        cpu.as_secs_f64() * 1e6,
        round.backlog,
        round.drained_in.as_secs_f64(),
    ));
    Ok(round)
}

/// Waits until everything has arrived, or nothing arrives any more.
async fn drain(ledger: &Ledger) -> Duration {
    let began = Instant::now();
    let mut best = (ledger.backlog(), began);
    while best.0 > 0 && best.1.elapsed() < STANDSTILL {
        sleep(Duration::from_millis(5)).await;
        let backlog = ledger.backlog();
        if backlog < best.0 {
            best = (backlog, Instant::now());
        }
    }
    began.elapsed()
}

fn conclude(plan: Plan, forwarded: &[Round], gated: &[Round], report: &mut Report) {
    let rate = |rounds: &[Round]| median(rounds.iter().map(|round| round.rate(plan.fan_out)).collect());
    let (forwarder, gateway) = (rate(forwarded), rate(gated));
    let (what, goal) = if plan.fan_out == 1 {
        ("requests/s, accepted and delivered", Goal::AtLeast { must: 0.20, aim: 0.35 })
    } else {
        ("deliveries/s at fan-out 10", Goal::AtLeast { must: 0.25, aim: 0.45 })
    };
    let what = format!("{what}: {gateway:.0} of the forwarder's {forwarder:.0}");
    report.figure(what, gateway / forwarder, Unit::Share, goal);
}

fn audit(ledger: &Ledger, fan_out: usize, report: &mut Report) {
    let audit = ledger.audit();
    let text = format!(
        "fan-out {fan_out}: {} requests refused, {} deliveries lost, {} unknown, {} repeated",
        audit.refused, audit.lost, audit.unknown, audit.repeated
    );
    say(&text);
    if !audit.is_clean() {
        report.fault(text);
    }
}
