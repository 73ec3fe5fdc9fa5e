//! The life of a request: created over HTTP, offered, delivered, accepted by everybody, and its user told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use aws_config::SdkConfig;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use event_schema::{
    delivery::DeliveryDetail,
    id::{Environment, KeyId, MessageId, PartyId, RequestId, UserId},
    names,
};
use functions::doorbell::Doorbell;
use http_edge::{
    api_key::FreshKey,
    edge::Edge,
    finish::finish,
    token::{TokenFault, TokenVerifier, VerifiedUser},
};
use jiff::Timestamp;
use marketplace_core::{
    command::push::RecordHandover,
    delivery::{PushSettings, Transport},
    lifecycle::OfferState,
    offer::Attempt,
    party::{ApiKey, PartyCommand},
    ports::{Clock as _, Notice, NoticeError, Notices, PartyStore, Push, PushReport, RequestStore, Urgency, UserStore},
    publish::BusEvent,
    transport::{Outcome, OutcomeWord},
    user::{Notifications, User},
};
use platform_aws::{
    Aws,
    gate::Gates,
    outbox::{Outbox, Row},
    table::{Query, Range, Table},
};
use platform_base::randomness::OsRandomness;
use request_router::{Bus, Managed};
use serde_json::{Value, json};
use tests::DynamoServer;
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::{
    super::{StoryClock, bus::Archive, config_of, store, table},
    meter::{Meter, Spent},
    page::SUM,
};
use crate::fixture::{START, account, change, hash, party, party_id, pattern, push_settings, uuid};

/// What is counted for one entry of a `PutEvents` (EventBridge pricing): a unit for each 64 KB.
const EVENT_UNIT: usize = 64 * 1_024;

/// A part of a request's life, and what it took.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    name: &'static str,
    calls: BTreeMap<String, usize>,
    write_units: usize,
    read_units: usize,
    put_events: usize,
    event_units: usize,
}

impl Step {
    /// All of them together.
    pub(super) fn sum(steps: &[Self]) -> Self {
        let add = |mut sum: Self, step: &Self| {
            for (operation, calls) in &step.calls {
                *sum.calls.entry(operation.clone()).or_default() += calls;
            }
            sum.write_units += step.write_units;
            sum.read_units += step.read_units;
            sum.put_events += step.put_events;
            sum.event_units += step.event_units;
            sum
        };
        steps.iter().fold(Self { name: SUM, ..Self::default() }, add)
    }

    /// Of writes, of reads, and on the bus.
    pub(super) fn units(&self) -> [usize; 3] {
        [self.write_units, self.read_units, self.event_units]
    }

    /// A row of the page: the step at both fan-outs.
    pub(super) fn cells(one: &Self, five: &Self) -> Vec<String> {
        let mut cells = vec![one.name.to_owned(), calls(one, five)];
        for (one, five) in one.units().into_iter().zip(five.units()) {
            cells.extend([one, five].map(|units| units.to_string()));
        }
        cells
    }
}

/// The calls by operation, such as `GetItem` 2/10: at fan-out 1 and at 5; one number where it is the same.
fn calls(one: &Step, five: &Step) -> String {
    let put_events = |step: &Step| (step.put_events > 0).then(|| ("PutEvents".to_owned(), step.put_events));
    let all = |step: &Step| step.calls.clone().into_iter().chain(put_events(step)).collect::<BTreeMap<_, _>>();
    let (one, five) = (all(one), all(five));
    let operations: BTreeSet<_> = one.keys().chain(five.keys()).collect();
    let count = |operation| match [&one, &five].map(|calls| calls.get(operation).copied().unwrap_or(0)) {
        [few, many] if few == many => format!("{operation} {few}"),
        [few, many] => format!("{operation} {few}/{many}"),
    };
    operations.into_iter().map(count).collect::<Vec<_>>().join(", ")
}

/// Whose every token is.
struct Ann(UserId);

