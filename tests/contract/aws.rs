//! The platform on AWS: the contract, on a `DynamoDB` engine that answers at once, and on one that is throttled, loses
//! answers, and whose indexes lag behind.

mod bus;
mod cost;
mod faults;
mod outbox;
mod registry;

use std::sync::{Arc, OnceLock};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use event_schema::id::Environment;
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    command::{deadline::KeepDeadline, push::Claim},
    delivery::DeliverySettings,
    ports::{Clock, PartyStore, RequestStore, Urgency},
    publish::BusEvent,
};
use platform_aws::{Aws, outbox::Outbox, sealer::Sealer, table::Table};
use platform_base::{clock::SystemClock, randomness::OsRandomness, vault::Vault};
use secrecy::SecretString;
use tests::{DynamoServer, eventually};

use self::{bus::Archive, faults::Faults};
use crate::{
    fixture::{START, at},
    platform::PlatformUnderTest,
};

/// The contract.
mod contract {
    crate::suite::contract!(super::OnAws<false>);
}

/// The contract again, in bad weather.
mod contract_in_trouble {
    crate::suite::contract!(super::OnAws<true>);
}

const TABLE: &str = "marketplace";

/// A store in a table of its own, with or without trouble.
pub(crate) struct OnAws<const TROUBLE: bool> {
    engine: DynamoServer,
    /// Where the store's calls go.
    config: SdkConfig,
    _faults: Option<Faults>,
    store: Aws,
    archive: Archive,
}

impl<const TROUBLE: bool> OnAws<TROUBLE> {
    /// The table, as the store sees it.
    pub(crate) fn table(&self) -> Table {
        table(&self.config)
    }
}

async fn config_of(url: &str) -> SdkConfig {
    let nobody = Credentials::new("nobody", "nothing", None, None, "a test");
    let config = aws_config::defaults(BehaviorVersion::latest()).region("eu-central-1").endpoint_url(url);
    config.credentials_provider(nobody).load().await
}

/// The time of the stories that the rules tell: it begins a minute after [`START`], and passes as it does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoryClock;

impl Clock for StoryClock {
    fn now(&self) -> Timestamp {
        static BEGIN: OnceLock<Timestamp> = OnceLock::new();
        let now = SystemClock.now();
        at(60) + now.duration_since(*BEGIN.get_or_init(|| now))
    }
}

fn table(config: &SdkConfig) -> Table {
    Table::new(config, TABLE, Arc::new(OsRandomness::new().expect("randomness")))
}

fn store(config: &SdkConfig) -> Aws {
    let key = SecretString::from("a key of thirty-two characters or more");
    let sealer = Sealer::local(Vault::new(&key).expect("a key"));
    Aws::new(table(config), sealer, Arc::new(StoryClock), Arc::new(OsRandomness::new().expect("randomness")))
}

impl<const TROUBLE: bool> PlatformUnderTest for OnAws<TROUBLE> {
    type Store = Aws;
    type OnTheWire = ();

    const SKIPS: &'static [(&'static str, &'static str)] = if TROUBLE {
        &[("dead_letters_are_newest_death_first", "it asks an index that lags behind for what has only just died")]
    } else {
        &[]
    };

    async fn open() -> Self {
        let engine = DynamoServer::start().await;
        let mut config = config_of(&engine.url()).await;
        table(&config).create().await.expect("a table");
        let mut faults = None;
        if TROUBLE {
            let between = Faults::start(engine.url()).await;
            config = config_of(&between.url()).await;
            faults = Some(between);
        }
        Self { store: store(&config), engine, config, _faults: faults, archive: Archive::new(TROUBLE) }
    }

    fn store(&self) -> Aws {
        self.store.clone()
    }

    async fn reopen(self) -> Self {
        // Nothing but the table lives on.
        Self { store: store(&self.config), ..self }
    }

    async fn stored_bytes(&self) -> Vec<u8> {
        let client = aws_sdk_dynamodb::Client::new(&config_of(&self.engine.url()).await);
        let mut pages = client.scan().table_name(TABLE).into_paginator().items().send();
        let mut bytes = vec![];
        while let Some(item) = pages.next().await {
            for value in item.expect("a row").into_values() {
                match value {
                    AttributeValue::S(text) | AttributeValue::N(text) => bytes.extend(text.into_bytes()),
                    AttributeValue::B(blob) => bytes.extend(blob.into_inner()),
                    other => panic!("{other:?} is looked into by nobody"),
                }
            }
        }
        bytes
    }

    async fn events(&self, count: usize) -> Vec<BusEvent> {
        let outbox = Outbox::new(self.table(), self.archive.clone(), event_schema::names::BUS);
        // An index that lags behind hides a row from one sweep, and not from all of them.
        eventually("the events", async || {
            let left = outbox.sweep(StoryClock.now() + SignedDuration::from_secs(1)).await.expect("swept");
            (left == 0 && self.archive.events().len() >= count).then_some(())
        })
        .await;
        let events = self.archive.events();
        assert_eq!(events.len(), count, "no event without a fact");
        events
    }

    async fn keep_deadlines(&self, now: Timestamp) {
        // An index that lags behind hides a clock from one sweep, and not from all of them.
        for _ in 0..if TROUBLE { 10 } else { 1 } {
            for (delivery_id, due) in self.store.alarms(now + SignedDuration::from_micros(1)).await.expect("read") {
                assert!(due <= now, "found too early");
                let keep = KeepDeadline { delivery_id, at: now };
                self.store.apply(keep, Urgency::Ours, None).await.expect("kept");
            }
        }
    }

    /// What keeps a push from everybody else is its claim, which is in the table.
    async fn push_without_end(&self, pushes: usize) {
        let parties = self.store.with_routing(|routing| routing.parties().cloned().collect::<Vec<_>>()).await;
        let mut claimed = 0;
        for party in parties.expect("the parties") {
            for environment in Environment::ALL {
                if let DeliverySettings::Push(_) = party.environment(environment).delivery {
                    for delivery_id in self.store.overdue(&party.id, environment, at(1), pushes).await.expect("read") {
                        let claim = Claim { delivery_id, at: START };
                        let offer = self.store.apply(claim, Urgency::Ours, None).await.expect("applied");
                        claimed += usize::from(offer.is_some());
                    }
                }
            }
        }
        assert_eq!(claimed, pushes);
    }
}
