//! Every flow passes on a good day and on a bad one: with the bus as it is, and with one that repeats and reorders.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt as _;
use platform_embedded::bus::Mischief;

use crate::{TestGateway, gateway::Setup};

/// Which mischief is done; the same in every run, so that a failure comes again.
const SEED: u64 = 0x0005_eed5_eed5;

/// Plays a scenario on one gateway, whose bus behaves.
pub async fn on_a_good_day(setup: Setup, scenario: impl AsyncFn(TestGateway)) {
    scenario(setup.start().await).await;
}

/// Plays a scenario on two gateways at the same time: one whose bus behaves, and one whose bus does not.
pub async fn in_both_modes(scenario: impl AsyncFn(TestGateway)) {
    in_both_modes_with(Setup::default(), scenario).await;
}

/// The same with gateways that are started in a special way.
pub async fn in_both_modes_with(setup: Setup, scenario: impl AsyncFn(TestGateway)) {
    let play = async |mischief: Option<Mischief>| {
        let gateway = setup.clone().mischief(mischief).start().await;
        scenario(gateway).await;
    };
    let well_behaved = AssertUnwindSafe(play(None)).catch_unwind();
    let mischievous = AssertUnwindSafe(play(Some(Mischief::seeded(SEED)))).catch_unwind();
    match futures::join!(well_behaved, mischievous) {
        (Ok(()), Ok(())) => {}
        (Ok(()), Err(_)) => panic!("it fails only when the bus repeats and reorders"),
        (Err(_), Ok(())) => panic!("it fails only when the bus does not repeat and reorder"),
        (Err(failure), Err(_)) => resume_unwind(failure),
    }
}
