//! The function `notifier`: tells users.

use aws_lambda_events::sqs::SqsEvent;
use functions::{config, notify, telemetry, wiring};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let config = config::Notifier::read(config::environment)?;
    let deps = wiring::notifier(&config)?;
    let handle = async |event: LambdaEvent<SqsEvent>| Ok::<_, Error>(notify::handle(&event.payload, &deps).await);
    run(service_fn(handle)).await
}
