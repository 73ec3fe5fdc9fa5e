//! The real `aws` command-line client, as the article uses it.

use std::process::{Command, Output};

use serde_json::Value;

use crate::surroundings;

/// The access key id that the client calls with.
pub(crate) const ACCESS_KEY: &str = "marketplace";

/// The client with an endpoint and a credential.
#[derive(Clone, Debug)]
pub struct AwsClient {
    endpoint: String,
    secret: String,
}

/// What a run of the client came to.
#[derive(Clone, Debug)]
pub struct AwsRun {
    /// Whether it exited with 0.
    pub succeeded: bool,
    /// What it wrote, when that is JSON.
    pub json: Value,
    /// What it complained about.
    pub complaint: String,
}

impl AwsClient {
    /// A client of the server at `endpoint`, with this secret access key.
    #[must_use]
    pub fn new(endpoint: &str, secret: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), secret: secret.to_owned() }
    }

    /// The same with another secret access key.
    #[must_use]
    pub fn with_secret(&self, secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..self.clone() }
    }

    /// Runs `aws events` with these arguments.
    ///
    /// # Panics
    /// When the client cannot be run.
    pub async fn events(&self, arguments: &[&str]) -> AwsRun {
        let mut command = Command::new(surroundings::aws_client());
        command
            .args(["events", "--endpoint-url", &self.endpoint, "--region", "eu-west-1", "--output", "json"])
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_MAX_ATTEMPTS", "1");
        let run = tokio::task::spawn_blocking(move || command.output()).await.expect("it does not panic");
        let Output { status, stdout, stderr } = run.expect("the aws client can be run");
        AwsRun {
            succeeded: status.success(),
            json: serde_json::from_slice(&stdout).unwrap_or_default(),
            complaint: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }
}

impl AwsRun {
    /// What it wrote, after it was found to have succeeded.
    ///
    /// # Panics
    /// When it has not.
    #[must_use]
    #[track_caller]
    pub fn result(self) -> Value {
        assert!(self.succeeded, "{}", self.complaint);
        self.json
    }
}
