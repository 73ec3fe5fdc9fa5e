//! The function `marketplace-api`: HTTP for people and operators, and third parties' self-service.

use functions::{config, http, telemetry};
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let config = config::Api::read(config::environment)?;
    lambda_http::run(http::api(config)?).await
}