impl TokenVerifier for Ann {
    fn verify(&self, _: &str, _: Timestamp) -> Result<VerifiedUser, TokenFault> {
        Ok(VerifiedUser { id: self.0.clone(), operator: false })
    }
}

/// A third party's endpoint that takes everything.
#[derive(Clone)]
struct Endpoint;

impl Push for Endpoint {
    type Endpoint = ();

    fn endpoint(&self, _: &PushSettings) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }

    async fn attempt(&self, (): &(), _: MessageId, _: String, _: Timestamp) -> PushReport {
        let outcome = Outcome::Answered { status: 202, retry_after: None };
        PushReport { outcome, latency: Duration::from_millis(48), answer: String::new() }
    }
}

/// A post office that everything goes through.
#[derive(Clone)]
struct Post;

impl Notices for Post {
    async fn send(&self, _: &Notice) -> Result<(), NoticeError> {
        Ok(())
    }
}

/// A marketplace with one user and some third parties, all of whom want to see everything.
pub(super) struct Life {
    meter: Meter,
    transport: Transport,
    store: Aws,
    /// Past the meter.
    table: Table,
    outbox: Outbox<Archive>,
    archive: Archive,
    http: Router,
    router: request_router::Deps<Aws>,
    notifier: notifier::Deps<Aws, Post>,
    sender: functions::push::Deps<Endpoint>,
    /// The third parties' keys.
    keys: BTreeMap<PartyId, String>,
    steps: Vec<Step>,
    _closing: watch::Sender<bool>,
    _engine: DynamoServer,
}

impl Life {
    /// What each part of a request's life took.
    pub(super) async fn of(transport: Transport, fan_out: usize) -> Vec<Step> {
        let mut life = Self::before(transport, fan_out).await;
        let request = life.create().await;
        let asked = life.publish(request, "publish the request").await;
        life.route(&asked).await;
        let deliveries = life.publish(request, "publish the offers").await;
        assert_eq!(deliveries.len(), fan_out);
        life.deliver(request, &deliveries).await;
        life.answer(request, &deliveries).await;
        let end = life.store.request(request, false).await.expect("read").expect("there");
        assert!(end.offers.iter().all(|offer| offer.state == OfferState::Accepted));
        life.steps
    }

    async fn before(transport: Transport, fan_out: usize) -> Self {
        let engine = DynamoServer::start().await;
        let plain = config_of(&engine.url()).await;
        table(&plain).create().await.expect("a table");
        let meter = Meter::start(engine.url()).await;
        let config: SdkConfig = config_of(&meter.url()).await;
        let (store, archive) = (store(&config), Archive::new(false));
        let ann = User {
            confirmed_at: Some(START),
            notifications: Notifications { email: true, sms: false },
            ..account("ann@example.com")
        };
        let id = ann.id.clone();
        store.create_user(ann, hash(), None).await.expect("an account");
        let mut keys = BTreeMap::new();
        for number in 0..fan_out {
            let id = format!("book-shop-{number}");
            keys.insert(party_id(&id), join(&store, &id, transport).await);
        }
        // Functions are warm: each knows the parties.
        store.with_routing(|_| ()).await.expect("the parties");
        let (closing, stop) = watch::channel(false);
        let life = Self {
            transport,
            table: table(&plain),
            outbox: Outbox::new(table(&config), archive.clone(), names::BUS),
            archive,
            http: http(&store, id, stop),
            router: request_router::Deps {
                store: store.clone(),
                clock: Arc::new(StoryClock),
                bus: Bus::Shared,
                managed: Managed::HandedOver,
            },
            notifier: notifier::Deps::new(
                store.clone(),
                Post,
                Arc::new(StoryClock),
                randomness(),
                notifier::Config { public_url: "https://market.example".into() },
            ),
            sender: functions::push::Deps::new(
                store.clone(),
                Gates::new(table(&config)),
                Endpoint,
                Doorbell::new(aws_sdk_sqs::Client::new(&config), "https://sqs.example/doorbell"),
                Arc::new(StoryClock),
                randomness(),
            ),
            store,
            keys,
            steps: vec![],
            meter,
            _closing: closing,
            _engine: engine,
        };
        life.meter.spent();
        life
    }

