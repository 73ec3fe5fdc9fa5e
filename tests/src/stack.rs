//! The stack of `infra/template.yaml`, deployed to an emulator of AWS that runs the real functions.

mod between;
mod elsewhere;
mod emulator;
mod leniency;
mod observer;
mod people;
mod record;
mod refusals;
mod service;

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    ops::Deref,
    sync::Arc,
    time::Duration,
};

use data_encoding::BASE64;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

pub(crate) use self::elsewhere::Elsewhere;
use self::record::Record;
pub use self::{
    between::{Between, Call, Fate},
    emulator::{Emulator, REGION},
    observer::Observer,
    people::{Person, Pool},
    refusals::dead_letter,
    service::Services,
};
use crate::{Market, aws::AwsClient, eventually, mailbox::Mailbox, market::People, surroundings};

/// The stack's name, which is also its bus's.
const NAME: &str = "marketplace";

/// Where the template says that the zips are.
const ARTEFACTS: &str = "marketplace-artefacts";

/// Whose mail it is.
const MAIL_IDENTITY: &str = "marketplace.example";

/// The pause between two ticks of the clock, which are a minute apart on AWS: what is overdue is found within tests'
/// patience.
const TICK: Duration = Duration::from_secs(3);

/// A deployed stack. Calls go through the [`Market`] that it is; all of it is gone when this is dropped.
pub struct Stack {
    market: Market,
    services: Services,
    outputs: HashMap<String, String>,
    ticking: JoinHandle<()>,
    record: Record,
    between: Between,
    emulator: Emulator,
}

#[expect(clippy::print_stderr, reason = "why a test failed")]
impl Drop for Stack {
    fn drop(&mut self) {
        self.ticking.abort();
        self.record.keep(&self.between.calls());
        let denied = self.between.denied();
        if std::thread::panicking() {
            eprintln!("denied: {denied:#?}");
        } else {
            assert!(denied.is_empty(), "roles do not allow what their functions do: {denied:#?}");
        }
    }
}

/// How a stack is deployed.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    parameters: BTreeMap<String, String>,
}

impl Deployment {
    /// Sets a parameter of the template.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Starts an emulator and deploys.
    pub async fn start(self) -> Stack {
        self.behind(Between::start(|_| Fate::Passes).await).await
    }

    /// Starts an emulator that functions call through this, and deploys.
    ///
    /// # Panics
    /// When the emulator refuses the stack.
    pub async fn behind(self, between: Between) -> Stack {
        let emulator = Emulator::start(&between.url()).await;
        between.leads_to(&emulator);
        let services = Services::at(&emulator.url());
        upload(&services).await;
        // Mail is sent by whom the account has verified; on AWS that is done once, before the stack.
        let identity = json!({ "EmailIdentity": MAIL_IDENTITY }).to_string();
        services.rest("ses", Method::POST, "/v2/email/identities", identity.into_bytes()).await.must_be(200);
        create(&services, self.parameters(&emulator)).await;
        leniency::grant(&services).await;
        let outputs = outputs(&services).await;
        let output = |name: &str| outputs.get(name).cloned().unwrap_or_else(|| panic!("no output {name}"));
        let trigger = output("UserConfirmedName");
        let pool = Pool::new(services.clone(), output("UserPoolId"), output("UserPoolClientId"), trigger);
        let operator = pool.operator().await;
        // The emulator tells APIs by the host's name.
        let api = output("ApiUrl");
        let api = api.trim_start_matches("https://").split('.').next().unwrap_or_default();
        let base = format!("http://{api}.execute-api.localhost:{}", emulator.address().port());
        let people = People::Pool(Arc::new(Elsewhere::new(pool, services.clone(), output("BusName"))));
        let market = Market::with_people(&base, &operator.token, Mailbox::of_services(services.clone()), people);
        let ticking = tokio::spawn(tick(services.clone()));
        let record = Record::of(&services, NAME).await;
        Stack { market, services, outputs, ticking, record, between, emulator }
    }

    fn parameters(&self, emulator: &Emulator) -> BTreeMap<String, String> {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let parameters = [
            ("Architecture", architecture),
            ("PasswordSignIn", "true"),
            ("AllowPrivateEndpoints", "true"),
            ("CognitoEndpoint", &emulator.url()),
            ("MailFrom", &format!("notices@{MAIL_IDENTITY}")),
            ("MailIdentity", MAIL_IDENTITY),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        parameters.into_iter().chain(self.parameters.clone()).collect()
    }
}

impl Stack {
    /// Deploys the stack as it is by default.
    pub async fn start() -> Self {
        Deployment::default().start().await
    }

