//! What the functions find when they start: tables, third parties, a user, and requests to do something with.

use std::{path::Path, sync::Arc};

use ::tests::DynamoServer;
use anyhow::Context as _;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use event_schema::{
    id::{DeliveryId, Environment, KeyId, PartyId, RequestId, UserId},
    words::AnswerStatus,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http_edge::api_key::FreshKey;
use jiff::SignedDuration;
use marketplace_core::{
    command::{
        answer::{Answer, Target},
        create::Create,
        route::MakeOffers,
    },
    delivery::DeliverySettings,
    intake::{self, NewRequest},
    offer::delivery_id,
    party::{ApiKey, EnvironmentSettings, Party, PartyCommand},
    pattern::{Fields, Pattern},
    ports::{
        Clock as _, PartyStore as _, Randomness as _, RequestRecord, RequestStore as _, Urgency,
        identity::Identity as _,
    },
    publish::{self, About, Happened},
};
use platform_aws::{Aws, sealer::Sealer, table::Table};
use platform_base::{clock::SystemClock, randomness::OsRandomness};
use platform_embedded::identity::LocalIdentity;
use serde_json::{Value, json};

use super::stand_in::StandIn;
use crate::{matching::mixes, request};

/// The table of most functions.
pub(crate) const TABLE: &str = "marketplace";

/// The router's, with many filters.
pub(crate) const TABLE_OF_MANY: &str = "marketplace-of-many";

/// Who makes users' tokens.
pub(crate) const ISSUER: &str = "http://issuer.example";

/// A party that is pushed to by us.
pub(crate) const DIRECT: &str = "direct-shop";

/// A party that EventBridge delivers to.
pub(crate) const MANAGED: &str = "managed-shop";

/// How many changes are made at the same time.
const AT_ONCE: usize = 16;

/// All of it.
pub(crate) struct World {
    /// The table's engine.
    pub(crate) engine: DynamoServer,
    /// Everything else.
    pub(crate) stand_in: StandIn,
    /// The user; the function that makes accounts makes theirs.
    pub(crate) user: UserId,
    /// The user's token.
    pub(crate) token: String,
    /// The key of [`DIRECT`].
    pub(crate) key: String,
    randomness: OsRandomness,
    few: Aws,
    many: Aws,
}

impl World {
    /// Makes it; the folder is for the issuer's key.
    ///
    /// # Errors
    /// Something of it cannot be made.
    pub(crate) async fn open(folder: &Path) -> anyhow::Result<Self> {
        let identity = LocalIdentity::open(&folder.join("issuer"), ISSUER)?;
        let (engine, stand_in) = (DynamoServer::start().await, StandIn::start(identity.key_set().to_owned()).await?);
        let kms = aws_sdk_kms::Client::new(&config(&stand_in.url()).await);
        let sealer = Sealer::kms(kms, "key");
        let config = config(&engine.url()).await;
        let randomness = OsRandomness::new()?;
        let user: UserId = "usr_ann".parse()?;
        let token = identity.issue_token(&user, SystemClock.now())?.token.expose().to_owned();
        let (few, many) = (store(&config, TABLE, &sealer).await?, store(&config, TABLE_OF_MANY, &sealer).await?);
        let mut world = Self { engine, stand_in, user, token, key: String::new(), randomness, few, many };
        world.let_in_few().await?;
        world.let_in_many().await?;
        Ok(world)
    }

    async fn let_in_few(&mut self) -> anyhow::Result<()> {
        let auth = json!({ "type": "api-key", "name": "x-key", "value": "a key that the party made for us" });
        let url = format!("{}/offers", self.stand_in.url());
        for (id, transport) in [(DIRECT, "direct"), (MANAGED, "managed")] {
            let push = json!({ "url": url, "transport": transport, "auth": auth });
            let key = self.join(&self.few, party(id, None, delivery(push)?)?).await?;
            if id == DIRECT {
                self.key = key;
            }
        }
        Ok(())
    }

    /// Each with a filter; five of them match every request. A new router begins with a snapshot of them.
    async fn let_in_many(&self) -> anyhow::Result<()> {
        let events = mixes::events();
        let fields: Vec<Fields<'_>> = events.iter().map(Fields::new).collect();
        let push = json!({ "url": format!("{}/offers", self.stand_in.url()), "transport": "managed" });
        let push = delivery(push)?;
        let joining = mixes::filters(mixes::Mix::Equality, &fields).into_iter().enumerate().map(|(number, filter)| {
            let party = party(&format!("party-{number:05}"), Some(filter), push.clone());
            async { self.join(&self.many, party?).await.map(drop) }
        });
        stream::iter(joining).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        anyhow::ensure!(self.many.write_snapshot(SystemClock.now()).await?, "a snapshot was worth writing");
        Ok(())
    }

    /// Lets a party in; its key for `prod`.
    async fn join(&self, store: &Aws, party: Party) -> anyhow::Result<String> {
        let (environment, created_at) = (Environment::Prod, SystemClock.now());
        let fresh = FreshKey::new(environment, self.randomness.secret());
        let key_id = KeyId(self.randomness.uuid(created_at));
        let key = ApiKey::new(key_id, party.id.clone(), environment, fresh.hash, created_at);
        let join = PartyCommand::Join(Box::new(party.clone()), key);
        store.apply_to_party(party.id, join, "bench".to_owned(), created_at, None).await?;
        Ok(fresh.text.expose().to_owned())
    }

    /// A request of the user, as it is stored.
    ///
    /// # Errors
    /// It cannot be stored.
    pub(crate) async fn asked(&self, number: u64) -> anyhow::Result<RequestRecord> {
        let body = request::body(&request::category(0), number);
        let new = intake::from_api(body.as_bytes(), self.user.clone())?;
        self.create(&self.few, new).await
    }

    /// A request in the router's table, which five parties are to be offered.
    ///
    /// # Errors
    /// It cannot be stored.
    pub(crate) async fn asked_of_many(&self, number: usize) -> anyhow::Result<RequestRecord> {
        let events = mixes::events();
        let mut detail = events[number % events.len()]["detail"].clone();
        detail.as_object_mut().context("an object")?.remove("metadata");
        detail["items"] = json!([{ "name": "coffee table", "quantity": 1 }, { "name": "floor lamp", "quantity": 2 }]);
        self.create(&self.many, intake::from_event_detail(&detail.to_string())?).await
    }

    async fn create(&self, store: &Aws, request: NewRequest) -> anyhow::Result<RequestRecord> {
        let at = SystemClock.now();
        let id = RequestId(self.randomness.uuid(at));
        store.apply(Create { id, request, at }, Urgency::Ours, None).await?;
        read(store, id).await
    }

    /// A request of the user that is offered to this party, and the offer.
    ///
    /// # Errors
    /// It cannot be stored.
    pub(crate) async fn offered(&self, party: &str, number: u64) -> anyhow::Result<(RequestRecord, DeliveryId)> {
        let (request, at) = (self.asked(number).await?.head.id, SystemClock.now());
        let (party, environment): (PartyId, _) = (party.parse()?, Environment::Prod);
        let until = at + SignedDuration::from_hours(24);
        let handed_over = (party.as_str() == MANAGED).then(|| (party.clone(), until));
        let whole = MakeOffers {
            request,
            environment,
            parties: vec![party.clone()],
            handed_over: handed_over.into_iter().collect(),
            clocks: [].into(),
            last_of: None,
            registry_version: 1,
            cause: None,
            at,
        };
        for batch in MakeOffers::batches(whole) {
            self.few.apply(batch, Urgency::Ours, None).await?;
        }
        Ok((read(&self.few, request).await?, delivery_id(request, &party, environment, 1)))
    }

    /// The newest journal row of a request, as the table's stream has it: in DynamoDB's own JSON.
    ///
    /// # Errors
    /// The engine does not answer.
    pub(crate) async fn newest_image(&self, request: RequestId) -> anyhow::Result<Value> {
        let question = json!({
            "TableName": TABLE, "ScanIndexForward": false, "Limit": 1,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": { ":pk": { "S": format!("R#{request}") }, ":sk": { "S": "J#" } },
        });
        let ask = reqwest::Client::new().post(self.engine.url()).header("x-amz-target", "DynamoDB_20120810.Query");
        let ask = ask.header("content-type", "application/x-amz-json-1.0").body(question.to_string());
        // The engine looks whether a call is signed, and not by whom.
        let signed =
            "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00";
        let ask = ask.header("authorization", signed).header("x-amz-date", "20260101T000000Z");
        let mut answer: Value = ask.send().await?.error_for_status()?.json().await?;
        Ok(answer["Items"][0].take())
    }

    /// Makes an answer to an offer, so that its request has news.
    ///
    /// # Errors
    /// It is refused.
    pub(crate) async fn answered(&self, number: u64) -> anyhow::Result<RequestRecord> {
        let (record, delivery_id) = self.offered(DIRECT, number).await?;
        let answer = Answer {
            target: Target::Delivery(delivery_id),
            party: DIRECT.parse()?,
            environment: Environment::Prod,
            status: AnswerStatus::Accepted,
            reason: None,
            details: None,
            at: SystemClock.now(),
        };
        self.few.apply(answer, Urgency::Ours, None).await?;
        read(&self.few, record.head.id).await
    }
}

/// The newest event of a request, as EventBridge writes it.
///
/// # Errors
/// The newest row is none.
pub(crate) fn newest_event(record: &RequestRecord) -> anyhow::Result<Value> {
    let entry = record.journal.last().context("a journal")?.clone();
    let about = About { user_id: record.head.user_id.clone(), environment: record.head.environment };
    let happened = Happened { entry, request: Some(about), detail: Some(record.detail.clone()) };
    Ok(serde_json::to_value(publish::event(&happened)?.context("an event")?)?)
}

async fn read(store: &Aws, id: RequestId) -> anyhow::Result<RequestRecord> {
    store.request(id, false).await?.context("the request")
}

async fn config(url: &str) -> SdkConfig {
    let nobody = Credentials::new("nobody", "nothing", None, None, "a benchmark");
    let config = aws_config::defaults(BehaviorVersion::latest()).region("eu-central-1").endpoint_url(url);
    config.credentials_provider(nobody).load().await
}

async fn store(config: &SdkConfig, table: &str, sealer: &Sealer) -> anyhow::Result<Aws> {
    let randomness = Arc::new(OsRandomness::new()?);
    let table = Table::new(config, table, randomness.clone());
    table.create().await?;
    Ok(Aws::new(table, sealer.clone(), Arc::new(SystemClock), randomness))
}

fn delivery(more: Value) -> anyhow::Result<DeliverySettings> {
    let mut settings = json!({ "mode": "push", "signed": false, "auth": { "type": "none" }, "max_age_hours": 24 });
    settings.as_object_mut().context("an object")?.extend(more.as_object().cloned().unwrap_or_default());
    Ok(serde_json::from_value(settings)?)
}

fn party(id: &str, filter: Option<Pattern>, delivery: DeliverySettings) -> anyhow::Result<Party> {
    let [prod, test, dev] = Default::default();
    let new = Party::new(id.parse()?, format!("Party {id}"), format!("{id}@example.com"), SystemClock.now());
    // As if the route were made: what the managed transport carries is handed over.
    let prod = EnvironmentSettings { filter, delivery, route: true, ..prod };
    Ok(Party { environments: [prod, test, dev], ..new })
}
