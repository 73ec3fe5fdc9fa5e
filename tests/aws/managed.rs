//! Pushes that EventBridge makes (transport `managed`): routes made at run time, evidence from answers and from the bus's
//! log, and dead letters. The emulator retries nothing and gives nothing up, so dead letters are put into the queue in
//! the shape that AWS documents.

use serde_json::{Value, json};
use tests::{
    Party, PartyServer, Reply, Stack, eventually,
    market::{delivery_of, entries, offer_of, text},
    stack::{Observer, dead_letter},
};

/// A party whose messages EventBridge pushes, once its route is there.
async fn joined(stack: &Stack, id: &str, url: &str, observer: &Observer) -> Party {
    let party = stack.join(id).await;
    let auth = json!({ "type": "api-key", "name": "X-Party-Key", "value": "hush hush" });
    party.takes_pushes(json!({ "url": url, "transport": "managed", "auth": auth })).await;
    observer.route(id).await;
    party
}

/// The targets of a party's rule; none when there is no rule.
async fn targets(stack: &Stack, party: &str) -> Vec<Value> {
    let rule = json!({ "Rule": format!("marketplace-to-{party}-prod"), "EventBusName": stack.output("BusName") });
    let answer = stack.services().try_json("events", "AWSEvents.ListTargetsByRule", &rule).await;
    answer.json()["Targets"].as_array().cloned().unwrap_or_default()
}

/// The event `marketplace delivery` about an offer.
async fn delivery_event(observer: &Observer, delivery: &str) -> Value {
    let fits =
        |event: &Value| event["detail-type"] == "marketplace delivery" && event["detail"]["delivery_id"] == delivery;
    observer.event("the delivery is on the bus", fits).await
}

#[tokio::test]
async fn it_reaches_the_endpoint_and_an_answer_shows_that() {
    let stack = Stack::start().await;
    let server = PartyServer::always(Reply::status(202)).await;
    let party = joined(&stack, "shop", &server.url("/hook"), &Observer::on(&stack).await).await;
    let user = stack.register().await;
    let id = user.place(json!({ "third_party": "shop", "category": "books", "note": "a \"quoted\" note" })).await;

    let message = server.wait_for_message("offer.created", &id).await;
    assert_eq!((message.method.as_str(), message.path.as_str()), ("POST", "/hook"));
    assert!(message.webhook_id().starts_with("msg_"), "{message:?}");
    assert_eq!(message.header("x-party-key"), Some("hush hush"));
    let view = stack.until_offer(&id, "shop", "sent").await;
    let body = message.json();
    let expected = json!({
        "type": "offer.created",
        "timestamp": body["timestamp"],
        "data": {
            "delivery_id": delivery_of(&view, "shop"),
            "third_party": "shop",
            "environment": "prod",
            "request": {
                "id": id, "user_id": user.id, "request_status": "new", "3rdparty": "shop",
                "category": "books", "note": "a \"quoted\" note",
            },
        },
    });
    assert_eq!(body, expected);

    // Whoever answers has received it.
    party.answer(&delivery_of(&view, "shop"), "accepted").await.must_be(200);
    assert_eq!(user.request(&id).await["status"], "accepted");
    assert_eq!(server.received().len(), 1);
    assert!(!stack.stored_bytes().await.windows(9).any(|window| window == b"hush hush"));
}

