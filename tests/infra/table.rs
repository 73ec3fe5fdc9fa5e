//! The table in the template is the one that the adapters expect.

use platform_aws::{
    item::{PK, SK},
    table::{Index, TTL_ATTRIBUTE},
};
use serde_json::{Value, json};

use crate::template::STACK;

fn key_schema(pk: &str, sk: &str) -> Value {
    json!([{ "AttributeName": pk, "KeyType": "HASH" }, { "AttributeName": sk, "KeyType": "RANGE" }])
}

#[test]
fn the_template_and_the_adapters_mean_the_same_table() {
    let table = STACK.at("/Resources/Table/Properties");
    let index = |index: Index| {
        json!({
            "IndexName": index.name(),
            "KeySchema": key_schema(index.pk(), index.sk()),
            "Projection": { "ProjectionType": "KEYS_ONLY" },
        })
    };
    let keys = Index::ALL.into_iter().flat_map(|index| [index.pk(), index.sk()]);
    let attributes = [PK, SK].into_iter().chain(keys);
    let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    assert_eq!(table["KeySchema"], key_schema(PK, SK));
    assert_eq!(table["AttributeDefinitions"], attributes.map(attribute).collect::<Value>());
    assert_eq!(table["GlobalSecondaryIndexes"], Index::ALL.into_iter().map(index).collect::<Value>());
    assert_eq!(table["TimeToLiveSpecification"], json!({ "AttributeName": TTL_ATTRIBUTE, "Enabled": true }));
    assert_eq!(table["BillingMode"], "PAY_PER_REQUEST");
}

#[test]
fn the_stream_carries_what_the_publisher_reads_and_the_past_can_be_restored() {
    let table = STACK.at("/Resources/Table/Properties");
    assert_eq!(table["StreamSpecification"]["StreamViewType"], "NEW_IMAGE");
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
}

/// Else every write of anything would wake the publisher.
#[test]
fn only_unpublished_rows_wake_the_publisher() {
    let journal = STACK.at("/Resources/OutboxPublisher/Properties/Events/Journal/Properties");
    let pattern = journal["FilterCriteria"]["Filters"][0]["Pattern"].as_str().expect("a pattern");
    let pattern: Value = serde_json::from_str(pattern).expect("JSON");
    let unpublished = Index::Unpublished.pk();
    let expected =
        json!({ "eventName": ["INSERT"], "dynamodb": { "NewImage": { unpublished: { "S": [{ "exists": true }] } } } });
    assert_eq!(pattern, expected);
}
