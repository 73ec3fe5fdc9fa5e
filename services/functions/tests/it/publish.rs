//! The table's stream, record by record as the table has the rows.

use aws_lambda_events::dynamodb::Event;
use aws_sdk_dynamodb::types::AttributeValue;
use data_encoding::BASE64;
use functions::publish;
use serde_json::{Map, Value, json};

use crate::world::World;

/// Every row of the table, as the stream tells of it (DynamoDB Developer Guide, `NEW_IMAGE`).
async fn stream(world: &World) -> Value {
    let client = aws_sdk_dynamodb::Client::new(world.config());
    let rows = client.scan().table_name("marketplace").send().await.unwrap().items.unwrap();
    let mut images: Vec<Map<String, Value>> = rows.into_iter().map(image).collect();
    images.sort_by_key(|image| image["sk"]["S"].to_string());
    let record = |(number, image): (usize, Map<String, Value>)| {
        json!({
            "eventID": format!("c4ca4238a0b923820dcc509a6f75849{number}"),
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-central-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_479_499_740,
                "Keys": { "pk": image["pk"], "sk": image["sk"] },
                "NewImage": image,
                "SequenceNumber": format!("sequence-{number:02}"),
                "SizeBytes": 112,
                "StreamViewType": "NEW_IMAGE",
            },
            "eventSourceARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/marketplace/stream/2026-11-21",
        })
    };
    json!({ "Records": images.into_iter().enumerate().map(record).collect::<Vec<_>>() })
}

fn image(row: std::collections::HashMap<String, AttributeValue>) -> Map<String, Value> {
    let attribute = |value| match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(bytes) => json!({ "B": BASE64.encode(bytes.as_ref()) }),
        other => panic!("{other:?}"),
    };
    row.into_iter().map(|(name, value)| (name, attribute(value))).collect()
}

async fn publish(world: &World, stream: &Value) -> Vec<String> {
    let batch: Event = serde_json::from_value(stream.clone()).unwrap();
    let response = publish::handle(batch, &world.outbox()).await.unwrap();
    let told = serde_json::to_value(&response).unwrap();
    let failures = told["batchItemFailures"].as_array().unwrap();
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
}

fn kinds(world: &World) -> Vec<String> {
    let mut kinds: Vec<_> =
        world.cloud.events().iter().map(|entry| entry["DetailType"].as_str().unwrap().to_owned()).collect();
    kinds.sort_unstable();
    kinds
}

#[tokio::test]
async fn rows_become_events_and_only_rows_that_are_events_do() {
    let world = World::new().await;
    world.join("books", &json!({ "mode": "poll" })).await;
    world.offered("books", false).await;
    let stream = stream(&world).await;
    assert!(stream["Records"].as_array().unwrap().len() > 5, "heads, bodies, keys and parties are among them");
    assert!(publish(&world, &stream).await.is_empty());
    assert_eq!(kinds(&world), ["marketplace 3rdparty", "marketplace delivery", "marketplace requests"]);
    let waiting = world.outbox().waiting_since().await.unwrap();
    assert_eq!(waiting, None, "nothing is left for the sweeper");
}

#[tokio::test]
async fn the_stream_goes_on_from_the_first_that_failed() {
    let world = World::new().await;
    world.join("books", &json!({ "mode": "poll" })).await;
    world.offered("books", false).await;
    let stream = stream(&world).await;
    world.cloud.refuses(Some(|entry| entry["DetailType"] == "marketplace delivery"));
    let [failed] = publish(&world, &stream).await.try_into().unwrap();
    let is_delivery =
        |record: &&Value| record["dynamodb"]["NewImage"]["document"]["S"].to_string().contains("offer.created");
    let delivery = stream["Records"].as_array().unwrap().iter().find(is_delivery).unwrap();
    assert_eq!(delivery["dynamodb"]["SequenceNumber"], failed);
    assert!(world.outbox().waiting_since().await.unwrap().is_some());
    world.cloud.refuses(None);
    assert!(publish(&world, &stream).await.is_empty());
    assert_eq!(kinds(&world).iter().filter(|kind| *kind == "marketplace delivery").count(), 1);
    assert_eq!(world.outbox().waiting_since().await.unwrap(), None);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_holds_up_nothing_and_is_not_forgotten() {
    let world = World::new().await;
    world.asked().await;
    let mut stream = stream(&world).await;
    let mut broken = stream["Records"][0].clone();
    broken["dynamodb"]["NewImage"] = json!({
        "pk": { "S": "R#1" }, "sk": { "S": "J#1" }, "unpub_pk": { "S": "UNPUB#1" }, "unpub_sk": { "S": "1" },
    });
    let mut foreign = stream["Records"][0].clone();
    foreign["dynamodb"]["NewImage"] = json!({ "pk": { "S": "R#1" }, "sk": { "S": "J#1" }, "odd": { "BOOL": true } });
    let records = stream["Records"].as_array_mut().unwrap();
    records.insert(0, broken);
    records.insert(0, foreign);
    assert!(publish(&world, &stream).await.is_empty());
    assert_eq!(kinds(&world), ["marketplace requests"]);
}
