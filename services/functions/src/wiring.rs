//! What each function is made of on AWS.

use std::sync::Arc;

use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider, retry::RetryConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use event_schema::names;
use marketplace_core::ports::{Clock, Randomness};
use platform_aws::{
    Aws,
    gate::Gates,
    managed::{Managed, Place, Spread},
    notices::AwsNotices,
    outbox::Outbox,
    sealer::Sealer,
    table::Table,
};
use platform_base::{clock::SystemClock, randomness::OsRandomness};
use url::Url;
use webhook_sender::{Sender, SenderConfig};

use crate::{
    config,
    doorbell::Doorbell,
    publish::Measured,
    push, record, router,
    sqs::Failure,
    telemetry::Metrics,
    tick::{self, SweptTo},
    user_confirmed,
};

/// What every function has.
pub struct Parts {
    /// Region, credentials, endpoints.
    pub config: SdkConfig,
    /// The one table.
    pub table: Table,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// From the operating system.
    pub randomness: Arc<dyn Randomness>,
    name: Arc<str>,
}

impl Parts {
    /// As Lambda's environment says.
    ///
    /// # Errors
    /// The operating system gives no randomness.
    pub fn load(table: &str) -> Result<Self, Failure> {
        Self::of(sdk_config(), table)
    }

    /// With these settings of the SDK.
    ///
    /// # Errors
    /// The operating system gives no randomness.
    pub fn of(config: SdkConfig, table: &str) -> Result<Self, Failure> {
        let randomness: Arc<dyn Randomness> = Arc::new(OsRandomness::new()?);
        let name: Arc<str> = table.into();
        let table = Table::new(&config, name.clone(), randomness.clone());
        Ok(Self { config, table, clock: Arc::new(SystemClock), randomness, name })
    }

    /// The store, with parties' credentials sealed by this key of KMS.
    #[must_use]
    pub fn store(&self, key: &str) -> Aws {
        self.sealed_by(Sealer::kms(aws_sdk_kms::Client::new(&self.config), key))
    }

    /// The store for a function that never uses parties' credentials.
    #[must_use]
    pub fn store_without_secrets(&self) -> Aws {
        self.sealed_by(Sealer::Closed)
    }

    /// The store with this sealer.
    #[must_use]
    pub fn sealed_by(&self, sealer: Sealer) -> Aws {
        Aws::new(self.table.clone(), sealer, self.clock.clone(), self.randomness.clone())
    }

    /// E-mail from this sender, none without one, and SMS.
    pub(crate) fn notices(&self, sender: Option<&str>) -> AwsNotices {
        let (ses, sns) = (aws_sdk_sesv2::Client::new(&self.config), aws_sdk_sns::Client::new(&self.config));
        AwsNotices::new(ses, sns, sender)
    }

    fn metrics(&self) -> Metrics {
        Metrics::new(self.name.clone())
    }

    fn outbox(&self, buses: platform_aws::managed::buses::Buses) -> Outbox<SweptTo> {
        let bus = Spread::new(aws_sdk_eventbridge::Client::new(&self.config), buses);
        let bus = Measured::new(bus, self.metrics(), self.clock.clone());
        Outbox::new(self.table.clone(), bus, names::BUS)
    }

    fn doorbell(&self, url: &str) -> Doorbell {
        Doorbell::new(aws_sdk_sqs::Client::new(&self.config), url)
    }
}

/// The region of a function, and the credentials of its role, which Lambda puts into its environment (Lambda Developer
/// Guide, "Defined runtime environment variables"). The SDK would look for them in files, containers and on instances,
/// too: code that nobody needs here, and that is loaded at every start.
fn sdk_config() -> SdkConfig {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard())
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()));
    config.set_region(config::environment("AWS_REGION").map(Region::new));
    // Of an emulator, or inside a private network.
    config.set_endpoint_url(config::environment("AWS_ENDPOINT_URL"));
    config.service_config(OfOneService).build()
}

/// What is said of one service alone, such as `AWS_ENDPOINT_URL_DYNAMODB` (AWS SDKs and Tools Reference Guide,
/// "Service-specific endpoints").
#[derive(Debug)]
struct OfOneService;

