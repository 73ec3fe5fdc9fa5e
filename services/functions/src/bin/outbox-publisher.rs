//! The function `outbox-publisher`: journal rows become events.

use aws_lambda_events::dynamodb::Event;
use functions::{config, publish, telemetry, wiring};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let config = config::Publisher::read(config::environment)?;
    let outbox = wiring::publisher(&config)?;
    let failed = telemetry::failed("PublisherFailed");
    let handle = async |event: LambdaEvent<Event>| {
        Box::pin(publish::handle(event.payload, &outbox)).await.map_err(|error| failed(Box::new(error)))
    };
    run(service_fn(handle)).await
}
