//! Whether the gateway slows down with what it has stored: a large store and a small one, asked in turn.

mod fill;
mod site;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use self::site::{Operation, Site};
use crate::{
    figures::percentile,
    ledger::Ledger,
    people,
    process::{self, Gateway},
    report::{Goal, Report, Unit, say},
    sink::Sink,
    thread::Thread,
};

/// What the small store holds.
const FEW: usize = 1_000;

/// Time for what follows from a request, so that it is not measured with the next call.
const PAUSE: Duration = Duration::from_millis(2);

/// The third party that polls.
const POLLER: &str = "poller";

/// Fills both stores and measures.
///
/// # Errors
/// A gateway fails.
pub(crate) async fn run(binary: &Path, stored: usize, samples: usize, report: &mut Report) -> anyhow::Result<()> {
    say(format_args!("\ngrowth, {stored} stored requests against {FEW}:"));
    let ledger = Arc::new(Ledger::new(4 * samples + 16, 1));
    let thread = Thread::start("sink")?;
    let sink = Sink::start(&thread, ledger.clone()).await?;
    let folder = process::folder()?;
    let many = folder.path().join("many");
    let mut sites =
        [open(binary, &folder.path().join("few"), FEW, &sink).await?, open(binary, &many, stored, &sink).await?];
    let before = fill::counts(&many)?;
    let times = measure(&mut sites, &ledger, samples).await?;
    let after = fill::counts(&many)?;
    say(format_args!(
        "  retention removed {} journal rows and {} attempts from the large store meanwhile",
        (before.journal - after.journal).max(0),
        (before.attempts - after.attempts).max(0),
    ));
    conclude(&times, stored, report);
    for site in sites {
        site.gateway.stop().await?;
    }
    Ok(())
}

/// Lets people in, stores requests of theirs, and opens the store again.
async fn open(binary: &Path, data_dir: &Path, stored: usize, sink: &Sink) -> anyhow::Result<Site> {
    let gateway = Gateway::start(binary, data_dir).await?;
    people::let_parties_in(&gateway, sink, 1, false).await;
    let users = people::let_users_in(&gateway).await;
    let poller = gateway.market.join(POLLER).await;
    gateway.stop().await?;

    let began = Instant::now();
    let ids: Vec<&str> = users.iter().map(|user| user.id.as_str()).collect();
    let stored_ids = fill::fill(data_dir, &ids, stored).await?;
    let size = std::fs::metadata(platform_embedded::database(data_dir))?.len();
    say(format_args!(
        "  {stored} requests stored in {:.1} s, {} MiB",
        began.elapsed().as_secs_f64(),
        size / (1_024 * 1_024)
    ));
    let gateway = Gateway::start(binary, data_dir).await?;
    Site::new(gateway, &users, &poller, stored_ids).await
}

/// For each operation the times of the small store and of the large one.
type Times = Vec<(Operation, [Vec<Duration>; 2])>;

async fn measure(sites: &mut [Site; 2], ledger: &Ledger, samples: usize) -> anyhow::Result<Times> {
    let mut times: Times = Operation::ALL.map(|operation| (operation, [vec![], vec![]])).into();
    for sample in 0..samples {
        for (operation, [few, many]) in &mut times {
            // In turn, and neither is always the first.
            for place in [sample % 2, (sample + 1) % 2] {
                let time = sites[place].time(*operation, sample, ledger).await?;
                if place == 0 { few.push(time) } else { many.push(time) }
            }
            if *operation == Operation::Create {
                sleep(PAUSE).await;
            }
        }
    }
    Ok(times)
}

fn conclude(times: &Times, stored: usize, report: &mut Report) {
    for (operation, [few, many]) in times {
        let (few_ms, many_ms) = (percentile(few, 0.5), percentile(many, 0.5));
        say(format_args!(
            "  {:<34} p50 {few_ms:>6.3} ms -> {many_ms:>6.3} ms, p99 {:>6.3} ms -> {:>6.3} ms",
            operation.name(),
            percentile(few, 0.99),
            percentile(many, 0.99),
        ));
        let what = format!("{}, {stored} stored against {FEW}", operation.name());
        report.figure(what, many_ms / few_ms, Unit::Times, Goal::AtMost { must: 2.0, aim: Some(1.3) });
    }
}
