//! The gateway within the test's own process: real sockets and a real folder, gone when the test ends.

use std::{
    collections::HashMap,
    fs,
    ops::Deref,
    path::{Path, PathBuf},
    time::Duration,
};

use marketplace_core::health::HealthRules;
use platform_embedded::bus::Mischief;
use secrecy::ExposeSecret as _;
use standalone::{
    config::Config,
    gateway::{Gateway, Options},
};
use tempfile::TempDir;

use crate::{Market, aws::AwsClient};

/// A running gateway in a folder of its own. Calls go through the [`Market`] that it is.
pub struct TestGateway {
    market: Market,
    gateway: Gateway,
    folder: TempDir,
}

/// How a gateway is started.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    variables: HashMap<String, String>,
    mischief: Option<Mischief>,
    attempt_timeout: Option<Duration>,
    health: Option<HealthRules>,
}

impl Setup {
    /// Sets a variable of the configuration.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Has the bus repeat and reorder what it hands to services.
    #[must_use]
    pub fn mischief(mut self, mischief: Option<Mischief>) -> Self {
        self.mischief = mischief;
        self
    }

    /// How long an attempt to push may take.
    #[must_use]
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = Some(timeout);
        self
    }

    /// When an endpoint counts as broken.
    #[must_use]
    pub fn health(mut self, rules: HealthRules) -> Self {
        self.health = Some(rules);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(self) -> TestGateway {
        let folder = TempDir::new().expect("a folder");
        let mut variables = HashMap::from([
            ("MARKETPLACE_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("MARKETPLACE_DATA_DIR".to_owned(), folder.path().display().to_string()),
            ("MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS".to_owned(), "true".to_owned()),
        ]);
        variables.extend(self.variables);
        let config = Config::read(|name| variables.get(name).cloned()).expect("a configuration");
        let mut options = Options { mischief: self.mischief, ..Options::default() };
        if let Some(timeout) = self.attempt_timeout {
            options.attempt_timeout = timeout;
        }
        options.health = self.health.unwrap_or_default();
        let gateway = Gateway::start(config, options).await.expect("the gateway starts");
        let base = format!("http://{}", gateway.address());
        let market = Market::new(&base, gateway.operator_token().expose_secret(), folder.path());
        TestGateway { market, gateway, folder }
    }
}

impl TestGateway {
    /// Starts a gateway as it is by default.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// Its address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.gateway.address())
    }

    /// The operator's token.
    #[must_use]
    pub fn operator_token(&self) -> String {
        self.gateway.operator_token().expose_secret().to_owned()
    }

    /// The real `aws` client, with the right secret.
    #[must_use]
    pub fn aws(&self) -> AwsClient {
        AwsClient::new(&self.url(), self.gateway.events_secret().expose_secret())
    }

    /// Its data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// A file in its data folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Everything that it has stored, as it lies there.
    ///
    /// # Panics
    /// When it has stored nothing.
    #[expect(clippy::unused_async, reason = "a store that is elsewhere has to be asked")]
    pub async fn stored_bytes(&self) -> Vec<u8> {
        let mut bytes = fs::read(self.file("marketplace.db")).expect("a database");
        // Not there once all of it is in the database.
        bytes.extend(fs::read(self.file("marketplace.db-wal")).unwrap_or_default());
        bytes
    }

    /// Drains and stops it; answers its folder.
    pub async fn stop(self) -> TempDir {
        self.gateway.stop().await;
        self.folder
    }
}

impl Deref for TestGateway {
    type Target = Market;

    fn deref(&self) -> &Market {
        &self.market
    }
}
