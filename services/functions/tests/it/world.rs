//! A store in a table of its own, and everybody who takes part.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use event_schema::id::{DeliveryId, Environment, KeyId, PartyId, RequestId, UserId};
use functions::{publish::Measured, telemetry::Metrics, wiring::Parts};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    command::{create::Create, route::MakeOffers},
    intake,
    offer::{Offer, delivery_id},
    party::{AcceptanceClock, ApiKey, EnvironmentSettings, Party, PartyCommand},
    pattern::Pattern,
    ports::{Clock, PartyStore as _, RequestStore as _, Urgency},
};
use platform_aws::{Aws, outbox::Outbox, sealer::Sealer};
use platform_base::vault::Vault;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::Cloud;

const TABLE: &str = "marketplace";

/// A clock that a test moves, and that stands still otherwise.
#[derive(Clone)]
pub(crate) struct Hands(Arc<Mutex<Timestamp>>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

impl Hands {
    pub(crate) fn pass(&self, seconds: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    pub(crate) fn pass_until(&self, time: Timestamp) {
        let mut now = self.0.lock().unwrap();
        *now = time.max(*now);
    }
}

pub(crate) struct World {
    pub(crate) cloud: Cloud,
    pub(crate) clock: Hands,
    pub(crate) store: Aws,
    config: SdkConfig,
}

impl World {
    pub(crate) async fn new() -> Self {
        let cloud = Cloud::start().await;
        let nobody = Credentials::new("nobody", "nothing", None, None, "a test");
        let config = aws_config::defaults(BehaviorVersion::latest()).region("eu-central-1").endpoint_url(cloud.url());
        let config = config.credentials_provider(nobody).load().await;
        // Requests' ids are made of it, and tokens' times are compared with it.
        let clock = Hands(Arc::new(Mutex::new(platform_base::clock::SystemClock.now())));
        let parts = parts(&config, &clock);
        parts.table.create().await.unwrap();
        let store = parts.sealed_by(sealer());
        Self { cloud, clock, store, config }
    }

    /// What functions are made of.
    pub(crate) fn parts(&self) -> Parts {
        parts(&self.config, &self.clock)
    }

    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The outbox as the publisher has it.
    pub(crate) fn outbox(&self) -> Outbox<Measured<aws_sdk_eventbridge::Client>> {
        let bus = aws_sdk_eventbridge::Client::new(&self.config);
        let bus = Measured::new(bus, Metrics::new(TABLE), Arc::new(self.clock.clone()));
        Outbox::new(self.parts().table, bus, event_schema::names::BUS)
    }

    /// A party that sees every request for books.
    pub(crate) async fn join(&self, id: &str, delivery: &Value) {
        let filter = Pattern::from_value(&json!({ "detail": { "category": ["books"] } })).unwrap();
        let settings = || EnvironmentSettings {
            filter: Some(filter.clone()),
            delivery: serde_json::from_value(delivery.clone()).unwrap(),
            ..EnvironmentSettings::new()
        };
        let now = self.clock.now();
        let new = Party::new(id.parse().unwrap(), format!("Party {id}"), "party@example.com".to_owned(), now);
        let party = Party { environments: [settings(), settings(), settings()], ..new };
        let mut hash = [0; 32];
        hash[..id.len()].copy_from_slice(id.as_bytes());
        let key_id = KeyId(Uuid::from_u128(id.bytes().fold(0, |number, byte| number * 256 + u128::from(byte))));
        let key = ApiKey::new(key_id, party.id.clone(), Environment::Prod, hash, now);
        self.change(id, PartyCommand::Join(Box::new(party), key)).await;
    }

    pub(crate) async fn change(&self, party: &str, command: PartyCommand) {
        let changed = self.store.apply_to_party(id(party), command, "operator".to_owned(), self.clock.now(), None);
        changed.await.unwrap();
    }

    /// A stored request for books.
    pub(crate) async fn asked(&self) -> RequestId {
        let request = intake::from_api(br#"{"category": "books"}"#, user()).unwrap();
        let id = RequestId(self.parts().randomness.uuid(self.clock.now()));
        let create = Create { id, request, at: self.clock.now() };
        self.store.apply(create, Urgency::Ours, None).await.unwrap();
        id
    }

    /// A new request that is offered to this party, and handed over if the bus delivers it.
    pub(crate) async fn offered(&self, party: &str, handed_over: bool) -> DeliveryId {
        self.offered_on_terms(party, handed_over, None).await
    }

    /// The same to one who has only so many seconds to answer.
    pub(crate) async fn offered_against_a_clock(&self, party: &str, expire_after_seconds: u32) -> DeliveryId {
        let clock = AcceptanceClock { category: None, remind_after_seconds: None, expire_after_seconds };
        self.offered_on_terms(party, false, Some(clock)).await
    }

    async fn offered_on_terms(&self, party: &str, handed_over: bool, clock: Option<AcceptanceClock>) -> DeliveryId {
        let request = self.asked().await;
        let now = self.clock.now();
        let until = now + SignedDuration::from_hours(24);
        let make = MakeOffers {
            request,
            environment: Environment::Prod,
            parties: vec![id(party)],
            handed_over: handed_over.then(|| (id(party), until)).into_iter().collect(),
            clocks: clock.map(|clock| (id(party), clock)).into_iter().collect(),
            last_of: Some(1),
            registry_version: 1,
            cause: None,
            at: now,
        };
        self.store.apply(make, Urgency::Ours, None).await.unwrap();
        delivery_id(request, &id(party), Environment::Prod, 1)
    }

    pub(crate) async fn offer(&self, delivery: DeliveryId) -> Offer {
        let record = self.store.request(delivery.request(), false).await.unwrap().unwrap();
        record.offers.into_iter().find(|offer| offer.delivery_id == delivery).unwrap()
    }
}

fn parts(config: &SdkConfig, clock: &Hands) -> Parts {
    let mut parts = Parts::of(config.clone(), TABLE).unwrap();
    parts.clock = Arc::new(clock.clone());
    parts
}

fn sealer() -> Sealer {
    Sealer::local(Vault::new(&"0123456789abcdef0123456789abcdef".into()).unwrap())
}

pub(crate) fn id(party: &str) -> PartyId {
    party.parse().unwrap()
}

pub(crate) fn user() -> UserId {
    UserId::account(Uuid::from_u128(1))
}

/// Settings that push to this URL.
pub(crate) fn push(url: &str, more: &Value) -> Value {
    let mut settings = json!({
        "mode": "push", "url": url, "transport": "direct", "signed": false,
        "auth": { "type": "none" }, "max_age_hours": 24,
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}
