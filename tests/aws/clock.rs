//! What the clock does every minute and every hour: what the stream lost, what nobody fetched, routes that are not what
//! they should be. And parties that are more than one bus has rules for.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{
    PartyServer, Reply, Stack, eventually,
    market::{delivery_of, entries},
    stack::{Deployment, Observer},
};

/// Rows of the table.
struct Rows<'a>(&'a Stack);

impl Rows<'_> {
    async fn call(&self, operation: &str, mut body: Value) -> Value {
        body["TableName"] = self.0.output("TableName").into();
        self.0.services().json("dynamodb", &format!("DynamoDB_20120810.{operation}"), &body).await
    }

    /// The rows of a request whose sort key begins like this.
    async fn of(&self, request: &str, beginning: &str) -> Vec<Value> {
        let found = self.call(
            "Query",
            json!({
                "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
                "ExpressionAttributeValues": { ":pk": { "S": format!("R#{request}") }, ":sk": { "S": beginning } },
            }),
        );
        found.await["Items"].as_array().expect("rows").clone()
    }

    async fn put(&self, row: &Value) {
        self.call("PutItem", json!({ "Item": row })).await;
    }
}

/// A time as keys have it.
fn key_time(time: Timestamp) -> String {
    platform_aws::item::time_text(time)
}

fn ago(seconds: i64) -> Timestamp {
    let now = i64::try_from(tests::clock::seconds_since_1970()).expect("a time of this century");
    Timestamp::from_second(now - seconds).expect("a time of this century")
}

/// The targets of a rule of a bus; none when there is no rule.
async fn targets(stack: &Stack, bus: &str, rule: &str) -> Vec<Value> {
    let rule = json!({ "Rule": rule, "EventBusName": bus });
    let answer = stack.services().try_json("events", "AWSEvents.ListTargetsByRule", &rule).await;
    answer.json()["Targets"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn what_the_stream_lost_is_put_on_the_bus_by_the_minute() {
    let stack = Stack::start().await;
    let observer = Observer::on(&stack).await;
    let user = stack.register().await;
    let id = user.place(json!({})).await;
    stack.until_status(&id, "unmatched").await;
    let of_it = |event: &Value| {
        event["detail-type"] == "marketplace requests" && event["detail"]["metadata"]["correlation_id"] == id.as_str()
    };
    observer.event("the request is on the bus", of_it).await;

    // As if it had never been.
    let rows = Rows(&stack);
    let mut row = rows.of(&id, "J#").await.remove(0);
    let place = format!("R#{id}#{}", row["sk"]["S"].as_str().expect("a key"));
    row["unpub_pk"] = json!({ "S": "UNPUB#0" });
    row["unpub_sk"] = json!({ "S": format!("{}#{place}", key_time(ago(60))) });
    rows.put(&row).await;
    let again = async || (observer.events().await.iter().filter(|event| of_it(event)).count() == 2).then_some(());
    eventually("it is on the bus again", again).await;
    let waits = async || rows.of(&id, "J#").await.iter().all(|row| row["unpub_pk"].is_null()).then_some(());
    eventually("it waits no more", waits).await;
}

#[tokio::test]
async fn what_nobody_fetched_for_fourteen_days_expires_by_the_hour() {
    let stack = Stack::start().await;
    let party = stack.join("shop").await;
    let user = stack.register().await;
    let id = user.place(json!({ "third_party": "shop" })).await;
    stack.until_offer(&id, "shop", "pending").await;

    let rows = Rows(&stack);
    let mut row = rows.of(&id, "O#").await.remove(0);
    let long_ago = ago(15 * 24 * 3_600);
    let attribute = row["inbox_sk"]["S"].as_str().expect("it is in the inbox").to_owned();
    let (_, offer) = attribute.split_once('#').expect("a time and an id");
    row["inbox_sk"] = json!({ "S": format!("{}#{offer}", key_time(long_ago)) });
    let document = row.as_object().expect("a row").iter().find_map(|(name, value)| {
        let text = value["S"].as_str().filter(|text| text.starts_with('{'))?;
        Some((name.clone(), serde_json::from_str::<Value>(text).expect("JSON")))
    });
    let (name, mut offer) = document.expect("a document");
    for field in ["created_at", "available_at", "next_attempt_at"] {
        offer["message"][field] = long_ago.to_string().into();
    }
    row[name] = json!({ "S": offer.to_string() });
    rows.put(&row).await;

    stack.invoke("clock", &json!({ "tick": "hour" })).await.expect("it ticks");
    let view = stack.until_offer(&id, "shop", "expired").await;
    assert_eq!(entries(&view, "offer.expired").len(), 1);
    assert!(party.lease(json!({})).await.is_empty());
    party.answer(&delivery_of(&view, "shop"), "accepted").await.refused(409);
}

#[tokio::test]
async fn routes_are_repaired_by_the_hour() {
    let stack = Stack::start().await;
    let server = PartyServer::always(Reply::status(200)).await;
    let observer = Observer::on(&stack).await;
    let party = stack.join("shop").await;
    party.takes_pushes(json!({ "url": server.url("/hook"), "transport": "managed" })).await;
    observer.route("shop").await;
    let (bus, mine, stray) = (stack.output("BusName"), "marketplace-to-shop-prod", "marketplace-to-nobody-prod");

    // Somebody takes the target away by hand, and leaves the rule of a party that is none.
    let call = async |operation: &str, body: Value| {
        stack.services().json("events", &format!("AWSEvents.{operation}"), &body).await;
    };
    let ids: Vec<_> = targets(&stack, bus, mine).await.iter().map(|target| target["Id"].clone()).collect();
    call("RemoveTargets", json!({ "Rule": mine, "EventBusName": bus, "Ids": ids })).await;
    call("PutRule", json!({ "Name": stray, "EventBusName": bus, "EventPattern": "{\"source\":[\"none\"]}" })).await;
    stack.invoke("clock", &json!({ "tick": "hour" })).await.expect("it ticks");

    assert_eq!(targets(&stack, bus, mine).await.len(), 1);
    let describe = json!({ "Name": stray, "EventBusName": bus });
    assert_eq!(stack.services().try_json("events", "AWSEvents.DescribeRule", &describe).await.status, 400);
    let user = stack.register().await;
    let id = user.place(json!({ "third_party": "shop" })).await;
    server.wait_for_message("offer.created", &id).await;
}

#[tokio::test]
async fn parties_are_spread_over_several_buses() {
    let stack = Deployment::default().parameter("PartyBuses", "3").start().await;
    let observer = Observer::on(&stack).await;
    let server = PartyServer::always(Reply::status(200)).await;
    let user = stack.register().await;
    let mut buses = vec![];
    for party in ["ann", "bob", "cid", "dora"] {
        let joined = stack.join(party).await;
        joined.takes_pushes(json!({ "url": server.url(&format!("/{party}")), "transport": "managed" })).await;
        let rule = format!("marketplace-to-{party}-prod");
        observer.route(party).await;
        for bus in ["marketplace", "marketplace-1", "marketplace-2"] {
            if !targets(&stack, bus, &rule).await.is_empty() {
                buses.push(bus);
            }
        }
        let id = user.place(json!({ "third_party": party })).await;
        server.wait_for_message("offer.created", &id).await;
    }
    buses.sort_unstable();
    buses.dedup();
    assert!(buses.len() > 1, "{buses:?}");
    assert_eq!(server.received().len(), 4, "nobody gets anything twice");
}

#[test]
fn a_time_of_a_key_is_in_microseconds() {
    assert_eq!(key_time(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1)), "0000000001000000");
}