    /// AWS's services in its account.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// One of its outputs.
    ///
    /// # Panics
    /// When it has no such output.
    #[must_use]
    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("no output {name}"))
    }

    /// The emulator.
    #[must_use]
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// What stands between its functions and the emulator.
    #[must_use]
    pub fn between(&self) -> &Between {
        &self.between
    }

    /// Invokes one of its functions, such as `clock`, with this event.
    ///
    /// # Errors
    /// What it failed with.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, Value> {
        self.services.invoke(&format!("{NAME}-{function}"), event).await
    }

    /// Everything in its table, as it lies there.
    ///
    /// # Panics
    /// When the table is not what a table is.
    pub async fn stored_bytes(&self) -> Vec<u8> {
        let mut scan = json!({ "TableName": self.output("TableName") });
        let mut bytes = vec![];
        loop {
            let page = self.services.json("dynamodb", "DynamoDB_20120810.Scan", &scan).await;
            for item in page["Items"].as_array().expect("items") {
                for value in item.as_object().expect("a row").values() {
                    let (kind, value) = value.as_object().and_then(|typed| typed.iter().next()).expect("a value");
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    bytes.extend(match kind.as_str() {
                        "B" => BASE64.decode(text.as_bytes()).expect("BASE64"),
                        _ => text.into_bytes(),
                    });
                }
            }
            if page["LastEvaluatedKey"].is_null() {
                return bytes;
            }
            scan["ExclusiveStartKey"] = page["LastEvaluatedKey"].clone();
        }
    }

    /// The real `aws` client, aimed at its account.
    #[must_use]
    pub fn aws(&self) -> AwsClient {
        AwsClient::new(&self.emulator.url(), "test")
    }
}

impl Deref for Stack {
    type Target = Market;

    fn deref(&self) -> &Market {
        &self.market
    }
}

/// Has the clock tick until the stack is gone.
async fn tick(services: Services) {
    let clock = format!("{NAME}-clock");
    loop {
        tokio::time::sleep(TICK).await;
        // Whoever breaks the clock sees to what follows.
        services.invoke(&clock, &json!({ "tick": "minute" })).await.ok();
    }
}

async fn upload(services: &Services) {
    let put = async |path: &str, bytes: Vec<u8>| {
        let answer = services.rest("s3", Method::PUT, path, bytes).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    let bucket = format!(
        "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
    );
    put(&format!("/{ARTEFACTS}"), bucket.into_bytes()).await;
    let folder = surroundings::stack_folder();
    for entry in fs::read_dir(&folder).expect("the packaged stack") {
        let path = entry.expect("a file").path();
        if path.is_file() {
            let name = path.file_name().expect("a name").to_string_lossy();
            put(&format!("/{ARTEFACTS}/{name}"), fs::read(&path).expect("a file")).await;
        }
    }
}

async fn create(services: &Services, parameters: BTreeMap<String, String>) {
    let mut fields = vec![
        ("Action".to_owned(), "CreateStack".to_owned()),
        ("Version".to_owned(), "2010-05-15".to_owned()),
        ("StackName".to_owned(), NAME.to_owned()),
        ("TemplateURL".to_owned(), services.url(&format!("/{ARTEFACTS}/template.json"))),
        ("Capabilities.member.1".to_owned(), "CAPABILITY_IAM".to_owned()),
        ("Capabilities.member.2".to_owned(), "CAPABILITY_AUTO_EXPAND".to_owned()),
    ];
    for (number, (name, value)) in (1..).zip(parameters) {
        fields.push((format!("Parameters.member.{number}.ParameterKey"), name));
        fields.push((format!("Parameters.member.{number}.ParameterValue"), value));
    }
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    services.form("cloudformation", &fields).await;
    eventually("the stack is deployed", async || {
        let stack = describe(services, "DescribeStacks").await;
        let state = between(&stack, "<StackStatus>", "</StackStatus>").next()?.to_owned();
        if state.ends_with("_IN_PROGRESS") && !state.contains("ROLLBACK") {
            return None;
        }
        if state != "CREATE_COMPLETE" {
            panic!("the stack is {state}: {}", describe(services, "DescribeStackEvents").await);
        }
        Some(())
    })
    .await;
}

async fn outputs(services: &Services) -> HashMap<String, String> {
    let stack = describe(services, "DescribeStacks").await;
    let names = between(&stack, "<OutputKey>", "</OutputKey>");
    names.zip(between(&stack, "<OutputValue>", "</OutputValue>")).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

async fn describe(services: &Services, action: &str) -> String {
    services.form("cloudformation", &[("Action", action), ("Version", "2010-05-15"), ("StackName", NAME)]).await
}

/// What stands between these marks, every time that they come.
fn between<'a>(text: &'a str, begin: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(begin).skip(1).filter_map(move |after| after.split(end).next())
}
