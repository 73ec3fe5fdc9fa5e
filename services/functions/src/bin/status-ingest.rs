//! The function `status-ingest`: HTTP for third parties' machines.

use functions::{config, http, telemetry};
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let config = config::Ingest::read(config::environment)?;
    lambda_http::run(http::ingest(config)?).await
}