    /// What the table was asked for since the last step belongs to the step of this name.
    fn step(&mut self, name: &'static str) -> &mut Step {
        let Spent { calls, write_units, read_units } = self.meter.spent();
        let place = self.steps.iter().position(|step| step.name == name).unwrap_or_else(|| {
            self.steps.push(Step { name, ..Step::default() });
            self.steps.len() - 1
        });
        let step = &mut self.steps[place];
        for (operation, count) in calls {
            *step.calls.entry(operation).or_default() += count;
        }
        step.write_units += write_units;
        step.read_units += read_units;
        step
    }

    async fn create(&mut self) -> RequestId {
        let book = json!({ "name": "The Art of Computer Programming, volume 1", "quantity": 1 });
        let body = json!({
            "category": "books", "region": "eu-central", "amount": 74.5, "mode": "all",
            "items": [book, { "name": "Pencils", "quantity": 12 }],
            "note": "Please deliver on a weekday before noon; the bell does not work.",
            "attributes": { "gift": false, "cost_centre": "4711", "language": "de" },
        });
        let answer = self.post("/v1/requests", ("authorization", "Bearer of.a.token"), &body, 201).await;
        self.step("create");
        answer["id"].as_str().expect("an id").parse().expect("a request's id")
    }

    async fn post(&self, path: &str, (name, value): (&str, &str), body: &Value, status: u16) -> Value {
        let request = Request::post(path).header(name, value).body(Body::from(body.to_string())).expect("a request");
        let answer = self.http.clone().oneshot(request).await.expect("an answer");
        assert_eq!(answer.status(), status);
        serde_json::from_slice(&to_bytes(answer.into_body(), usize::MAX).await.expect("a body")).expect("JSON")
    }

    /// Brings to the outbox what the table's stream would: the rows of one change. Answers the events with the ids that
    /// the bus gave them.
    async fn publish(&mut self, request: RequestId, name: &'static str) -> Vec<(String, BusEvent)> {
        let (calls, before) = (self.archive.calls().len(), self.archive.taken());
        let journal = Query::partition(format!("R#{request}"), Range::Prefix("J#".to_owned()));
        let rows = self.table.all(&journal).await.expect("the journal");
        let rows: Vec<Row> = rows.iter().filter_map(|row| Row::parse(row).expect("a row")).collect();
        assert!(self.outbox.publish(rows).await.expect("published").is_empty());
        let calls = self.archive.calls().len() - calls;
        let events = self.archive.events().split_off(before);
        let step = self.step(name);
        step.put_events += calls;
        step.event_units += events.iter().map(units_of).sum::<usize>();
        events.into_iter().zip(before + 1..).map(|(event, number)| (Archive::id_of(number), event)).collect()
    }

    async fn route(&mut self, events: &[(String, BusEvent)]) {
        for (_, event) in events {
            request_router::handle(event, &self.router).await.expect("routed");
        }
        self.step("route");
    }

    /// Everybody gets the message at the first attempt.
    async fn deliver(&mut self, request: RequestId, deliveries: &[(String, BusEvent)]) {
        for (id, event) in deliveries {
            match self.transport {
                Transport::Managed => self.record(id).await,
                Transport::Direct => self.push(event).await,
            }
            self.step("deliver");
            self.publish(request, "publish the results").await;
        }
    }

    /// What the bus's log makes of a delivery.
    async fn record(&self, bus_id: &str) {
        let message = self.store.message_of(bus_id).await.expect("read").expect("known");
        let command = RecordHandover {
            delivery_id: message.delivery_id,
            attempt: Attempt {
                at: StoryClock.now(),
                message: message.kind,
                outcome: OutcomeWord::Delivered.as_str().to_owned(),
                status_code: None,
                latency_us: 48_000,
                answer: None,
            },
            attempts: 1,
            given_up: None,
            at: StoryClock.now(),
        };
        assert!(self.store.apply(command, Urgency::Ours, None).await.expect("recorded"));
    }

