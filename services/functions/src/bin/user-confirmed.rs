//! The function `user-confirmed`: whoever confirms an address has an account here.

use functions::{config, telemetry, user_confirmed, wiring};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let config = config::TableOnly::read(config::environment)?;
    let deps = wiring::user_confirmed(&config)?;
    let handle = async |event: LambdaEvent<Value>| {
        Box::pin(user_confirmed::handle(event.payload, &deps)).await.map_err(telemetry::failed("UserConfirmedFailed"))
    };
    run(service_fn(handle)).await
}