#[tokio::test]
async fn the_buss_log_shows_that_it_arrived() {
    let stack = Stack::start().await;
    let observer = Observer::on(&stack).await;
    let server = PartyServer::always(Reply::status(200)).await;
    joined(&stack, "shop", &server.url("/hook"), &observer).await;
    let user = stack.register().await;
    let id = user.place(json!({ "third_party": "shop" })).await;
    let view = stack.until_offer(&id, "shop", "sent").await;
    let event = delivery_event(&observer, &delivery_of(&view, "shop")).await;

    // The shape of a record of the bus's log, which the emulator writes none of (EventBridge User Guide, "event bus logs").
    let record = json!({
        "resource_arn": event["resources"][0], "message_timestamp_ms": 1, "event_bus_name": "marketplace",
        "request_id": "r", "event_id": event["id"], "invocation_id": "i", "message_type": "INVOCATION_SUCCESS",
        "log_level": "INFO",
        "details": {
            "rule_arn": "arn:aws:events:eu-west-1:000000000000:rule/marketplace/marketplace-to-shop-prod",
            "target_arn": "arn:aws:events:eu-west-1:000000000000:api-destination/marketplace-to-shop-prod/x",
            "total_attempts": 2, "target_duration_ms": 12,
        },
        // The emulator takes a filter's pattern for words that have to be there; this is one of them.
        "emulator": ".message_type",
    });
    let logs = stack.services();
    let group = "/aws/vendedlogs/events/event-bus/marketplace";
    let stream = json!({ "logGroupName": group, "logStreamName": "s" });
    logs.json("logs", "Logs_20140328.CreateLogStream", &stream).await;
    let now = tests::clock::seconds_since_1970() * 1_000;
    let put = json!({
        "logGroupName": group, "logStreamName": "s",
        "logEvents": [{ "timestamp": now, "message": record.to_string() }],
    });
    logs.json("logs", "Logs_20140328.PutLogEvents", &put).await;

    let view = stack.until_offer(&id, "shop", "delivered").await;
    assert_eq!(entries(&view, "message.delivered").len(), 1);
    assert_eq!(offer_of(&view, "shop").unwrap()["attempts"][0]["outcome"], "delivered");
}

#[tokio::test]
async fn what_eventbridge_gives_up_is_a_dead_letter_that_can_be_sent_again() {
    let stack = Stack::start().await;
    let observer = Observer::on(&stack).await;
    let server = PartyServer::always(Reply::status(404)).await;
    joined(&stack, "shop", &server.url("/hook"), &observer).await;
    let user = stack.register().await;
    let id = user.place(json!({ "third_party": "shop" })).await;
    let view = stack.until_offer(&id, "shop", "sent").await;
    let delivery = delivery_of(&view, "shop");
    let event = delivery_event(&observer, &delivery).await;
    let first = server.wait_for_message("offer.created", &id).await;

    let queue = stack.services().queue("marketplace-ManagedDeadLetters").await;
    let letter = dead_letter(&queue, &event);
    // Twice, as SQS may bring it.
    for _ in 0..2 {
        stack.services().json("sqs", "AmazonSQS.SendMessage", &letter).await;
    }
    stack.until_offer(&id, "shop", "failed").await;
    let dead = stack.operator.get("/v1/dead-letters").await.must_be(200);
    let [dead] = &dead["items"].as_array().unwrap()[..] else { panic!("one dead letter: {dead:#}") };
    assert_eq!((text(&dead["delivery_id"]), text(&dead["reason"])), (delivery, "status_not_retried".to_owned()));

    server.becomes(|_, _| Reply::status(200));
    let replay = stack.operator.post("/v1/dead-letters/replay", json!({ "third_party": "shop" })).await.must_be(202);
    assert_eq!(replay["count"], 1);
    let again = server.wait_for(2).await;
    assert_eq!(again[1].webhook_id(), first.webhook_id());
    assert_eq!(again[1].json(), first.json());
    assert_eq!(stack.operator.get("/v1/dead-letters").await.must_be(200)["items"], json!([]));
}

#[tokio::test]
async fn a_party_that_moves_or_leaves_takes_its_route_along() {
    let stack = Stack::start().await;
    let (old, new) = (PartyServer::always(Reply::status(200)).await, PartyServer::always(Reply::status(200)).await);
    let party = joined(&stack, "shop", &old.url("/old"), &Observer::on(&stack).await).await;
    let user = stack.register().await;
    party.takes_pushes(json!({ "url": new.url("/new"), "transport": "managed" })).await;
    // The route follows later: until then, we push.
    let id = user.place(json!({ "third_party": "shop" })).await;
    let message = new.wait_for_message("offer.created", &id).await;
    assert_eq!(message.header("x-party-key"), None);
    assert!(old.received().is_empty());

    party.api.put("/v1/me/delivery", json!({ "mode": "poll" })).await.must_be(200);
    eventually("its route is gone", async || targets(&stack, "shop").await.is_empty().then_some(())).await;
    let id = user.place(json!({ "third_party": "shop" })).await;
    let view = stack.routed(&id).await;
    assert_eq!(offer_of(&view, "shop").unwrap()["status"], "pending");
}
