//! The function `clock`: sweeps, retention, and third parties' routes.

use functions::{config, telemetry, tick, wiring};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let config = config::Ticks::read(config::environment)?;
    let deps = wiring::clock(&config)?;
    let handle = async |event: LambdaEvent<tick::Wake>| {
        Box::pin(tick::handle(event.payload, &deps)).await.map_err(telemetry::failed("ClockFailed"))
    };
    run(service_fn(handle)).await
}