impl LoadServiceConfig for OfOneService {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().replace([' ', '-'], "_").to_uppercase();
        config::environment(&format!("{}_{service}", key.env()))
    }
}

/// As links begin with it.
pub(crate) fn without_slash(url: &Url) -> Arc<str> {
    url.as_str().trim_end_matches('/').into()
}

/// `request-router`.
///
/// # Errors
/// Something that it needs cannot be had; as of all functions here.
pub fn router(config: &config::Router) -> Result<router::Deps, Failure> {
    let parts = Parts::load(&config.table)?;
    let doorbell = parts.doorbell(&config.doorbell);
    let router = request_router::Deps {
        store: parts.store_without_secrets(),
        clock: parts.clock,
        bus: request_router::Bus::Shared,
        managed: request_router::Managed::HandedOver,
    };
    Ok(router::Deps { router, doorbell })
}

/// `notifier`.
///
/// # Errors
/// Something that it needs cannot be had.
pub fn notifier(config: &config::Notifier) -> Result<notifier::Deps<Aws, AwsNotices>, Failure> {
    let parts = Parts::load(&config.table)?;
    let notices = parts.notices(config.mail_from.as_deref());
    let (store, public_url) = (parts.store_without_secrets(), without_slash(&config.public_url));
    Ok(notifier::Deps::new(store, notices, parts.clock, parts.randomness, notifier::Config { public_url }))
}

/// `webhook-sender`.
///
/// # Errors
/// Something that it needs cannot be had.
pub fn sender(config: &config::Sender) -> Result<push::Deps<Sender>, Failure> {
    let parts = Parts::load(&config.table)?;
    let settings = SenderConfig { allow_private: config.allow_private_endpoints, ..SenderConfig::default() };
    let (store, doorbell) = (parts.store(&config.secrets_key), parts.doorbell(&config.doorbell));
    let (gates, sender) = (Gates::new(parts.table), Sender::new(&settings)?);
    Ok(push::Deps::new(store, gates, sender, doorbell, parts.clock, parts.randomness))
}

/// `outbox-publisher`.
///
/// # Errors
/// Something that it needs cannot be had.
pub fn publisher(config: &config::Publisher) -> Result<Outbox<SweptTo>, Failure> {
    Ok(Parts::load(&config.table)?.outbox(config.buses))
}

/// `delivery-recorder`.
///
/// # Errors
/// Something that it needs cannot be had.
pub fn recorder(config: &config::TableOnly) -> Result<record::Deps, Failure> {
    let parts = Parts::load(&config.table)?;
    Ok(record::Deps { store: parts.store_without_secrets(), clock: parts.clock })
}

/// `clock`.
///
/// # Errors
/// Something that it needs cannot be had.
pub fn clock(config: &config::Ticks) -> Result<tick::Deps, Failure> {
    clock_of(Parts::load(&config.table)?, config)
}

/// The same, of these parts.
///
/// # Errors
/// Something that it needs cannot be had.
pub fn clock_of(parts: Parts, config: &config::Ticks) -> Result<tick::Deps, Failure> {
    let place = Place {
        role_arn: config.managed_role.clone(),
        dead_letters_arn: config.managed_dead_letters.clone(),
        buses: config.buses,
    };
    let events = aws_sdk_eventbridge::Client::new(&parts.config);
    Ok(tick::Deps {
        store: parts.store(&config.secrets_key),
        outbox: parts.outbox(config.buses),
        gates: Gates::new(parts.table.clone()),
        doorbell: parts.doorbell(&config.doorbell),
        managed: Managed::new(events, place, parts.randomness.clone()),
        buses: config.buses,
        metrics: parts.metrics(),
        clock: parts.clock,
    })
}

/// `user-confirmed`.
///
/// # Errors
/// Something that it needs cannot be had.
pub fn user_confirmed(config: &config::TableOnly) -> Result<user_confirmed::Deps, Failure> {
    let parts = Parts::load(&config.table)?;
    Ok(user_confirmed::Deps { store: parts.store_without_secrets(), clock: parts.clock, randomness: parts.randomness })
}
