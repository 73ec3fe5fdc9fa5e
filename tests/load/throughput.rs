//! Requests a second, accepted and delivered, of the gateway and of the plain forwarder in turn.

use std::{
    path::Path,
    sync::Arc,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use reqwest::Url;
use tokio::time::sleep;

use crate::{
    figures::median,
    generator::{Load, Target},
    ledger::Ledger,
    people,
    process::{self, Gateway, Server, Usage},
    report::{Goal, Report, Unit, say},
    sink::Sink,
    thread::Thread,
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
    /// Whether messages are signed.
    pub(crate) signed: bool,
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
    /// Processor seconds for each delivery: the system's, and the load's and the sink's.
    cpu: f64,
    load_cpu: f64,
    /// Share of the machine that went to processes that have nothing to do with this.
    disturbed: f64,
}

/// Processor seconds up to some moment.
struct Cpu {
    server: Duration,
    own: Duration,
    all: Duration,
}

impl Cpu {
    fn now(server: &Server) -> anyhow::Result<Self> {
        Ok(Self { server: server.usage()?.cpu, own: Usage::own()?.cpu, all: process::cpu_of_all()? })
    }

    fn since(&self, before: &Self) -> (f64, f64, f64) {
        let passed = |after: Duration, before: Duration| after.saturating_sub(before).as_secs_f64();
        let (server, own) = (passed(self.server, before.server), passed(self.own, before.own));
        (server, own, passed(self.all, before.all) - server - own)
    }
}

impl Round {
    /// What counts: what was accepted and delivered, in deliveries a second.
    fn rate(&self, fan_out: usize) -> f64 {
        self.delivered.min(self.accepted * fan_out as f64)
    }

    fn print(&self, name: &str) {
        say(format_args!(
            "  {name:<9} accepted {:>6.0}/s, delivered {:>6.0}/s; us of CPU each {:>5.1}, load and sink {:>4.1}; \
             backlog {}, drained in {:.2} s; others had {:.0} % of the machine",
            self.accepted,
            self.delivered,
            self.cpu * 1e6,
            self.load_cpu * 1e6,
            self.backlog,
            self.drained_in.as_secs_f64(),
            self.disturbed * 100.0,
        ));
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
    // The load and the sink share a thread: apart, each would sleep more, and be woken at the systems' expense.
    let thread = Thread::start("load")?;
    let sink = Sink::start(&thread, ledger.clone()).await?;
    let endpoints: Vec<Url> = (0..fan_out).map(|place| sink.endpoint(place).parse()).collect::<Result<_, _>>()?;
    let forwarder = Server::forwarder(&endpoints).await?;
    let folder = process::folder()?;
    let gateway = Gateway::start(binary, &folder.path().join("data")).await?;
    people::let_parties_in(&gateway, &sink, fan_out, plan.signed).await;
    let users = people::let_users_in(&gateway).await;
    let to_gateway = people::target(&gateway, &users, fan_out)?;
    let to_forwarder = Target { address: forwarder.address, ..to_gateway.clone() };

    let signed = if plan.signed { ", signed" } else { "" };
    say(format_args!("\nfan-out {fan_out}{signed}, {} callers, {} s a round:", plan.callers, plan.window.as_secs()));
    let (mut forwarded, mut gated) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        forwarded.push(round(("forwarder", &forwarder), &thread, &to_forwarder, plan, &ledger).await?);
        gated.push(round(("gateway", &gateway.server), &thread, &to_gateway, plan, &ledger).await?);
    }
    conclude(plan, &forwarded, &gated, report);
    let (mine, its) = (gateway.server.usage()?, forwarder.usage()?);
    let mib = |bytes: u64| bytes / (1_024 * 1_024);
    say(format_args!("peak memory: gateway {} MiB, forwarder {} MiB", mib(mine.peak_memory), mib(its.peak_memory)));
    audit(&ledger, fan_out, report);
    gateway.stop().await
}

async fn round(
    (name, server): (&str, &Server),
    thread: &Thread,
    target: &Target,
    plan: Plan,
    ledger: &Arc<Ledger>,
) -> anyhow::Result<Round> {
    let load = Load::start(thread, target.clone(), ledger.clone(), plan.callers);
    sleep(WARM_UP).await;
    let (began, before, cpu_before) = (Instant::now(), ledger.counts(), Cpu::now(server)?);
    sleep(plan.window).await;
    let (seconds, after, cpu) = (began.elapsed().as_secs_f64(), ledger.counts(), Cpu::now(server)?);
    load.stop().await?;
    let backlog = ledger.backlog();
    let drained_in = drain(ledger).await;
    let delivered = (after.delivered - before.delivered) as f64;
    let (server, own, others) = cpu.since(&cpu_before);
    let round = Round {
        accepted: (after.accepted - before.accepted) as f64 / seconds,
        delivered: delivered / seconds,
        backlog,
        drained_in,
        cpu: server / delivered,
        load_cpu: own / delivered,
        disturbed: (others / seconds / available_parallelism()?.get() as f64).max(0.0),
    };
    round.print(name);
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
    // What disturbs takes time from whoever has its turn, and hardly changes what a delivery costs.
    let cost = |rounds: &[Round]| median(rounds.iter().map(|round| round.cpu + round.load_cpu).collect());
    say(format_args!("by processor time alone: {:.1} %", cost(forwarded) / cost(gated) * 100.0));
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
