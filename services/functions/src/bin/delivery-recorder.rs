//! The function `delivery-recorder`: what became of managed deliveries.

use functions::{config, record, telemetry, wiring};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let config = config::TableOnly::read(config::environment)?;
    let deps = wiring::recorder(&config)?;
    let handle = async |event: LambdaEvent<record::Wake>| {
        record::handle(event.payload, &deps).await.map_err(telemetry::failed("RecorderFailed"))
    };
    run(service_fn(handle)).await
}
