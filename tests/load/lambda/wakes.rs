//! Each function with its environment, and events that wake it, in the shapes of AWS.

use event_schema::names;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use platform_embedded::identity::AUDIENCE;
use serde_json::{Value, json};

use super::world::{DIRECT, ISSUER, MANAGED, TABLE, TABLE_OF_MANY, World, newest_event};
use crate::request;

/// How many events are prepared at the same time.
const AT_ONCE: usize = 8;

/// A function to be measured.
pub(crate) struct Function {
    /// The name of its program.
    pub(crate) name: &'static str,
    /// The program's arguments.
    pub(crate) arguments: &'static [&'static str],
    /// What of its environment the template sets.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Its events, each good for one invocation.
    pub(crate) wakes: Vec<Value>,
    /// Whether an answer says that all was done.
    pub(crate) is_done: fn(&Value) -> bool,
}

/// All functions, each with so many events. The first of them makes the user's account.
///
/// # Errors
/// Their events cannot be prepared.
pub(crate) async fn functions(world: &World, count: usize) -> anyhow::Result<Vec<Function>> {
    let function =
        |name, wakes, is_done| Function { name, arguments: &[], environment: environment(world, name), wakes, is_done };
    let numbers = || 0..count as u64;
    let all = |wakes: Vec<Value>| wakes;
    Ok(vec![
        function("user-confirmed", numbers().map(|number| confirmation(world, number)).collect(), is_event),
        function("marketplace-api", numbers().map(|number| new_request(world, number)).collect(), is_created),
        function("status-ingest", all(prepared(count, async |number| accepts(world, number).await).await?), is_ok),
        function("request-router", prepared(count, async |number| asked(world, number).await).await?, is_all_handled),
        function("notifier", prepared(count, async |number| accepted(world, number).await).await?, is_all_handled),
        function("webhook-sender", prepared(count, async |number| rings(world, number).await).await?, is_all_handled),
        function("outbox-publisher", prepared(count, async |number| row(world, number).await).await?, is_all_handled),
        function("delivery-recorder", prepared(count, async |number| dead(world, number).await).await?, is_all_handled),
        function("clock", vec![json!({ "tick": "minute" }); count], Value::is_null),
    ])
}

/// A function that gives back what it is woken with: this program, with another command.
pub(crate) fn echo(count: usize) -> Function {
    let wakes = vec![of_queue(&json!({ "a": "message" })); count];
    Function {
        name: "bench",
        arguments: &["echo"],
        environment: vec![],
        wakes,
        is_done: |answer| answer["Records"].is_array(),
    }
}

/// Prepares events side by side, in order.
async fn prepared(count: usize, one: impl AsyncFn(u64) -> anyhow::Result<Value>) -> anyhow::Result<Vec<Value>> {
    stream::iter((0..count as u64).map(|number| one(number))).buffered(AT_ONCE).try_collect().await
}

fn is_event(answer: &Value) -> bool {
    answer["triggerSource"].is_string()
}

fn is_created(answer: &Value) -> bool {
    answer["statusCode"] == 201
}

fn is_ok(answer: &Value) -> bool {
    answer["statusCode"] == 200
}

fn is_all_handled(answer: &Value) -> bool {
    answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty)
}

/// What the template sets, and where AWS is.
fn environment(world: &World, function: &str) -> Vec<(&'static str, String)> {
    let table = if function == "request-router" { TABLE_OF_MANY } else { TABLE };
    let url = world.stand_in.url();
    [
        ("AWS_ENDPOINT_URL", url.clone()),
        ("AWS_ENDPOINT_URL_DYNAMODB", world.engine.url()),
        ("MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS", "true".to_owned()),
        ("MARKETPLACE_BUSES", "1".to_owned()),
        ("MARKETPLACE_DOORBELL_QUEUE", format!("{url}/123456789012/doorbell")),
        ("MARKETPLACE_JWKS_URL", format!("{url}/jwks.json")),
        ("MARKETPLACE_MAIL_FROM", "market@example.com".to_owned()),
        ("MARKETPLACE_MANAGED_DEAD_LETTERS", "arn:aws:sqs:eu-central-1:123456789012:dead".to_owned()),
        ("MARKETPLACE_MANAGED_ROLE", "arn:aws:iam::123456789012:role/managed".to_owned()),
        ("MARKETPLACE_MAX_WAIT_SECONDS", "0".to_owned()),
        ("MARKETPLACE_PUBLIC_URL", "https://market.example".to_owned()),
        ("MARKETPLACE_SECRETS_KEY", "key".to_owned()),
        ("MARKETPLACE_SIGNUP", "off".to_owned()),
        ("MARKETPLACE_TABLE", table.to_owned()),
        ("MARKETPLACE_TOKEN_CLIENT", AUDIENCE.to_owned()),
        ("MARKETPLACE_TOKEN_ISSUER", ISSUER.to_owned()),
    ]
    .to_vec()
}