    /// What the doorbell makes of one.
    async fn push(&self, event: &BusEvent) {
        let ring =
            json!({ "messageId": "1", "body": json!(event).to_string(), "attributes": {}, "messageAttributes": {} });
        let batch = serde_json::from_value(json!({ "Records": [ring] })).expect("a batch");
        let failed = functions::push::handle(&batch, &self.sender).await.batch_item_failures;
        assert!(failed.is_empty(), "{failed:?}");
    }

    async fn answer(&mut self, request: RequestId, deliveries: &[(String, BusEvent)]) {
        let mut answers = vec![];
        for (_, event) in deliveries {
            let detail: DeliveryDetail = serde_json::from_str(event.detail.get()).expect("a delivery");
            let path = format!("/v1/deliveries/{}/status", detail.delivery_id);
            self.post(&path, ("x-api-key", &self.keys[&detail.third_party]), &json!({ "status": "accepted" }), 200)
                .await;
            self.step("answer");
            answers.extend(self.publish(request, "publish the answers").await);
        }
        for (_, event) in &answers {
            request_router::handle(event, &self.router).await.expect("there is nothing to withdraw");
            let done = notifier::handle(event, &self.notifier).await.expect("told");
            assert_eq!(done, notifier::Done::Told(vec![notifier::Channel::Email]));
            self.step("tell the user");
        }
    }
}

fn http(store: &Aws, user: UserId, closing: watch::Receiver<bool>) -> Router {
    let (clock, randomness) = (Arc::new(StoryClock), randomness());
    let edge = Edge {
        store: store.clone(),
        clock: clock.clone(),
        randomness: randomness.clone(),
        operator_token: None,
        tokens: Arc::new(Ann(user)),
        rate_limit: None,
    };
    let readiness: marketplace_api::Readiness = Arc::new(|| Box::pin(async { Ok(()) }));
    let people = marketplace_api::Deps {
        edge: edge.clone(),
        allow_private_endpoints: true,
        sign_up: marketplace_api::SignUpPolicy::Off,
        readiness,
    };
    let machines = status_ingest::Deps { edge, max_wait: Duration::ZERO, closing };
    finish(marketplace_api::routes(people).merge(status_ingest::routes(machines)), clock, randomness)
}

fn randomness() -> Arc<OsRandomness> {
    Arc::new(OsRandomness::new().expect("randomness"))
}

/// A third party that wants books; its key.
async fn join(store: &Aws, id: &str, transport: Transport) -> String {
    let fresh = FreshKey::new(Environment::Prod, hash());
    let (party_id, environment) = (party_id(id), Environment::Prod);
    let key = ApiKey::new(KeyId(uuid()), party_id, environment, fresh.hash, START);
    // As a key is that is used all the time.
    let key = ApiKey { last_used_at: Some(START), ..key };
    let mut party = party(id);
    party.environments[0].filter = Some(pattern(&json!({ "detail": { "category": ["books", "toys"] } })));
    change(store, id, PartyCommand::Join(Box::new(party), key)).await;
    let auth = json!({ "type": "api-key", "name": "x-api-key", "value": "a key that the party made for us" });
    let settings = json!({ "transport": transport, "auth": auth });
    let push = push_settings(&format!("https://api.{id}.example/marketplace/offers"), &settings);
    let push = Box::new(push);
    change(store, id, PartyCommand::SetDelivery(Environment::Prod, push.clone())).await;
    if transport == Transport::Managed {
        change(store, id, PartyCommand::RouteMade(Environment::Prod, push)).await;
    }
    fresh.text.expose().to_owned()
}

/// By the size that EventBridge counts for an entry ("Calculating PutEvents event entry size").
fn units_of(event: &BusEvent) -> usize {
    let bytes = 14 + event.source.len() + event.detail_type.len() + event.detail.get().len();
    bytes.div_ceil(EVENT_UNIT)
}
