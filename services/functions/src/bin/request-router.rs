//! The function `request-router`: a request becomes offers.

use aws_lambda_events::sqs::SqsEvent;
use functions::{config, router, telemetry, wiring};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use mimalloc::MiMalloc;

/// Before its first event it reads every party and filter, a million small pieces: a quarter of that was the C library's
/// allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let config = config::Router::read(config::environment)?;
    let deps = wiring::router(&config)?;
    let handle = async |event: LambdaEvent<SqsEvent>| Ok::<_, Error>(router::handle(&event.payload, &deps).await);
    run(service_fn(handle)).await
}