/// Cognito tells of a confirmed user (Amazon Cognito Developer Guide, "Post confirmation Lambda trigger"); first of ours.
fn confirmation(world: &World, number: u64) -> Value {
    let sub = if number == 0 { world.user.to_string() } else { format!("usr_{number}") };
    let attributes = json!({ "sub": sub, "email": format!("ann-{number}@example.com"), "email_verified": "true" });
    json!({
        "version": "1", "region": "eu-central-1", "userPoolId": "eu-central-1_bench", "userName": sub,
        "callerContext": { "awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client" },
        "triggerSource": "PostConfirmation_ConfirmSignUp", "request": { "userAttributes": attributes }, "response": {},
    })
}

fn new_request(world: &World, number: u64) -> Value {
    let body = request::body(&request::category(0), number);
    of_http_api("/v1/requests", "authorization", &format!("Bearer {}", world.token), &body)
}

async fn accepts(world: &World, number: u64) -> anyhow::Result<Value> {
    let (_, delivery_id) = world.offered(DIRECT, number).await?;
    let path = format!("/v1/deliveries/{delivery_id}/status");
    Ok(of_http_api(&path, "x-api-key", &world.key, r#"{"status":"accepted"}"#))
}

async fn asked(world: &World, number: u64) -> anyhow::Result<Value> {
    let record = world.asked_of_many(usize::try_from(number)?).await?;
    Ok(of_queue(&newest_event(&record)?))
}

async fn accepted(world: &World, number: u64) -> anyhow::Result<Value> {
    Ok(of_queue(&newest_event(&world.answered(number).await?)?))
}

async fn rings(world: &World, number: u64) -> anyhow::Result<Value> {
    Ok(of_queue(&newest_event(&world.offered(DIRECT, number).await?.0)?))
}

/// What EventBridge could not deliver (EventBridge User Guide, "Using dead-letter queues").
async fn dead(world: &World, number: u64) -> anyhow::Result<Value> {
    let event = newest_event(&world.offered(MANAGED, number).await?.0)?;
    anyhow::ensure!(event["detail-type"] == names::DELIVERY, "{event}");
    let mut batch = of_queue(&event);
    let text = |value: &str| json!({ "stringValue": value, "dataType": "String" });
    batch["Records"][0]["messageAttributes"] = json!({
        "RULE_ARN": text("arn:aws:events:eu-central-1:123456789012:rule/marketplace/route"),
        "TARGET_ARN": text("arn:aws:events:eu-central-1:123456789012:api-destination/route"),
        "ERROR_CODE": text("ERROR_FROM_TARGET"), "ERROR_MESSAGE": text("no"), "RETRY_ATTEMPTS": text("185"),
        "EXHAUSTED_RETRY_CONDITION": text("MaximumRetryAttempts"),
    });
    Ok(batch)
}

/// A batch of one record of the table's stream (Lambda Developer Guide, "Using AWS Lambda with Amazon DynamoDB").
async fn row(world: &World, number: u64) -> anyhow::Result<Value> {
    let image = world.newest_image(world.asked(number).await?.head.id).await?;
    let change = json!({
        "ApproximateCreationDateTime": 1_800_000_000, "Keys": { "pk": image["pk"], "sk": image["sk"] },
        "NewImage": image, "SequenceNumber": "111", "SizeBytes": 700, "StreamViewType": "NEW_IMAGE",
    });
    Ok(json!({ "Records": [{
        "eventID": "1", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1", "dynamodb": change,
        "eventSourceARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/marketplace/stream/1",
    }] }))
}

/// A batch of one message (Lambda Developer Guide, "Using Lambda with Amazon SQS").
fn of_queue(body: &Value) -> Value {
    json!({ "Records": [{
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "receiptHandle": "handle", "body": body.to_string(),
        "attributes": {
            "ApproximateReceiveCount": "1", "SentTimestamp": "1800000000000", "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1800000000001",
        },
        "messageAttributes": {}, "md5OfBody": "0", "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:queue", "awsRegion": "eu-central-1",
    }] })
}

/// A call to an HTTP API, payload format 2.0 (API Gateway Developer Guide, "Lambda proxy integrations for HTTP APIs").
fn of_http_api(path: &str, credential: &str, value: &str, body: &str) -> Value {
    let host = "abc.execute-api.eu-central-1.amazonaws.com";
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": { "host": host, "content-type": "application/json", credential: value },
        "requestContext": {
            "accountId": "123456789012", "apiId": "abc", "domainName": host, "domainPrefix": "abc",
            "http": {
                "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "bench",
            },
            "requestId": "id", "routeKey": "$default", "stage": "$default", "time": "21/Nov/2026:14:00:00 +0000",
            "timeEpoch": 1_795_269_600_000_u64,
        },
        "body": body, "isBase64Encoded": false,
    })
}
