//! The function `webhook-sender`: one push for each ring of the doorbell.

use aws_lambda_events::sqs::SqsEvent;
use functions::{config, push, telemetry, wiring};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let config = config::Sender::read(config::environment)?;
    let deps = wiring::sender(&config)?;
    let handle = async |event: LambdaEvent<SqsEvent>| Ok::<_, Error>(push::handle(&event.payload, &deps).await);
    run(service_fn(handle)).await
}
